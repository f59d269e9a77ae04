"""The state the supervisor last applied, as its consumers see it: a file, read again when it changes."""

import logging
import os
from pathlib import Path

from google.protobuf.message import DecodeError

from gnomon.domain import DesiredState, LogPolicy, Version
from gnomon.errors import GnomonError
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode

log = logging.getLogger(__name__)


class Snapshot:
    """Versions by (model, number): of the snapshot, and of those before it that this process has seen."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.revision = -1
        self.policies: dict[str, LogPolicy | None] = {}  # of the models of the snapshot
        self._versions: dict[tuple[str, int], Version] = {}
        self._stamp: tuple[int, int] | None = None

    def version(self, model: str, number: int) -> Version | None:
        """As the file has it; what is once known stays so, but that a version without a profile may get one."""
        found = self._versions.get((model, number))
        if found is None or not found.profile_sha256:
            self.refresh()
            found = self._versions.get((model, number))
        return found

    def refresh(self) -> None:
        """Reads the file if it changed. One that cannot be read is left for the next time."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp == self._stamp:
            return
        try:
            state: DesiredState = decode(registry_pb2.DesiredState.FromString(self.path.read_bytes()), DesiredState)
        except (DecodeError, GnomonError, OSError) as error:
            log.error("%s: %s", self.path, error)
            return
        self._stamp, self.revision = stamp, state.revision
        self.policies = {model.route.model: model.log_policy for model in state.models}
        for model in state.models:
            self._versions |= {(version.model, version.version): version for version in model.versions}
