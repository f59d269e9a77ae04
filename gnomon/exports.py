"""Exported predictions as SQL views, in DuckDB: for `gnomon log query`, notebooks and scripts.

    from gnomon.exports import connect
    connect("gnomon-data/gateway/parquet").sql("select status, count(*) from predictions group by all").df()

predictions, shadow     every call, with the columns of the files (docs/formats/parquet.md)
MODEL                   the calls of a model
MODEL_rows              a row for each row of its calls, and each feature a number or a text: named as in the profile of
                        the newest version where that says so, else without its side where that is clear

A model's name stands in double quotes, or with _ for what SQL does not have in names: "flight-delay" is flight_delay
too.
"""

import base64
import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gnomon.errors import InvalidInput, NotFound, Precondition, Unavailable

DATASETS = ("predictions", "shadow")
FILES = "date=*/hour=*/*.parquet"
ABOUT_A_CALL = re.compile(r"\w+")  # columns that are not of tensors have no dot


class Feature(NamedTuple):
    """A column of lists that has a value for each row of a call."""

    column: str
    tensor: str  # with its side
    one_list: bool  # a whole tensor: only where it has one dimension
    names: tuple[str, ...]  # what it may be called, the best first


def connect(root: str | Path, mentioned: str | None = None) -> Any:
    """A connection with the views of what lies under `root`, a folder or a URL as a gateway's export_url. A gateway's
    own folder will do, or that of `gnomon up`.

    `mentioned` is a query: only views whose names are in it are made, as each reads the footers of its files.
    Raises: Precondition without DuckDB, NotFound where nothing was exported, Unavailable for a store that does not
    answer, InvalidInput for files that are none.
    """
    try:
        import duckdb
    except ImportError:
        raise Precondition("queries need DuckDB: pip install gnomon[query]") from None
    connection = duckdb.connect()
    try:
        with said():
            _make_views(connection, _exports_in(str(root).rstrip("/")), mentioned)
    except BaseException:
        connection.close()
        raise
    return connection


def query(root: str | Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """(names, rows) of what a statement gives. Raises: InvalidInput with what DuckDB says, in a line."""
    with contextlib.closing(connect(root, sql)) as connection, said():
        found = connection.execute(sql)
        names = [column[0] for column in found.description or ()]
        return names, found.fetchall() if names else []


@contextlib.contextmanager
def said() -> Iterator[None]:
    """What DuckDB says, in a line."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise InvalidInput(" ".join(str(error).split())) from None


def _exports_in(root: str) -> str:
    """Where the exports are, in a folder of a gateway or of `gnomon up`."""
    found = (path for path in (Path(root, "gateway", "parquet"), Path(root, "parquet")) if path.is_dir())
    return root if "://" in root else str(next(found, root))


def _make_views(connection: Any, root: str, mentioned: str | None) -> None:
    models = _models(connection, root)
    if not models:
        raise NotFound(f"no exported predictions under {root}")
    for dataset in DATASETS:
        if any(each == dataset for each, _ in models) and (mentioned is None or dataset in mentioned):
            _view(connection, dataset, f"select * from {reading(f'{root}/{dataset}/model=*/{FILES}')}")
    for dataset, model in models:
        name = model if dataset == DATASETS[0] else f"{model}_{dataset}"
        _make_model(connection, f"{root}/{dataset}/model={model}/{FILES}", name, mentioned)


def _models(connection: Any, root: str) -> list[tuple[str, str]]:
    """(dataset, model) of all exports."""
    if "://" in root:
        return sorted(set(_remote_models(connection, root)))
    return sorted(
        (path.parent.name, path.name.removeprefix("model="))
        for dataset in DATASETS
        for path in Path(root, dataset).glob("model=*")
        if next(path.glob(FILES), None)
    )


def _remote_models(connection: Any, root: str) -> Iterator[tuple[str, str]]:
    try:
        import fsspec.core

        files, path = fsspec.core.url_to_fs(root, skip_instance_cache=True)
        connection.register_filesystem(files)
        for dataset in DATASETS:
            for found in files.glob(f"{path}/{dataset}/model=*/{FILES}"):
                yield dataset, found.removeprefix(f"{path}/{dataset}/model=").split("/")[0]
    except ImportError as error:
        raise Precondition(f"{root}: {error}") from None
    except Exception as error:  # every store's client has errors of its own
        raise Unavailable(f"{root}: {' '.join(str(error).split())}") from None


def _make_model(connection: Any, pattern: str, name: str, mentioned: str | None) -> None:
    names = dict.fromkeys((name, re.sub(r"\W", "_", name)))
    if mentioned is not None and not any(each in mentioned for each in names):
        return
    files = reading(pattern)
    features = list(_features(connection, pattern, files))
    rows = f"select {', '.join(_row_columns(connection, files, features))} from {files} as call, "
    rows += "lateral (select unnest(range(call.rows)) as row) as each"
    for each in names:
        _view(connection, each, f"select * from {files}")
        _view(connection, f"{each}_rows", rows)


def _row_columns(connection: Any, files: str, features: list[Feature]) -> Iterator[str]:
    yield "each.row::int as row"
    taken = {"row"}
    for column, *_ in connection.execute(f"describe select * from {files}").fetchall():
        if ABOUT_A_CALL.fullmatch(column):
            taken.add(column)
            yield f"call.{quoted(column)}"
    counts = Counter(name for feature in features for name in set(feature.names))
    for feature in features:
        free = (name for name in feature.names if counts[name] == 1 and name not in taken)
        name = next(free, feature.column)
        value = f"call.{quoted(feature.column)}[each.row + 1]"
        if feature.one_list:
            value = f"case when len(call.{quoted(feature.tensor + '.shape')}) = 1 then {value} end"
        yield f"{value} as {quoted(name)}"


def _features(connection: Any, pattern: str, files: str) -> Iterator[Feature]:
    """The columns of tensors, in their order."""
    names = _profile_names(connection, pattern)
    for column, *_ in connection.execute(f"describe select * from {files}").fetchall():
        tensor = re.sub(r"\[\d+\]$", "", column)
        if not ABOUT_A_CALL.fullmatch(column) and not column.endswith(".shape"):
            plain = column.split(".", 1)[1]
            known = (names[column],) if column in names else ()
            yield Feature(column, tensor, column == tensor, (*known, plain, column))


def _profile_names(connection: Any, pattern: str) -> dict[str, str]:
    """What features are called in the profile of the newest version that says so, from its files' own schema."""
    import pyarrow as pa

    newest = "select max_by(file_name, regexp_extract(file_name, '-v(\\d+)', 1)::int) from parquet_schema(?)"
    (path,) = connection.execute(newest, [pattern]).fetchone()
    sql = "select value from parquet_kv_metadata(?) where key = 'ARROW:schema'"
    found = connection.execute(sql, [path]).fetchone()
    if found is None:
        return {}
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(found[0])))
    named = [(field.name, (field.metadata or {}).get(b"name")) for field in schema]
    return {column: name.decode() for column, name in named if name}


def pattern_of(root: str | Path, model: str) -> str:
    """The files of a model's predictions under `root`, as `connect` takes it."""
    return f"{_exports_in(str(root).rstrip('/'))}/{DATASETS[0]}/model={model}/{FILES}"


def reading(pattern: str, more: str = "") -> str:
    """All files of a pattern as one table. `more`: options of read_parquet."""
    return f"read_parquet({text(pattern)}, union_by_name = true, hive_partitioning = false{more})"


def _view(connection: Any, name: str, sql: str) -> None:
    connection.execute(f"create or replace view {quoted(name)} as {sql}")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
