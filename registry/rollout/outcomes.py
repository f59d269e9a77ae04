"""What became of predictions, for a gate on realised quality: kept while the rollout runs that asks, then dropped.

Called from the registry's `store` thread only. An outcome told twice counts once: the first one stands.
"""

import dataclasses
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Integer, case, cast, delete, func, insert, select

from gnomon.evidence import CalibrationBin, CalibrationReport, Outcome, VersionCalibration
from gnomon.rollout import Rollout
from gnomon.stats.calibration import BINS, Calibration, Reliability, terms
from registry.rollout.evidence import Realised
from registry.store import rollouts, versions
from registry.store.database import Database
from registry.store.tables import outcomes

LOOKED_UP = 1_000  # ids in one statement


class Outcomes:
    """The outcomes in the database, and the sums of the last look: they are asked for at every look."""

    def __init__(self, database: Database, now_unix_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_unix_ms = now_unix_ms
        self._sums: dict[str, tuple[int, int, tuple[Realised, ...]]] = {}  # model → rollout, decisions, sums

    def record(self, model: str, told: Sequence[Outcome]) -> int:
        """How many are new, and of predictions under the rollout that runs. Raises: ModelNotFound."""
        self._sums.pop(model, None)
        with self._database.transaction() as connection:
            versions.require_model(connection, model)
            running = rollouts.find_running(connection, model)
            epochs = set() if running is None else set(running.epochs)
            by_id = {each.prediction_id: each for each in reversed(told) if each.epoch in epochs}
            for known in _known(connection, model, list(by_id)):
                del by_id[known]
            rows = [_row(model, each, self._now_unix_ms()) for each in by_id.values()]
            if rows:
                connection.execute(insert(outcomes), rows)
            return len(rows)

    def realised(self, rollout: Rollout) -> tuple[Realised, ...]:
        """Sums of each epoch and version of the rollout."""
        kept = self._sums.get(rollout.model)
        if kept is None or kept[:2] != (rollout.id, len(rollout.decisions)):
            with self._database.transaction() as connection:
                kept = (rollout.id, len(rollout.decisions), _sums(connection, rollout))
            self._sums[rollout.model] = kept
        return kept[2]

    def calibration(self, model: str) -> CalibrationReport:
        """Of the outcomes of the rollout that runs, by version. Raises: ModelNotFound."""
        with self._database.transaction() as connection:
            versions.require_model(connection, model)
            running = rollouts.find_running(connection, model)
            if running is None:
                return CalibrationReport(model=model)
            found = _reliability(connection, running)
        told = tuple(_told(number, found[number].calibration()) for number in sorted(found))
        return CalibrationReport(model=model, rollout=running.id, versions=told)


def drop(connection: Connection, model: str) -> None:
    """Forgets a model's outcomes: what was decided on them stands in the decisions."""
    connection.execute(delete(outcomes).where(outcomes.c.model == model))


def _reliability(connection: Connection, rollout: Rollout) -> dict[int, Reliability]:
    """By version; of scores that are probabilities and labels that are yes or no."""
    p, y = outcomes.c.score, outcomes.c.label
    place = case((p >= 1, BINS - 1), else_=cast(p * BINS, Integer))
    sums = [func.sum(term) for term in terms(p, y)]
    where = (outcomes.c.model == rollout.model, outcomes.c.epoch.in_(rollout.epochs), p.between(0, 1), y.in_((0, 1)))
    query = select(outcomes.c.version, place, *sums).where(*where).group_by(outcomes.c.version, place)
    found: dict[int, Reliability] = {}
    for version, at, *row in connection.execute(query):
        found.setdefault(version, Reliability()).sums[:, at] = row
    return found


def _told(version: int, found: Calibration) -> VersionCalibration:
    numbers = dataclasses.asdict(found)
    bins = tuple(CalibrationBin(**each) for each in numbers.pop("bins"))
    return VersionCalibration(version=version, bins=bins, **numbers)


def _known(connection: Connection, model: str, ids: list[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(ids), LOOKED_UP):
        some = outcomes.c.prediction_id.in_(ids[start : start + LOOKED_UP])
        query = select(outcomes.c.prediction_id).where(outcomes.c.model == model, some)
        found.extend(connection.execute(query).scalars())
    return found


def _row(model: str, told: Outcome, now_unix_ms: int) -> dict[str, object]:
    return {
        "model": model,
        "prediction_id": told.prediction_id,
        "version": told.version,
        "epoch": told.epoch,
        "score": told.score,
        "label": told.label,
        "recorded_unix_ms": now_unix_ms,
    }


def _sums(connection: Connection, rollout: Rollout) -> tuple[Realised, ...]:
    far = func.abs(outcomes.c.score - outcomes.c.label) > rollout.policy.wrong_above
    columns = (outcomes.c.epoch, outcomes.c.version, func.count().label("n"), func.sum(case((far, 1), else_=0)))
    where = (outcomes.c.model == rollout.model, outcomes.c.epoch.in_(rollout.epochs))
    query = select(*columns).where(*where).group_by(outcomes.c.epoch, outcomes.c.version)
    return tuple(
        Realised(epoch=epoch, version=version, outcomes=n, wrong=int(wrong))
        for epoch, version, n, wrong in connection.execute(query)
    )
