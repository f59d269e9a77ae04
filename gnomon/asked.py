"""What a route may ask of a call, whoever holds the call; and the same of a call that is at hand as a message."""

from collections.abc import Mapping
from typing import Any, Protocol

from gnomon.columns import Column, Values
from gnomon.errors import InvalidInput


class Asked(Protocol):
    """A call, as far as a route may ask."""

    def header(self, name: str) -> bytes | None:
        """The first value of a metadata key; None where there is none."""

    def column(self, column: Column) -> Values | None:
        """An input column; None where there is none that can be read."""


class Described:
    """A call that somebody describes: its headers, and its request where there is one."""

    def __init__(self, headers: Mapping[str, str], request: Any = None) -> None:
        self._headers = {name.lower(): value.encode() for name, value in headers.items()}
        self._request = request

    def header(self, name: str) -> bytes | None:
        return self._headers.get(name)

    def column(self, column: Column) -> Values | None:
        return None if self._request is None else column.of_message(self._request)


def routing_key(request: Any) -> bytes:
    """The request parameter `routing_key`, empty when there is none."""
    if "routing_key" not in request.parameters:
        return b""
    parameter = request.parameters["routing_key"]
    kind = parameter.WhichOneof("parameter_choice")
    return b"" if kind is None else str(getattr(parameter, kind)).encode()


def version_number(text: str) -> int:
    """The version a caller named. Raises: InvalidInput unless it is a whole number from 1."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**32):
        raise InvalidInput(f"model_version {text!r}: a whole number from 1 expected, or nothing")
    return int(text)
