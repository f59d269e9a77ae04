"""Memory by its address, for compiled code: loads and stores of little-endian integers, and the C functions it calls.

Everything is an int64, addresses too. Nothing is checked: who calls knows that the bytes are there.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

I64: Any = types.int64
I32: Any = types.int32
U32: Any = types.uint32
U8: Any = types.uint8
_WORD = ir.IntType(64)

Function = TypeVar("Function", bound=Callable[..., Any])
_njit = njit(error_model="numpy")


def compiled(function: Function) -> Function:
    """Called from compiled code. No exception can come out of it."""
    return cast(Function, _njit(function))


def inlined(function: Callable[..., Any]) -> Any:
    """An instruction or two of the processor, by their typing and their code."""
    return intrinsic(function)


def _load(width: int) -> Any:
    narrow = ir.IntType(8 * width)

    @inlined
    def load(typing_context: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            value = builder.load(builder.inttoptr(arguments[0], narrow.as_pointer()), align=1)
            return value if width == 8 else builder.zext(value, _WORD)

        return I64(I64), code

    return load


def _store(width: int) -> Any:
    narrow = ir.IntType(8 * width)

    @inlined
    def store(typing_context: Any, address: Any, value: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            cut = arguments[1] if width == 8 else builder.trunc(arguments[1], narrow)
            builder.store(cut, builder.inttoptr(arguments[0], narrow.as_pointer()), align=1)
            return context.get_dummy_value()

        return types.void(I64, I64), code

    return store


load8, load4, load2, load1 = _load(8), _load(4), _load(2), _load(1)
store8, store4, store2, store1 = _store(8), _store(4), _store(2), _store(1)


@inlined
def shifted(typing_context: Any, value: Any, by: Any) -> Any:
    """`value >> by` without its sign."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.lshr(*arguments)

    return I64(I64, I64), code


@inlined
def remainder(typing_context: Any, value: Any, by: Any) -> Any:
    """`value % by` of numbers without sign."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.urem(*arguments)

    return I64(I64, I64), code


@inlined
def quotient(typing_context: Any, value: Any, by: Any) -> Any:
    """`value // by` of numbers without sign."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.udiv(*arguments)

    return I64(I64, I64), code


@inlined
def difference(typing_context: Any, value: Any, by: Any) -> Any:
    """`value - by` of 64 bits, whatever the sign: a subtraction that must not overflow is another instruction."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sub(*arguments)

    return I64(I64, I64), code


@inlined
def publish8(typing_context: Any, address: Any, value: Any) -> Any:
    """`store8` that no earlier store passes: whoever sees the value sees what was written before it."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _WORD.as_pointer())
        builder.store_atomic(arguments[1], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(I64, I64), code


def external(name: str, result: Any, *arguments: Any) -> Any:
    return types.ExternalFunction(name, result(*arguments))


copy = external("memcpy", I64, I64, I64, I64)  # to, from, bytes
compare = external("memcmp", I32, I64, I64, I64)
allocate = external("malloc", I64, I64)
allocate_zeroed = external("calloc", I64, I64, I64)
reallocate = external("realloc", I64, I64, I64)
release = external("free", types.void, I64)
_clock_gettime = external("clock_gettime", I32, I32, I64)


@compiled
def same(one: int, other: int, size: int) -> bool:
    return compare(one, other, size) == 0


@compiled
def clock_ns(clock: int, scratch: int) -> int:
    """The time of a clock of the kernel (0: since 1970, 1: monotonic); `scratch` has 16 bytes."""
    _clock_gettime(I32(clock), scratch)
    return load8(scratch) * 1_000_000_000 + load8(scratch + 8)


@compiled
def add8(address: int, value: int) -> None:
    store8(address, load8(address) + value)


@compiled
def word_of(block: int, field: int, number: int) -> int:
    """An element of a field of several words."""
    return load8(block + field + 8 * number)
