"""Values to messages and back, by field name: the only place where both are seen.

A frozen dataclass and its message carry the same field names (a test checks every pair), so one function each way
serves all of them. Not for a request path: it walks fields by reflection.
"""

import dataclasses
import enum
import functools
import types
import typing
from typing import Any, TypeVar

from gnomon.errors import InvalidInput
from gnomon.registry.v1 import registry_pb2 as pb

Member = TypeVar("Member", bound=enum.IntEnum)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


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
    hints = _hints(kind)
    present = [field.name for field in dataclasses.fields(kind) if not _left_out(message, field, hints[field.name])]
    return kind(**{name: _decode_field(message, name, hints[name]) for name in present})


def _left_out(message: Any, field: "dataclasses.Field[Any]", hint: Any) -> bool:
    has_default = field.default is not dataclasses.MISSING
    return has_default and dataclasses.is_dataclass(hint) and not message.HasField(field.name)


def _decode_field(message: Any, name: str, hint: Any) -> Any:
    inner = _optional(hint)
    if inner is not None:
        return _decode_field(message, name, inner) if message.HasField(name) else None
    item = getattr(message, name)
    origin = typing.get_origin(hint)
    if origin is tuple:
        element = typing.get_args(hint)[0]
        return tuple(_decode_item(entry, element) for entry in item)
    if origin is dict:
        return dict(item)
    return _decode_item(item, hint)


def _decode_item(item: Any, kind: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return decode(item, typing.cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, enum.IntEnum):
        return decode_enum(item, kind)
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
