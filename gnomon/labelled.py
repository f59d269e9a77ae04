"""Labels joined with exported predictions, in DuckDB: what each had scored, and what was true.

A gateway that is asked for one prediction after the other takes milliseconds each; this took 0.4 s for 24,000.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gnomon.domain import Score
from gnomon.errors import NotFound
from gnomon.evidence import Outcome
from gnomon.exports import connect, pattern_of, quoted, reading, said

FLOATS = ("FLOAT[]", "DOUBLE[]")
ID_COLUMNS = ("prediction_id", "request_id")
FETCHED = 10_000
_A_FEATURE = re.compile(r"(?P<tensor>.*)\[(?P<column>\d+)\]")


def outcomes(
    root: str | Path, model: str, labels: Mapping[str, Mapping[str, float]], score_of: Callable[[int], Score]
) -> Iterator[Outcome]:
    """An outcome for each answered call of one row whose label is known and whose score was exported.

    Args:
        root: as `gnomon.exports.connect` takes it.
        labels: by prediction_id and by request_id: the label of each.
        score_of: which number of a version's outputs is its score.

    Raises: as `connect`; NotFound: no exported predictions of the model.
    """
    import pyarrow as pa

    with contextlib.closing(connect(root, quoted(model))) as connection, said():
        if not connection.execute("select 1 from duckdb_views() where view_name = ?", [model]).fetchall():
            raise NotFound(f"no exported predictions of {model!r} under {root}")
        for name in ID_COLUMNS:
            known = labels.get(name, {})
            table = {"id": pa.array(known.keys(), pa.string()), "label": pa.array(known.values(), pa.float64())}
            connection.register(f"by_{name}", pa.table(table))
        for version, columns in _columns_of(connection, pattern_of(root, model)).items():
            score = _score(columns, score_of(version))
            if score is not None:
                yield from _joined(connection, model, version, score)


def _joined(connection: Any, model: str, version: int, score: str) -> Iterator[Outcome]:
    joins = " union ".join(
        f"select call.prediction_id, call.epoch, {score} as score, known.label "
        f"from {quoted(model)} as call join by_{name} as known on call.{name} = known.id "
        f"where call.version = {version} and call.status = 'answered' and call.rows = 1"
        for name in ID_COLUMNS
    )
    found = connection.execute(f"select * from ({joins}) where isfinite(score)")
    while rows := found.fetchmany(FETCHED):
        for prediction_id, epoch, value, label in rows:
            yield Outcome(prediction_id=prediction_id, version=version, epoch=epoch, score=value, label=label)


def _columns_of(connection: Any, pattern: str) -> dict[int, list[str]]:
    """Columns of floats that each version answered, in their order: all files of a version have the same."""
    named = reading(pattern, ", filename = true")
    one_each = f"select version, min(filename) from {named} where status = 'answered' group by version order by version"
    found = {}
    for version, path in connection.execute(one_each).fetchall():
        described = connection.execute(f"describe select * from {reading(path)}").fetchall()
        found[int(version)] = [name for name, kind, *_ in described if name.startswith("output.") and kind in FLOATS]
    return found


def _score(columns: list[str], score: Score) -> str | None:
    """The expression of a version's score in a call of one row; None where it was not exported."""
    tensors: dict[str, list[str]] = {}
    for name in columns:
        feature = _A_FEATURE.fullmatch(name)
        tensors.setdefault(feature["tensor"] if feature else name, []).append(name)
    wanted = f"output.{score.output}" if score.output else next(reversed(tensors), "")
    of_tensor = tensors.get(wanted, [])
    if of_tensor == [wanted]:  # one list: the tensor, row-major
        return f"call.{quoted(wanted)}[{score.column + 1 if score.column >= 0 else score.column}]"
    if not -len(of_tensor) <= score.column < len(of_tensor):
        return None
    return f"call.{quoted(of_tensor[score.column])}[1]"
