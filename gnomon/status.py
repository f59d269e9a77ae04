"""Error to gRPC status and back: one table, used by every server and by the client."""

import logging
from typing import cast

import grpc

from gnomon import errors

log = logging.getLogger(__name__)

# The name of the error travels beside the status, so that a client raises what the server raised.
ERROR_KEY = "gnomon-error"
INTERNAL_MESSAGE = "internal error"
# Details travel in the trailers, which peers bound at some 8 KiB after percent-encoding.
DETAILS_CHARACTERS = 500

# Subclasses take the row of their nearest base.
CODE_OF: dict[type[errors.GnomonError], grpc.StatusCode] = {
    errors.InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.Precondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.StaleRevision: grpc.StatusCode.ABORTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.QuotaExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.MessageTooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.ArtifactCorrupt: grpc.StatusCode.DATA_LOSS,
}

# What a client raises when the peer sent a status without a name (a proxy, another server).
_ERROR_OF: dict[grpc.StatusCode, type[errors.GnomonError]] = {
    code: kind for kind, code in reversed(list(CODE_OF.items()))
}


def code_of(error: BaseException) -> grpc.StatusCode:
    """The status of an error; INTERNAL for whatever is not ours."""
    for kind in type(error).__mro__:
        if kind in CODE_OF:
            return CODE_OF[kind]
    return grpc.StatusCode.INTERNAL


def reply_of(error: BaseException) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]:
    """Status, message and trailing metadata to end a call with. A foreign error is logged and stays unnamed."""
    code = code_of(error)
    if code is grpc.StatusCode.INTERNAL:
        log.error("%s", INTERNAL_MESSAGE, exc_info=error)
        return code, INTERNAL_MESSAGE, ()
    return code, _shortened(str(error)), ((ERROR_KEY, type(error).__name__),)


def _shortened(details: str) -> str:
    return details if len(details) <= DETAILS_CHARACTERS else details[: DETAILS_CHARACTERS - 1] + "…"


def error_of(failure: grpc.RpcError) -> Exception:
    """The typed error a failed call stands for; the failure itself where no row has its status.

    Takes the failures of blocking calls and of asyncio's, which share methods and no base class.
    """
    call = cast(grpc.Call, failure)
    trailing = dict(call.trailing_metadata() or ())
    kind = _named(str(trailing.get(ERROR_KEY))) or _ERROR_OF.get(call.code())
    return kind(call.details() or call.code().name) if kind is not None else failure


def _named(name: str) -> type[errors.GnomonError] | None:
    kind = getattr(errors, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, errors.GnomonError) else None
