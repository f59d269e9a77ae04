"""What became of predictions: the newest of each model, and all of the rollout that runs.

Called from the registry's `store` thread only. An outcome told twice counts once: the first one stands.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Integer, case, cast, delete, func, insert, select

from gnomon.evidence import Outcome
from gnomon.rollout import Rollout
from gnomon.stats.calibration import BINS, Reliability, terms
from registry.rollout.evidence import Realised
from registry.store import rollouts, versions
from registry.store.database import Database
from registry.store.tables import outcomes

LOOKED_UP = 1_000  # ids in one statement
KEPT = 200_000  # newest predictions of a model; ids are in the order of time
RECENT = 20_000  # newest of a version, whose calibration is judged


class Outcomes:
    """The outcomes in the database, and sums of them, which are asked for at every look."""

    def __init__(
        self, database: Database, now_unix_ms: Callable[[], int], kept: int = KEPT, recent: int = RECENT
    ) -> None:
        self._database = database
        self._now_unix_ms = now_unix_ms
        self._kept = kept
        self._recent = recent
        self._sums: dict[str, tuple[int, int, tuple[Realised, ...]]] = {}  # model → rollout, decisions, sums
        self._reliability: dict[str, dict[int, Reliability]] = {}  # model → version → sums

    def record(self, model: str, told: Sequence[Outcome]) -> int:
        """How many are new. Of what is too old to be kept nobody knows that, so it is not.

        Raises: ModelNotFound, VersionNotFound: of one of them, and none is taken.
        """
        self._sums.pop(model, None)
        self._reliability.pop(model, None)
        with self._database.transaction() as connection:
            versions.require_model(connection, model)
            for number in sorted({each.version for each in told}):
                versions.get_version(connection, model, number)
            running = rollouts.find_running(connection, model)
            epochs = set() if running is None else set(running.epochs)
            oldest = self._oldest(connection, model)
            by_id = {
                each.prediction_id: each
                for each in reversed(told)
                if each.prediction_id >= oldest or each.epoch in epochs
            }
            for known in _known(connection, model, list(by_id)):
                del by_id[known]
            rows = [_row(model, each, self._now_unix_ms()) for each in by_id.values()]
            if rows:
                connection.execute(insert(outcomes), rows)
            oldest, of_model = self._oldest(connection, model), outcomes.c.model == model
            old = outcomes.c.prediction_id < oldest, outcomes.c.epoch.not_in(epochs)
            connection.execute(delete(outcomes).where(of_model, *old))
            return sum(row["prediction_id"] >= oldest or row["epoch"] in epochs for row in rows)

    def realised(self, rollout: Rollout) -> tuple[Realised, ...]:
        """Sums of each epoch and version of the rollout."""
        kept = self._sums.get(rollout.model)
        if kept is None or kept[:2] != (rollout.id, len(rollout.decisions)):
            with self._database.transaction() as connection:
                kept = (rollout.id, len(rollout.decisions), _sums(connection, rollout))
            self._sums[rollout.model] = kept
        return kept[2]

    def reliability(self, model: str) -> dict[int, Reliability]:
        """By version, of its newest outcomes: scores that are probabilities, and labels that are yes or no.

        Raises: ModelNotFound.
        """
        if model not in self._reliability:
            with self._database.transaction() as connection:
                versions.require_model(connection, model)
                of_model = select(outcomes.c.version).where(outcomes.c.model == model).distinct()
                numbers = sorted(connection.execute(of_model).scalars())
                found = {number: _reliability(connection, model, number, self._recent) for number in numbers}
                self._reliability[model] = {number: each for number, each in found.items() if each.sums.any()}
        return self._reliability[model]

    def _oldest(self, connection: Connection, model: str) -> str:
        """The prediction id before which nothing is kept; empty while there is room."""
        query = select(outcomes.c.prediction_id).where(outcomes.c.model == model)
        at = query.order_by(outcomes.c.prediction_id.desc()).offset(self._kept - 1).limit(1)
        return connection.execute(at).scalar() or ""


def _reliability(connection: Connection, model: str, version: int, recent: int) -> Reliability:
    where = (
        outcomes.c.model == model, outcomes.c.version == version,
        outcomes.c.score.between(0, 1), outcomes.c.label.in_((0, 1)),
    )  # fmt: skip
    columns = select(outcomes.c.score, outcomes.c.label).where(*where)
    newest = columns.order_by(outcomes.c.prediction_id.desc()).limit(recent).subquery()
    p, y = newest.c.score, newest.c.label
    place = case((p >= 1, BINS - 1), else_=cast(p * BINS, Integer))
    query = select(place, *(func.sum(term) for term in terms(p, y))).group_by(place)
    found = Reliability()
    for at, *row in connection.execute(query):
        found.sums[:, at] = row
    return found


def _known(connection: Connection, model: str, ids: list[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(ids), LOOKED_UP):
        some = outcomes.c.prediction_id.in_(ids[start : start + LOOKED_UP])
        query = select(outcomes.c.prediction_id).where(outcomes.c.model == model, some)
        found.extend(connection.execute(query).scalars())
    return found


def _row(model: str, told: Outcome, now_unix_ms: int) -> dict[str, Any]:
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
