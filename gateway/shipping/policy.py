"""A model's log policy on its columns: which leave, which leave as digests, which without values, which not at all.

What cannot be told is not let go: a rule that names nothing a version has masks all of that version's tensors, and a
column that holds several features, of which one is not kept, is masked.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gateway.sampling import mix_of, sampled
from gateway.shipping.digests import hashed_list, hashed_numbers, hashed_strings, masked_list
from gateway.shipping.frames import Frames
from gateway.shipping.tensors import SIDES, Named, Tensor
from gnomon.domain import ALL_BP, HEADER_COLUMNS, LogPolicy, Treatment

MASKED_TEXT = "***"
KEY_VARIABLE = "GNOMON_HASH_KEY"  # not a setting: settings are written to a file
KEY_BYTES = (16, 64)
COLUMN = re.compile(r"(?P<tensor>.+?)(\[(?P<column>\d+)\])?")
Feature = tuple[str, int | None]  # a tensor's name with its side, and one of its columns; None: all


class PolicyUnusable(OSError):
    """A policy that cannot be followed now: nothing is exported, and it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatments:
    """A policy on the columns of one version."""

    sample_bp: int = ALL_BP
    otherwise: Treatment = Treatment.KEEP
    headers: Mapping[str, Treatment] = field(default_factory=dict)
    features: Mapping[Feature, Treatment] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()  # columns of rules that the version does not have
    names: Mapping[Feature, str] = field(default_factory=dict)  # what features are called in the version's profile
    key: bytes = b""

    def sampled(self, frames: Frames) -> NDArray[np.bool_]:
        """(n,): of which calls the tensors leave. A shadow's go with those of the call it was a shadow of."""
        if self.sample_bp == ALL_BP:
            return np.ones(len(frames), np.bool_)
        return sampled(mix_of("log"), _numbers_of(frames), self.sample_bp)

    def of(self, tensor: Tensor, column: int | None) -> Treatment:
        """`column` is None for one column that holds all of a tensor."""
        if self.unmatched:
            return Treatment.DROP if self.otherwise is Treatment.DROP else Treatment.MASK
        whole = self.features.get((tensor.name, None), self.otherwise)
        if column is not None:
            return self.features.get((tensor.name, column), whole)
        parts = {what for (name, each), what in self.features.items() if name == tensor.name and each is not None}
        if parts <= {whole}:
            return whole
        return Treatment.DROP if Treatment.DROP in parts | {whole} else Treatment.MASK

    def treated(self, tensor: Tensor, column: int | None, named: Named) -> Iterator[Named]:
        """The column as it may leave."""
        described, array = named
        treatment = self.of(tensor, column)
        if treatment is Treatment.DROP:
            return
        name = self.names.get((tensor.name, column))
        about = described.metadata if name is None else {**described.metadata, b"name": name.encode()}
        if treatment is Treatment.KEEP:
            yield described.with_metadata(about), array
            return
        about = {**about, b"treatment": treatment.name.lower().encode()}
        array = masked_list(array) if treatment is Treatment.MASK else hashed_list(array, self._key())
        yield pa.field(described.name, array.type, metadata=about), array

    def header(self, name: str, array: pa.Array) -> pa.Array:
        """A text about the calls as it may leave."""
        treatment = self.headers.get(name, Treatment.KEEP)
        if treatment is Treatment.KEEP:
            return array
        if treatment is Treatment.HASH:
            text = pa.types.is_string(array.type)
            return hashed_strings(array, self._key()) if text else hashed_numbers(array, self._key())
        if treatment is Treatment.DROP or not pa.types.is_string(array.type):
            return pa.nulls(len(array), array.type)
        empty = pa.compute.equal(array, "")
        return pa.compute.if_else(empty, array, MASKED_TEXT)

    def _key(self) -> bytes:
        """Raises: PolicyUnusable without one, or for one that is too short, or too long for BLAKE2b."""
        if not self.key:
            raise PolicyUnusable(f"a log policy hashes columns, and the gateway has no key: set {KEY_VARIABLE}")
        if not KEY_BYTES[0] <= len(self.key) <= KEY_BYTES[1]:
            raise PolicyUnusable(f"{KEY_VARIABLE} has {len(self.key)} bytes: {KEY_BYTES[0]} to {KEY_BYTES[1]} expected")
        return self.key


EVERYTHING: Final = Treatments()


def treatments(
    policy: LogPolicy | None, tensors: Sequence[Tensor], names: Mapping[str, Sequence[Feature]], key: bytes
) -> Treatments:
    """The policy on these tensors. `names` are what features are called besides: in the version's profile."""
    called = {feature: name for name, found in names.items() for feature in found}
    if policy is None:
        return Treatments(names=called)
    headers: dict[str, Treatment] = {}
    features: dict[Feature, Treatment] = {}
    unmatched = []
    for rule in policy.rules:
        if rule.column in HEADER_COLUMNS:
            headers[rule.column] = rule.treatment
            continue
        found = [*_named(rule.column, tensors), *names.get(rule.column, ())]
        features |= dict.fromkeys(found, rule.treatment)
        if not found and tensors and rule.treatment is not Treatment.KEEP:
            unmatched.append(rule.column)
    return Treatments(
        sample_bp=policy.sample_bp, otherwise=policy.otherwise, headers=headers, features=features,
        unmatched=tuple(unmatched), names=called, key=key,
    )  # fmt: skip


def _named(text: str, tensors: Sequence[Tensor]) -> list[Feature]:
    """What a rule's column means: of every tensor of that name, whichever its side, unless it names the side."""
    parsed = COLUMN.fullmatch(text)
    if parsed is None:
        return []
    column = None if parsed["column"] is None else int(parsed["column"])
    return [(tensor.name, column) for tensor in tensors if parsed["tensor"] in _names_of(tensor)]


def _names_of(tensor: Tensor) -> set[str]:
    """`output.score` is also the score that a live version had answered where its shadow's is exported."""
    sides = {side for _, side, _ in SIDES if side == tensor.side}
    if tensor.side == "live_output":
        sides.add("output")
    return {tensor.tensor} | {f"{side}.{tensor.tensor}" for side in sides}


def _numbers_of(frames: Frames) -> NDArray[np.uint64]:
    """A number for each call, the same for a shadow's call as for that of its parent."""
    own, parent = (
        np.frombuffer(frames.headers[name].tobytes(), ">u8").reshape(-1, 2).astype(np.uint64)
        for name in ("prediction_id", "parent_id")
    )
    ids = np.where(parent.any(axis=1, keepdims=True), parent, own)
    with np.errstate(over="ignore"):
        mixed: NDArray[np.uint64] = ids[:, 1] + ids[:, 0] * np.uint64(0x9E3779B97F4A7C15)
    return mixed
