"""Versions without a profile: their first rows are collected, and the profile of these is proposed to the registry.

It takes the first proposal of a version from whichever gateway, and tells all gateways: from then on everybody counts
in the same bins. A profile tells of values, so columns that the model's log policy keeps on the host are left out.
Known weakness: what is collected is taken for normal, and a restart begins anew.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gateway.journal.columns import Group, Place
from gateway.journal.format import INPUT, OUTPUT
from gateway.observe.scores import table_of
from gateway.observe.watched import widened
from gateway.shadowing.slices import features_of, may_be_told
from gateway.tensors import bytes_elements
from gnomon.domain import LogPolicy
from gnomon.stats.cold_start import ColdStart
from gnomon.stats.columns import Column, Labels, Numbers
from gnomon.stats.profile import Profile

log = logging.getLogger(__name__)

MOST_VERSIONS = 8  # that are collected at once
MOST_COLUMNS = 256  # of a version; one with more has no profile made

Version = tuple[str, int]
Watch = tuple[str, int, bool]  # of a monitor: tensor, column, whether it is a score


@dataclasses.dataclass
class Collected:
    """Rows of one version, what their columns are of, and when the first and the last of them came."""

    sample: ColdStart
    watches: dict[str, Watch]
    from_s: float
    to_s: float = 0.0
    profile: Profile | None = None  # once there are rows enough


class Cold:
    """Written by: the observer. `is_cold` says whether a version is to have its profile made."""

    def __init__(
        self, is_cold: Callable[[str, int], bool], policy_of: Callable[[str], LogPolicy | None], rows: int
    ) -> None:
        """`rows` of a version are collected; 0: never."""
        self._is_cold, self._policy_of, self._rows = is_cold, policy_of, rows
        self._collected: dict[Version, Collected] = {}
        self._given_up: set[Version] = set()

    def update(self, group: Group) -> None:
        """Takes the rows of answered calls of versions without a profile."""
        for number in np.unique(group.headers["version"]).tolist() if self._rows else ():
            version = group.model, number
            if version not in self._given_up and self._is_cold(*version):
                self._take(version, group.where(group.headers["version"] == number))

    def _take(self, version: Version, group: Group) -> None:
        columns, watches = columns_of(group, self._policy_of(group.model))
        found = self._collected.get(version)
        if found is None:
            if not 0 < len(columns) <= MOST_COLUMNS or len(self._collected) >= MOST_VERSIONS:
                return
            sample = ColdStart(self._rows, seed=0)
            found = self._collected[version] = Collected(sample, watches, _seconds(group)[0])
        if found.sample.seen >= self._rows:
            return
        try:
            found.sample.update(columns)
        except ValueError as error:
            self.give_up(version, str(error))
            return
        found.to_s = _seconds(group)[1]

    def give_up(self, version: Version, why: str) -> None:
        log.warning("%s version %d: no profile is made of its calls: %s", *version, why)
        self._given_up.add(version)
        del self._collected[version]

    def proposals(self, gateway_id: str) -> Iterator[tuple[Version, Profile]]:
        """Profiles of versions whose rows are complete and that still have none."""
        for version in [version for version in self._collected if not self._is_cold(*version)]:
            del self._collected[version]
        for version, found in self._collected.items():
            if found.sample.seen >= self._rows:
                found.profile = found.profile or _profile(found, gateway_id)
                yield version, found.profile


def columns_of(group: Group, policy: LogPolicy | None) -> tuple[dict[str, Column], dict[str, Watch]]:
    """Every column of inputs and outputs that may be told, row by row, by name; and what it is of."""
    features = features_of(group.schema, [])
    columns: dict[str, Column] = {}
    watches: dict[str, Watch] = {}
    for direction, kind in ((INPUT, "inputs"), (OUTPUT, "outputs")):
        for index, tensor in enumerate(group.schema.get(kind, [])):
            place = group.place(direction, index)
            parts = [] if place is None else list(_parts(group, place))
            for number, column in enumerate(parts):
                if direction == INPUT and not may_be_told(policy, (index, number), features):
                    continue
                name = tensor["name"] if len(parts) == 1 else f"{tensor['name']}[{number}]"
                name = name if name not in columns else f"output.{name}"
                columns[name], watches[name] = column, (tensor["name"], number, direction == OUTPUT)
    return columns, watches


def _parts(group: Group, place: Place) -> Iterator[Column]:
    """The columns of a tensor."""
    table = table_of(group, place)
    if table is not None:
        for number in range(table.shape[2]):
            yield Numbers(values=widened(table[:, :, number]).ravel())
    elif place.datatype == "BYTES" and place.shape and 0 not in place.shape:
        rows = [bytes_elements(raw.tobytes()) for raw in group.raw(place)]
        texts = np.array([[each.decode("utf-8", "replace") for each in row] for row in rows], object)
        texts = texts.reshape(len(group) * place.shape[0], -1)
        for number in range(texts.shape[1]):
            labels, codes = np.unique(texts[:, number].astype(str), return_inverse=True)
            yield Labels(codes=codes, labels=labels.tolist())


def _profile(found: Collected, gateway_id: str) -> Profile:
    fitted = found.sample.fit(least=1)
    monitors = []
    for monitor in fitted.monitors:
        tensor, column, is_score = found.watches[monitor.name]
        monitors.append(dataclasses.replace(monitor, tensor=tensor, column=column, is_score=is_score))
    said = f"the first {found.sample.seen} rows at gateway {gateway_id}, {_at(found.from_s)} to {_at(found.to_s)}"
    ordered = tuple(sorted(monitors, key=lambda monitor: monitor.is_score))
    return dataclasses.replace(fitted, monitors=ordered, reference=said)


def _seconds(group: Group) -> tuple[float, float]:
    arrived: Any = group.headers["arrived_unix_ns"]
    return float(arrived.min()) / 1e9, float(arrived.max()) / 1e9


def _at(unix_s: float) -> str:
    return f"{np.datetime64(round(unix_s), 's')}Z"
