"""Which handler a path belongs to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import grpc

from gateway.transport.direct import Handler
from gateway.transport.head import Head
from gateway.transport.metadata import Metadatum, metadata_of
from gateway.transport.method import Method, method_of
from gateway.transport.refusal import Refusal


class Details(NamedTuple):
    """What a generic handler is asked with."""

    method: str
    invocation_metadata: tuple[Metadatum, ...]


class Routes:
    """Filled before the server starts. Paths are bytes as they come."""

    def __init__(self) -> None:
        self.direct: dict[bytes, Handler] = {}
        self.generic: list[Any] = []
        self._registered: dict[bytes, Method] = {}
        self._known: dict[int, tuple[Any, Method]] = {}

    def register(self, service: str, handlers: Mapping[str, Any]) -> None:
        for name, handler in handlers.items():
            self._registered[f"/{service}/{name}".encode()] = method_of(handler)

    def method(self, head: Head) -> Method:
        """Raises: Refusal where nobody serves the path, or its metadata cannot be read."""
        found = self._registered.get(head.path)
        if found is not None:
            return found
        path = head.path.decode("latin-1")
        try:
            details = Details(path, metadata_of(head.headers))
        except ValueError:
            raise Refusal(grpc.StatusCode.INTERNAL, "a binary value of the metadata is not base64") from None
        for generic in self.generic:
            handler = generic.service(details)
            if handler is not None:
                return self._classified(handler)
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"no method {path}")

    def _classified(self, handler: Any) -> Method:
        """Handlers a generic handler keeps are classified once; the reference keeps the identity from being reused."""
        known = self._known.get(id(handler))
        if known is None:
            known = (handler, method_of(handler))
            if len(self._known) < 4096:
                self._known[id(handler)] = known
        return known[1]
