"""Columns without their values: masked, or as keyed digests, the same digest for the same value.

BLAKE2b with a key of the gateway (RFC 7693), 16 bytes: without the key nobody can try values until one fits.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa

DIGEST_BYTES = 16


def masked_list(array: pa.Array) -> pa.Array:
    """As many values in each list, all null."""
    values = pa.nulls(len(array.values), array.type.value_type)
    return pa.ListArray.from_arrays(array.offsets, values, mask=array.is_null())


def hashed_list(array: pa.Array, key: bytes) -> pa.Array:
    """Lists of digests in hexadecimal."""
    values = array.values
    hashed = _hashed_binary(values, key) if pa.types.is_binary(values.type) else _hashed_bits(values, key)
    return pa.ListArray.from_arrays(array.offsets, hashed, mask=array.is_null())


def hashed_strings(array: pa.Array, key: bytes) -> pa.Array:
    """Digests in hexadecimal; what is empty stays so."""
    hashed = _hashed_binary(array.cast(pa.binary()), key)
    return pa.compute.if_else(pa.compute.equal(array, ""), array, hashed)


def hashed_numbers(array: pa.Array, key: bytes) -> pa.Array:
    """Of the same type, from the digest's first bytes."""
    width = array.type.bit_width // 8
    return _mapped(array, key, lambda digest: int.from_bytes(digest[:width], "little")).cast(array.type)


def digest(data: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(data, key=key, digest_size=DIGEST_BYTES).digest()


def _hashed_binary(values: pa.Array, key: bytes) -> pa.Array:
    encoded = values.dictionary_encode()
    digests = [digest(value.as_py(), key).hex() for value in encoded.dictionary]
    return pa.array(digests, pa.string()).take(encoded.indices)


def _hashed_bits(values: pa.Array, key: bytes) -> pa.Array:
    """By the bits of a number, which a NaN has too."""
    return _mapped(values, key, bytes.hex).cast(pa.string())


def _mapped(values: pa.Array, key: bytes, text: Callable[[bytes], object]) -> pa.Array:
    numbers = np.ascontiguousarray(values.to_numpy(zero_copy_only=False))
    different, places = np.unique(numbers.view(f"u{numbers.itemsize}"), return_inverse=True)
    digests = [text(digest(bits.tobytes(), key)) for bits in different]
    kind = pa.string() if digests and isinstance(digests[0], str) else pa.uint64()
    return pa.array(digests, kind).take(pa.array(places))
