"""Loads object files into memory without a compiler or its library: a worker needs neither, and they take 60 MB.

Object files as gateway.native.build makes them (ELF, System V ABI for x86-64): whole addresses are all there is to
relocate. What a file refers to is looked up in the file itself, then in the libraries given, and what only code for
errors that cannot happen refers to becomes `abort`.
"""

import ctypes
import mmap
import struct
from collections.abc import Sequence
from typing import NamedTuple

MACHINE_X86_64 = 62
ABSOLUTE_64 = 1  # R_X86_64_64
SHT_RELA, SHT_SYMTAB, SHT_NOBITS = 4, 2, 8
SHF_ALLOC = 2
UNDEFINED, ABSOLUTE, COMMON = 0, 0xFFF1, 0xFFF2
ALIGN = 64
UNREACHED = ("Py", "numba_", "NRT_")  # of the interpreter and of numba: raising, which this code does not

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")


class Unloadable(RuntimeError):
    """An object file that cannot be used here; the message says why."""


class Section(NamedTuple):
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int


class Symbol(NamedTuple):
    name: str
    section: int
    value: int


class ObjectFile:
    """One file, read. Raises: Unloadable."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER.size or data[:6] != b"\x7fELF\2\1":
            raise Unloadable("not an object file of this machine")
        _, _, machine, _, _, _, at, _, _, _, _, entry, count, _ = _HEADER.unpack_from(data)
        if machine != MACHINE_X86_64:
            raise Unloadable(f"machine code of type {machine}; x86-64 is what can be loaded")
        self.data = data
        fields = (_SECTION.unpack_from(data, at + number * entry) for number in range(count))
        self.sections = [Section(row[1], row[2], row[4], row[5], row[6], row[7]) for row in fields]
        table = next(section for section in self.sections if section.kind == SHT_SYMTAB)
        names = self.sections[table.link].offset
        self.symbols = [
            self._symbol(names, *_SYMBOL.unpack_from(data, table.offset + at))
            for at in range(0, table.size, _SYMBOL.size)
        ]

    def _symbol(self, names: int, name: int, info: int, other: int, section: int, value: int, size: int) -> Symbol:
        begin = names + name
        return Symbol(self.data[begin : self.data.index(b"\0", begin)].decode(), section, value)

    def loaded(self) -> list[int]:
        """Numbers of the sections that go into memory; unwinding is for exceptions, and there are none."""
        return [
            number
            for number, section in enumerate(self.sections)
            if section.flags & SHF_ALLOC and section.size and section.kind not in (SHT_NOBITS, 0x70000001)
        ]

    def relocations(self, number: int) -> list[tuple[int, int, int, int]]:
        """(offset, symbol, type, addend) of a section."""
        found = []
        for section in self.sections:
            if section.kind == SHT_RELA and section.info == number:
                for at in range(section.offset, section.offset + section.size, _RELOCATION.size):
                    offset, info, addend = _RELOCATION.unpack_from(self.data, at)
                    found.append((offset, info >> 32, info & 0xFFFFFFFF, addend))
        return found


class Code:
    """Functions of several object files, in memory that can be executed and no more be written."""

    def __init__(self, files: dict[str, bytes], libraries: Sequence[ctypes.CDLL]) -> None:
        """`files` by the name of their function. Raises: Unloadable."""
        self._libraries = libraries
        self._abort = _address(ctypes.CDLL(None), "abort")
        read = {name: ObjectFile(data) for name, data in files.items()}
        places: dict[tuple[str, int], int] = {}
        at = ALIGN  # the first bytes stand for whatever is common
        for name, file in read.items():
            for number in file.loaded():
                places[name, number] = at
                at += (file.sections[number].size + ALIGN - 1) & -ALIGN
        self._memory = mmap.mmap(-1, at, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.addresses = {name: self._place(name, file, places) for name, file in read.items()}
        self._protect(at)

    def _place(self, name: str, file: ObjectFile, places: dict[tuple[str, int], int]) -> int:
        where = {number: self._base + places[name, number] for number in file.loaded()}
        for number in where:
            section, begin = file.sections[number], places[name, number]
            self._memory[begin : begin + section.size] = file.data[section.offset : section.offset + section.size]
            for offset, symbol, kind, addend in file.relocations(number):
                if kind != ABSOLUTE_64:
                    raise Unloadable(f"{name}: a relocation of type {kind}; {ABSOLUTE_64} expected")
                target = self._resolve(file.symbols[symbol], where) + addend
                struct.pack_into("<Q", self._memory, begin + offset, target)
        entry = next(symbol for symbol in file.symbols if symbol.name.startswith("cfunc."))
        return where[entry.section] + entry.value

    def _resolve(self, symbol: Symbol, where: dict[int, int]) -> int:
        if symbol.section in where:
            return where[symbol.section] + symbol.value
        if symbol.section == COMMON:
            return self._base
        if symbol.section != UNDEFINED:
            raise Unloadable(f"{symbol.name} is in section {symbol.section}, which is not loaded")
        if symbol.name.startswith(UNREACHED):
            return self._abort
        for library in self._libraries:
            try:
                return _address(library, symbol.name)
            except AttributeError:
                continue
        raise Unloadable(f"{symbol.name} is in none of the libraries")

    def _protect(self, size: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(self._base), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
            raise Unloadable(f"memory cannot be made executable: errno {ctypes.get_errno()}")


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
