"""What can go wrong, as types. Each is raised where it is known and mapped to a status once, at the edge.

    GnomonError
    ├── InvalidInput                fix the call
    ├── NotFound
    │   ├── ModelNotFound  VersionNotFound  PredictionNotFound  RolloutNotFound  ArtifactNotFound
    ├── AlreadyExists               a version with another digest
    ├── Precondition                change state first
    │   ├── IllegalTransition  RouteInvalid  ApprovalMissing  GateNotPassed
    ├── StaleRevision               compare-and-set lost: read again and retry
    ├── Unavailable                 back off and retry
    │   ├── Overloaded  NotReady  ShuttingDown
    ├── QuotaExceeded  MessageTooLarge
    ├── DeadlineExceeded
    └── ArtifactCorrupt             bytes that do not have the digest they should

A message names the offending value and what would be right. Nothing here imports a transport.
"""


class GnomonError(Exception):
    """Base of every error that a user may see."""


class InvalidInput(GnomonError):
    """A name, datatype, shape, or value that the call may not have."""


class NotFound(GnomonError):
    """Something named does not exist."""


class ModelNotFound(NotFound):
    """No such model."""


class VersionNotFound(NotFound):
    """No such version of the model."""


class PredictionNotFound(NotFound):
    """No such prediction in the journal or the exported files."""


class RolloutNotFound(NotFound):
    """No such rollout of the model."""


class ArtifactNotFound(NotFound):
    """No artifact has this digest."""


class AlreadyExists(GnomonError):
    """A version of this number exists with another digest."""


class Precondition(GnomonError):
    """The state does not allow it now."""


class IllegalTransition(Precondition):
    """A stage, or a rollout, cannot go from where it is to what was asked."""


class RouteInvalid(Precondition):
    """A route whose arms or weights cannot be served."""


class ApprovalMissing(Precondition):
    """Nobody has approved the version."""


class GateNotPassed(Precondition):
    """Evidence is missing."""


class StaleRevision(GnomonError):
    """Somebody changed the value since it was read."""


class Unavailable(GnomonError):
    """Not now; the same call may succeed later."""


class Overloaded(Unavailable):
    """A bounded queue is full."""


class NotReady(Unavailable):
    """Nothing is loaded yet that could answer."""


class ShuttingDown(Unavailable):
    """The process is draining."""


class QuotaExceeded(GnomonError):
    """More than this caller may ask."""


class MessageTooLarge(GnomonError):
    """A message above the limit."""


class DeadlineExceeded(GnomonError):
    """The caller's time was up before the work began or ended."""


class ArtifactCorrupt(GnomonError):
    """Bytes whose sha256 is not the one they are known by."""
