"""The log policies in force, as the supervisor last wrote them down with the rest of the desired state."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from google.protobuf.message import DecodeError

from gateway.layout import Layout
from gateway.shipping.policy import KEY_VARIABLE, Feature, PolicyUnusable, Treatments, treatments
from gateway.shipping.rows import Part, table
from gateway.shipping.tensors import Tensor
from gnomon.domain import DesiredState, LogPolicy, Version
from gnomon.errors import GnomonError
from gnomon.profile.v1 import profile_pb2
from gnomon.registry.v1 import registry_pb2
from gnomon.wire import decode

log = logging.getLogger(__name__)


class Policies:
    """Looks at the state anew whenever its file is another. Written by: the exporter's one thread."""

    def __init__(self, layout: Layout, environment: Mapping[str, str] = os.environ) -> None:
        self.layout = layout
        self._environment = environment
        self._seen: tuple[int, int] | None = None  # of the file that was read
        self._policies: dict[str, LogPolicy] = {}
        self._versions: dict[tuple[str, int], Version] = {}
        self._names: dict[str, dict[str, list[Feature]]] = {}  # by profile: what its features are called
        self._told: set[tuple[str, int, tuple[str, ...]]] = set()

    def refresh(self) -> None:
        """Raises: PolicyUnusable when there was a state and it cannot be read: what it forbade is not known."""
        path = self.layout.snapshot
        try:
            status = path.stat()
            seen = (status.st_ino, status.st_mtime_ns)
            if seen != self._seen:
                self._take(decode(registry_pb2.DesiredState.FromString(path.read_bytes()), DesiredState))
                self._seen = seen
        except FileNotFoundError:
            if self._seen is not None or path.with_suffix(".corrupt").exists():
                raise PolicyUnusable(f"{path} is gone: log policies are not known") from None
        except (DecodeError, GnomonError) as error:
            raise PolicyUnusable(f"{path}: {error}: log policies are not known") from None

    def retentions(self) -> dict[str, int]:
        """Seconds that a model's exports are kept, of those that are not kept for ever."""
        return {model: policy.retention_s for model, policy in self._policies.items() if policy.retention_s}

    def table(self, part: Part, journal: str) -> pa.Table:
        """A part's rows, as far as they may leave the host."""
        return table(part, journal, self.of(part.partition.model, part.partition.version, part.tensors))

    def of(self, model: str, version: int, tensors: list[Tensor]) -> Treatments:
        """What is to be done with the columns of a version."""
        policy = self._policies.get(model)
        key = self._environment.get(KEY_VARIABLE, "").encode()
        found = treatments(policy, tensors, self.names(model, version), key)
        if found.unmatched and (model, version, found.unmatched) not in self._told:
            self._told.add((model, version, found.unmatched))
            log.error(
                "log policy of %s: version %d has nothing called %s: all its tensors are masked",
                model, version, ", ".join(found.unmatched),
            )  # fmt: skip
        return found

    def names(self, model: str, version: int) -> dict[str, list[Feature]]:
        """What the features of a version are called in its profile."""
        known = self._versions.get((model, version))
        if known is None or not known.profile_sha256:
            return {}
        if known.profile_sha256 not in self._names:
            self._names[known.profile_sha256] = _profile_names(self.layout.blob(known.profile_sha256))
        return self._names[known.profile_sha256]

    def _take(self, state: DesiredState) -> None:
        self._policies = {model.route.model: model.log_policy for model in state.models if model.log_policy}
        self._versions |= {(each.model, each.version): each for model in state.models for each in model.versions}


def _profile_names(path: Path) -> dict[str, list[Feature]]:
    """Empty where the file is not there (yet)."""
    try:
        profile = profile_pb2.Profile.FromString(path.read_bytes())
    except (FileNotFoundError, DecodeError):
        return {}
    found: dict[str, list[Feature]] = {}
    for monitor in profile.monitors:
        sides = ("output", "live_output") if monitor.is_score else ("input",)
        found[monitor.name] = [(f"{side}.{monitor.tensor}", monitor.column) for side in sides]
    return found
