"""Errors to statuses and back."""

import grpc
import pytest

from gnomon import errors, status

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GnomonError)]

TABLE = {
    errors.InvalidInput: "INVALID_ARGUMENT",
    errors.ModelNotFound: "NOT_FOUND",
    errors.VersionNotFound: "NOT_FOUND",
    errors.PredictionNotFound: "NOT_FOUND",
    errors.RolloutNotFound: "NOT_FOUND",
    errors.ArtifactNotFound: "NOT_FOUND",
    errors.AlreadyExists: "ALREADY_EXISTS",
    errors.IllegalTransition: "FAILED_PRECONDITION",
    errors.RouteInvalid: "FAILED_PRECONDITION",
    errors.ApprovalMissing: "FAILED_PRECONDITION",
    errors.GateNotPassed: "FAILED_PRECONDITION",
    errors.StaleRevision: "ABORTED",
    errors.Overloaded: "UNAVAILABLE",
    errors.NotReady: "UNAVAILABLE",
    errors.ShuttingDown: "UNAVAILABLE",
    errors.QuotaExceeded: "RESOURCE_EXHAUSTED",
    errors.MessageTooLarge: "RESOURCE_EXHAUSTED",
    errors.DeadlineExceeded: "DEADLINE_EXCEEDED",
    errors.ArtifactCorrupt: "DATA_LOSS",
}


class Failure(grpc.RpcError):
    """A failed call, as both kinds of grpc channel show it."""

    def __init__(self, code: grpc.StatusCode, details: str, trailing: tuple[tuple[str, str], ...] = ()) -> None:
        self._code, self._details, self._trailing = code, details, trailing

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._trailing


@pytest.mark.parametrize(("kind", "code"), TABLE.items(), ids=lambda item: getattr(item, "__name__", item))
def test_an_error_has_its_row(kind: type[errors.GnomonError], code: str) -> None:
    assert status.reply_of(kind("no such thing")) == (
        grpc.StatusCode[code],
        "no such thing",
        (("gnomon-error", kind.__name__),),
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not errors.GnomonError])
def test_what_a_server_raises_its_client_raises(kind: type[errors.GnomonError]) -> None:
    raised = status.error_of(Failure(*status.reply_of(kind("why"))))
    assert (type(raised), str(raised)) == (kind, "why")


def test_an_error_that_is_not_ours_stays_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert status.reply_of(KeyError("secret")) == (grpc.StatusCode.INTERNAL, "internal error", ())
    assert "secret" in caplog.text


def test_a_status_without_a_name_takes_the_row_of_its_code() -> None:
    assert type(status.error_of(Failure(grpc.StatusCode.UNAVAILABLE, "down"))) is errors.Unavailable


@pytest.mark.parametrize("name", ["annotations", "GnomonErrors", "", "__doc__"])
def test_a_name_that_is_no_error_is_not_believed(name: str) -> None:
    failure = Failure(grpc.StatusCode.NOT_FOUND, "gone", (("gnomon-error", name),))
    assert type(status.error_of(failure)) is errors.NotFound


def test_a_status_that_has_no_row_stays_what_it_is() -> None:
    failure = Failure(grpc.StatusCode.CANCELLED, "")
    assert status.error_of(failure) is failure


def test_a_long_message_is_cut_so_that_the_trailers_arrive() -> None:
    _, details, _ = status.reply_of(errors.InvalidInput("x" * 100_000))
    assert len(details) == status.DETAILS_CHARACTERS
