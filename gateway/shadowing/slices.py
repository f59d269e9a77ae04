"""Slices: which input columns' values stand beside a shadow's answers, so that pairs can be told apart by them.

A value that the model's log policy keeps on the host is not told: counts by value leave it. A policy with a rule that
names nothing the version has is not understood here, and then no slice is made.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from gateway.snapshot import Snapshot
from gnomon.domain import HEADER_COLUMNS, LogPolicy, Route, Treatment
from gnomon.profile.v1 import profile_pb2

log = logging.getLogger(__name__)

COLUMN = re.compile(r"(?P<tensor>.+?)(\[(?P<column>\d+)\])?")
MOST_KNOWN = 256  # routes and versions whose columns are remembered

Feature = tuple[int, int | None]  # an input, and one of its columns; None: its only one


class Column(NamedTuple):
    """A slice, and where its values are among a version's inputs."""

    name: str
    index: int  # type: ignore[assignment]  # hides tuple.index
    column: int | None


class Slices:
    """The columns of each route. Written by: the shadow runner."""

    def __init__(self, snapshot: Snapshot, cache: Path) -> None:
        self._snapshot = snapshot
        self._cache = cache
        self._known: dict[tuple[Any, ...], tuple[Column, ...]] = {}

    def of(self, route: Route, live: Mapping[str, Any]) -> tuple[Column, ...]:
        """The slices of calls that the version described by `live` answered under `route`."""
        if not route.slices:
            return ()
        key = (route.model, route.revision, int(live.get("version", 0)), self._snapshot.revision)
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = tuple(self._columns(route, live))
        return self._known[key]

    def _columns(self, route: Route, live: Mapping[str, Any]) -> Iterator[Column]:
        features = features_of(live, self._monitors(route.model, int(live.get("version", 0))))
        policy = self._snapshot.policies.get(route.model)
        for name in route.slices:
            feature = features.get(name)
            if feature is None:
                log.warning("slice %s of %s: version %s has no such input", name, route.model, live.get("version"))
            elif not may_be_told(policy, feature, features):
                log.warning("slice %s of %s: kept on the host by the log policy", name, route.model)
            else:
                yield Column(name, *feature)

    def _monitors(self, model: str, number: int) -> list[Any]:
        version = self._snapshot.version(model, number)
        if version is None or not version.profile_sha256:
            return []
        try:
            return list(profile_pb2.Profile.FromString((self._cache / version.profile_sha256).read_bytes()).monitors)
        except (OSError, DecodeError) as error:
            log.error("profile of %s version %d: %s; its names are not known", model, number, error)
            return []


def features_of(live: Mapping[str, Any], monitors: list[Any]) -> dict[str, Feature]:
    """Everything that a version's input columns may be called: features[3], input.features[3], a profile's name."""
    found: dict[str, Feature] = {}
    for index, spec in enumerate(live.get("inputs", [])):
        shape, name = spec.get("shape", []), str(spec["name"])
        width = int(shape[1]) if len(shape) == 2 and shape[1] > 0 else 1
        for prefix in ("", "input."):
            found[prefix + name] = (index, None)
            found |= {f"{prefix}{name}[{column}]": (index, column) for column in range(width)}
        named = [monitor for monitor in monitors if not monitor.is_score and monitor.tensor == name]
        found |= {monitor.name: (index, monitor.column) for monitor in named}
    return found


def may_be_told(policy: LogPolicy | None, feature: Feature, features: Mapping[str, Feature]) -> bool:
    """Whether a column's values may leave the host as they are."""
    if policy is None:
        return True
    rules = {rule.column: rule.treatment for rule in policy.rules if rule.column not in HEADER_COLUMNS}
    outputs = re.compile(r"(output|live_output)\..+")
    if any(name not in features and not outputs.fullmatch(name) for name in rules):
        return False
    whole = (feature[0], None)
    said = [treatment for name, treatment in rules.items() if features.get(name) in (feature, whole)]
    return all(treatment is Treatment.KEEP for treatment in said or [policy.otherwise])
