"""CRC-32 as zlib has it. Where the processor multiplies without carries, sixteen bytes are folded into the next sixteen
(Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009); the last of
them, and everything elsewhere, goes eight bytes at a time through tables (slicing-by-8, Kounavis and Berry, 2005).
"""

from typing import Any, cast

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from gateway.native.memory import I64, compiled, inlined, load1, load4, load8, shifted

FOLDS = bool(llvm.get_host_cpu_features().get("pclmul"))
FOLD_LOW, FOLD_HIGH = 0x1751997D0, 0xCCAA009E  # x^(128+32) and x^(128-32) by the polynomial, bits reversed
_WORD, _BYTE = ir.IntType(64), ir.IntType(8)
_TWO_WORDS = ir.VectorType(_WORD, 2)
_PAIR: Any = cast(Any, types.UniTuple)(I64, 2)
_build: Any = cgutils
_ONE = ir.Constant(_WORD, 1)


@inlined
def folded(typing_context: Any, at: Any, blocks: Any) -> Any:
    """(low, high): sixteen bytes with the checksum that `blocks` times sixteen bytes have from its start."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, blocks = arguments
        multiply = _build.get_or_insert_function(
            builder.module, ir.FunctionType(_TWO_WORDS, [_TWO_WORDS, _TWO_WORDS, _BYTE]), "llvm.x86.pclmulqdq"
        )
        block = builder.inttoptr(at, _TWO_WORDS.as_pointer())
        start = ir.Constant(_TWO_WORDS, [0xFFFFFFFF, 0])
        by = ir.Constant(_TWO_WORDS, [FOLD_LOW, FOLD_HIGH])
        state = _build.alloca_once_value(builder, builder.xor(builder.load(block, align=1), start))
        with _build.for_range(builder, builder.sub(blocks, _ONE)) as loop:
            following = builder.load(builder.gep(block, [builder.add(loop.index, _ONE)]), align=1)
            now = builder.load(state)
            low = builder.call(multiply, [now, by, ir.Constant(_BYTE, 0x00)])
            high = builder.call(multiply, [now, by, ir.Constant(_BYTE, 0x11)])
            builder.store(builder.xor(builder.xor(low, high), following), state)
        now = builder.load(state)
        words = [builder.extract_element(now, ir.Constant(ir.IntType(32), index)) for index in range(2)]
        return context.make_tuple(builder, signature.return_type, words)

    return _PAIR(I64, I64), code


@compiled
def eight(table: int, both: int) -> int:
    """The checksum after eight more bytes, which the one before is mixed into."""
    return (
        load4(table + 7168 + 4 * (both & 255))
        ^ load4(table + 6144 + 4 * (both >> 8 & 255))
        ^ load4(table + 5120 + 4 * (both >> 16 & 255))
        ^ load4(table + 4096 + 4 * (both >> 24 & 255))
        ^ load4(table + 3072 + 4 * (both >> 32 & 255))
        ^ load4(table + 2048 + 4 * (both >> 40 & 255))
        ^ load4(table + 1024 + 4 * (both >> 48 & 255))
        ^ load4(table + 4 * shifted(both, 56))
    )


@compiled
def crc32(table: int, at: int, size: int) -> int:
    value = 0xFFFFFFFF
    end = at + (size & -8)
    if FOLDS and size >= 16:
        low, high = folded(at, size >> 4)
        value = eight(table, high ^ eight(table, low))
        at += size & -16
    while at < end:
        value = eight(table, load8(at) ^ value)
        at += 8
    end += size & 7
    while at < end:
        value = load4(table + 4 * ((value ^ load1(at)) & 255)) ^ value >> 8
        at += 1
    return value ^ 0xFFFFFFFF
