"""SQL over exports that the real shipper wrote: views, names of features, errors in a line, the example of the docs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gateway.journal.format import ANSWERED, FAILED, INPUT, OUTPUT
from gateway.journal.writer import Record, TensorRecord
from gateway.shipper import Shipper
from gnomon.domain import Score
from gnomon.errors import InvalidInput, NotFound, Unavailable
from gnomon.exports import connect, query
from gnomon.labelled import _score as score_in
from gnomon.labelled import outcomes
from gnomon.profile.v1 import profile_pb2
from tests.journals import config_in, put_snapshot, put_version, record, route, writer_of
from tests.servers import S3_ENVIRONMENT, make_bucket, s3_server, started

DOCS = Path(__file__).parents[3] / "docs" / "queries.md"
GNOMON = [sys.executable, "-m", "gnomon.cli.main"]
CALLS = 60


def described(model):
    return {
        "model": model, "version": 1, "artifact_sha256": "a" * 64,
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [
            {"name": "score", "datatype": "FP32", "shape": [-1]},
            {"name": "features", "datatype": "BYTES", "shape": [-1, 1]},
        ],
    }  # fmt: skip


def gateway_with(folder, model="pricing", **settings):
    """Exports of calls of one, two and three rows, and of one that failed."""
    config = config_in(folder, **settings)
    profile = profile_pb2.Profile(monitors=[profile_pb2.Monitor(name="dep_delay", tensor="features", column=1)])
    version = put_version(config.layout, 1, b"a", model=model, profile=profile.SerializeToString())
    put_snapshot(config.layout, route(model=model), version)
    writer = writer_of(config)
    number = writer.schema(described(model))
    for call in range(CALLS):
        rows = 1 + call % 3
        x = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2) + call
        words = b"".join(b"\x02\x00\x00\x00ab" for _ in range(rows))
        tensors = [
            TensorRecord(INPUT, 0, "FP32", (rows, 2), x.tobytes()),
            TensorRecord(OUTPUT, 0, "FP32", (rows,), x[:, 1].tobytes()),
            TensorRecord(OUTPUT, 1, "BYTES", (rows, 1), words),
        ]
        written = Record(
            writer.next_id(1), ANSWERED, 1, number, version=1, role=1, rows=rows, tensors=tensors, total_ns=1000 * call
        )
        assert writer.append(written)
    assert writer.append(record(writer, number, status=FAILED))
    assert writer.append(record(writer, 0, status=FAILED))
    writer.close()
    shipper = Shipper(config)
    while shipper.step():
        pass
    return config


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("up") / "gnomon-data" / "gateway"
    gateway_with(folder)
    return folder / "parquet"


def test_calls_of_all_models_and_of_one(exports):
    names, rows = query(exports, "select model, status, count(*) as calls from predictions group by all order by all")
    assert names == ["model", "status", "calls"]
    assert rows == [("", "failed", 1), ("pricing", "answered", CALLS), ("pricing", "failed", 1)]
    assert query(exports, "select count(*) from pricing")[1] == [(CALLS + 1,)]


def test_a_folder_of_a_gateway_or_of_gnomon_up_will_do(tmp_path):
    gateway_with(tmp_path / "gateway")
    for folder in (tmp_path / "gateway" / "parquet", tmp_path / "gateway", tmp_path):
        assert query(folder, "select count(*) from predictions")[1] == [(CALLS + 2,)], folder


def test_each_row_of_a_call_is_a_row_with_plain_values(exports):
    names, rows = query(exports, "select sequence, row, * exclude (sequence, row) from pricing_rows order by 1, 2")
    assert len(rows) == sum(1 + call % 3 for call in range(CALLS))
    found = [dict(zip(names, row, strict=True)) for row in rows]
    assert [row["row"] for row in found[:6]] == [0, 0, 1, 0, 1, 2]
    for row in found:
        assert row["dep_delay"] == 2 * row["row"] + 1 + row["sequence"]  # as the profile calls it
        assert row["score"] == row["dep_delay"]
        assert row["input.features[0]"] == row["dep_delay"] - 1  # the output has a column of that name as well
        assert row["output.features[0]"] == b"ab"


def test_labels_find_what_calls_of_one_row_had_scored(exports):
    _, calls = query(exports, "select prediction_id, rows, epoch, sequence from pricing where status = 'answered'")
    labels = {"prediction_id": {prediction_id: rows / 2 for prediction_id, rows, *_ in calls} | {"nobody's": 1.0}}
    found = list(outcomes(exports, "pricing", labels, lambda version: Score()))
    assert sorted((each.prediction_id, each.version, each.epoch, each.label) for each in found) == sorted(
        (prediction_id, 1, epoch, 0.5) for prediction_id, rows, epoch, _ in calls if rows == 1
    )
    _, scores = query(exports, "select prediction_id, score from pricing_rows where rows = 1 and status = 'answered'")
    assert {each.prediction_id: each.score for each in found} == dict(scores)
    assert list(outcomes(exports, "pricing", labels, lambda version: Score(output="nothing"))) == []
    with pytest.raises(NotFound, match="no exported predictions of 'nobody'"):
        list(outcomes(exports, "nobody", labels, lambda version: Score()))


@pytest.mark.parametrize(
    ("score", "expression"),
    [
        (Score(), 'call."output.b[1]"[1]'),
        (Score(column=0), 'call."output.b[0]"[1]'),
        (Score(output="a"), 'call."output.a"[-1]'),
        (Score(output="a", column=2), 'call."output.a"[3]'),
        (Score(output="b", column=2), None),
        (Score(output="c"), None),
    ],
)
def test_the_score_is_the_column_that_its_version_says(score, expression):
    assert score_in(["output.a", "output.b[0]", "output.b[1]"], score) == expression


def test_what_no_query_can_be_is_said_in_a_line(exports, tmp_path):
    for sql, said in (
        ("selec 1", "syntax error"),
        ("select nothing from predictions", "nothing"),
        ("select * from nobody", "nobody"),
    ):
        with pytest.raises(InvalidInput, match=said) as caught:
            query(exports, sql)
        assert "\n" not in str(caught.value)
    with pytest.raises(NotFound, match="no exported predictions under"):
        query(tmp_path, "select 1")


def test_a_model_is_called_by_its_own_name_or_one_that_sql_takes(tmp_path):
    config = gateway_with(tmp_path, "flight-delay.v2")
    for name in ('"flight-delay.v2"', "flight_delay_v2"):
        assert query(config.layout.parquet, f"select count(*) from {name}")[1] == [(CALLS + 1,)]


def test_exports_in_a_store_are_asked_alike(tmp_path, monkeypatch):
    server = s3_server(tmp_path)
    for name, value in (S3_ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}"}).items():
        monkeypatch.setenv(name, value)
    with started(server):
        make_bucket(server, "exports")
        gateway_with(tmp_path / "gateway", export_url="s3://exports/all")
        found = query("s3://exports/all", "select count(*), max(dep_delay) from pricing_rows")[1]
    assert found == [(120, float(CALLS - 1 + 5))]


def test_a_file_that_is_none_and_a_store_that_is_gone_are_said_in_a_line(tmp_path, monkeypatch):
    folder = tmp_path / "predictions" / "model=m" / "date=2026-01-31" / "hour=07"
    folder.mkdir(parents=True)
    (folder / "w00-0000000000000000-v1.parquet").write_bytes(b"garbage that is no Parquet")
    with pytest.raises(InvalidInput, match="w00-0000000000000000-v1"):
        query(tmp_path, "select * from m")
    for name, value in (S3_ENVIRONMENT | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable, match=r"s3://exports/all: .*127\.0\.0\.1:1"):
        query("s3://exports/all", "select 1")


def command(folder, *arguments):
    return subprocess.run(
        [*GNOMON, "log", "query", *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )


def test_the_command_prints_a_table_json_or_csv_and_errors_in_a_line(exports):
    folder = exports.parents[2]
    sql = ("--sql", "select status, count(*) as calls from pricing group by all order by all")
    assert json.loads(command(folder, *sql, "--json").stdout) == [
        {"status": "answered", "calls": CALLS}, {"status": "failed", "calls": 1},
    ]  # fmt: skip
    assert command(folder, *sql, "--csv").stdout.split() == ["status,calls", f"answered,{CALLS}", "failed,1"]
    assert "answered" in command(folder, *sql).stdout
    failed = command(folder, "--sql", "selec 1")
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: Parser Error")
    assert failed.stderr.count("\n") == 1


def test_the_example_in_the_docs_runs_on_real_exports(exports):
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    code = code.replace('"features[0]" as feature', '"input.features[0]" as feature')  # ours has an output of that name
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False,
        cwd=exports.parents[2], env=os.environ | {"POLARS_FMT_MAX_COLS": "10"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mean" in done.stdout
    assert "p99_us" in done.stdout


def test_a_connection_is_for_notebooks_too(exports):
    connection = connect(exports)
    views = {row[0] for row in connection.execute("show tables").fetchall()}
    assert {"pricing", "pricing_rows", "predictions"} <= views
    connection.close()
