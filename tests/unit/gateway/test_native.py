"""Object files that cannot be used are refused with what is wrong; those of this machine can, without a compiler."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.lanes.crc_tables import tables
from gateway.listening import possible
from gateway.native import library as libraries
from gateway.native.objects import Code, ObjectFile, Unloadable


@pytest.fixture(scope="module")
def objects() -> dict[str, bytes]:
    libraries.library()
    folder = libraries._built()
    return {path.stem: path.read_bytes() for path in folder.glob("*.o")}


def test_bytes_that_are_no_object_file_are_refused() -> None:
    for data in (b"", b"\x7fELF", bytes(200)):
        with pytest.raises(Unloadable, match="not an object file"):
            ObjectFile(data)


def test_code_of_another_processor_is_refused(objects: dict[str, bytes]) -> None:
    data = bytearray(objects["receive"])
    data[18:20] = (183).to_bytes(2, "little")
    with pytest.raises(Unloadable, match="type 183; x86-64"):
        ObjectFile(bytes(data))


def test_a_symbol_that_no_library_has_is_named(objects: dict[str, bytes]) -> None:
    with pytest.raises(Unloadable, match="is in none of the libraries"):
        Code({"receive": objects["receive"]}, ())


def test_without_a_compiler_or_its_result_a_gateway_serves_on_grpcio(tmp_path: Path) -> None:
    """In a process of its own, whose cache is empty and whose compiler cannot be started."""
    code = (
        "import sys; from gateway import listening; from gateway.config import Config; "
        "sys.executable = '/nowhere/python'; print(listening.possible(Config()).transport)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "GNOMON_CACHE_DIR": str(tmp_path)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "grpcio"
    assert possible(Config()).transport == "ngh2"


def test_what_serves_has_not_imported_the_compiler() -> None:
    code = "import sys, gateway.worker, gateway.native.library as it; it.library(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numba", "llvmlite"} & set(done.stdout.split())


def test_checksum_tables_are_zlibs() -> None:
    table = tables()
    value = 0xFFFFFFFF
    for byte in b"a reader never believes half a frame":
        value = int.from_bytes(table[4 * ((value ^ byte) & 255) :][:4], "little") ^ value >> 8
    assert value ^ 0xFFFFFFFF == zlib.crc32(b"a reader never believes half a frame")
