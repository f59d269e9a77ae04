"""Error to gRPC status and back: one table, used by every server and by the client."""

import logging

import grpc

from gnomon import errors

log = logging.getLogger(__name__)

# The name of the error travels beside the status, so that a client raises what the server raised.
ERROR_KEY = "gnomon-error"
INTERNAL_MESSAGE = "internal error"

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
    return code, str(error), ((ERROR_KEY, type(error).__name__),)


def error_of(failure: grpc.RpcError) -> Exception:
    """The typed error a failed call stands for; the failure itself where no row has its status."""
    assert isinstance(failure, grpc.Call)
    trailing = {key: value for key, value in failure.trailing_metadata() or ()}
    named = getattr(errors, str(trailing.get(ERROR_KEY)), None)
    kind = named if isinstance(named, type) else _ERROR_OF.get(failure.code())
    return kind(failure.details()) if kind is not None else failure
