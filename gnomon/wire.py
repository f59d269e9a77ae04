"""Values to messages and back, by field name: the only place where both are seen.

A frozen dataclass and its message carry the same field names (a test checks every pair), so one function each way
serves all of them. Not for a request path: it walks fields by reflection.
"""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from gnomon.errors import InvalidInput
from gnomon.registry.v1 import registry_pb2 as pb

Member = TypeVar("Member", bound=enum.IntEnum)


def _optional(hint: Any) -> Any:
    """`X` of `X | None`; None for any other type."""
    if isinstance(hint, types.UnionType):
        return next(argument for argument in typing.get_args(hint) if argument is not types.NoneType)
    return None


def encode(value: Any, message: Any) -> Any:
    """Fills `message` from the dataclass `value` and returns it. None leaves a field unset.

    Raises: InvalidInput: a field whose type or size the message cannot carry.
    """
    for field in dataclasses.fields(value):
        _encode_field(message, field.name, getattr(value, field.name))
    return message


def _encode_field(message: Any, name: str, item: Any) -> None:
    if item is None:
        return
    if dataclasses.is_dataclass(item):
        sub = getattr(message, name)
        sub.SetInParent()
        encode(item, sub)
        return
    try:
        _encode_plain(message, name, item)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} {item!r}: {error}") from None


def _encode_plain(message: Any, name: str, item: Any) -> None:
    if isinstance(item, tuple):
        repeated = getattr(message, name)
        for element in item:
            if dataclasses.is_dataclass(element):
                encode(element, repeated.add())
            else:
                repeated.append(element)
    elif isinstance(item, dict):
        getattr(message, name).update(item)
    else:
        setattr(message, name, item)


def decode(message: Any, kind: type) -> Any:
    """The dataclass `kind` from `message`. A part that is not set takes the value's default, not zeros.

    Raises: InvalidInput, RouteInvalid: from the value's own checks.
    """
    found: dict[str, Any] = {}
    fields = message.DESCRIPTOR.fields_by_name
    for name, read, absent in _readings(kind):
        if absent is not None and fields[name].has_presence and not message.HasField(name):
            found |= absent
        else:
            found[name] = read(getattr(message, name))
    return kind(**found)


@functools.cache
def _readings(kind: type) -> list[tuple[str, Callable[[Any], Any], dict[str, None] | None]]:
    """Of each field its name, how it is read, and what stands for one that is not set, where that can be told."""
    readings, hints = [], typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        inner, has_default = _optional(hint), field.default is not dataclasses.MISSING
        absent: dict[str, None] | None = {field.name: None} if inner is not None else None
        if absent is None and has_default:
            absent = {}
        readings.append((field.name, _reading(hint if inner is None else inner), absent))
    return readings


def _reading(hint: Any) -> Callable[[Any], Any]:
    """How an item of this type is read."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        element = _reading(typing.get_args(hint)[0])
        return lambda items: tuple(map(element, items))
    if origin is dict:
        return dict
    if dataclasses.is_dataclass(hint):
        return functools.partial(decode, kind=typing.cast(type, hint))
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        return functools.partial(decode_enum, kind=hint)
    return _as_it_is


def _as_it_is(item: Any) -> Any:
    return item


def decode_enum(item: int, kind: type[Member]) -> Member:
    """The member of this number. Raises: InvalidInput."""
    try:
        return kind(item)
    except ValueError:
        raise InvalidInput(
            f"{kind.__name__} {item}: one of {', '.join(member.name for member in kind)} expected"
        ) from None


def message_of(value: Any) -> Any:
    """The registry message of the same name as the value's class, filled."""
    return encode(value, getattr(pb, type(value).__name__)())
