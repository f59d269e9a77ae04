"""The compiled checksum is zlib's, folded and by tables, at every size and alignment."""

import ctypes
import zlib

import numpy as np
import pytest
from numba import cfunc

from gateway.lanes.crc_tables import tables
from gateway.native import crc32
from gateway.native.memory import I64

SIZES = [*range(100), 128, 336, 344, 4_095, 4_096, 65_537]


@pytest.mark.parametrize("folds", [False, pytest.param(True, marks=pytest.mark.skipif(not crc32.FOLDS, reason="CPU"))])
def test_the_checksum_is_zlibs(monkeypatch, folds):
    monkeypatch.setattr(crc32, "FOLDS", folds)
    found = cfunc(I64(I64, I64, I64), error_model="numpy")(crc32.crc32.py_func).ctypes
    table = ctypes.create_string_buffer(tables())
    random = np.random.default_rng(1)
    for size in SIZES:
        data = random.bytes(size + 3)
        for skipped in (0, 3):
            held = ctypes.create_string_buffer(data[skipped:] + bytes(1))
            given = len(data) - skipped
            assert found(ctypes.addressof(table), ctypes.addressof(held), given) == zlib.crc32(data[skipped:]), given
    unaligned = ctypes.create_string_buffer(random.bytes(700))
    for at in range(16):
        wanted = zlib.crc32(unaligned.raw[at : at + 344])
        assert found(ctypes.addressof(table), ctypes.addressof(unaligned) + at, 344) == wanted
