"""Rows of versions without a profile: what is collected, what is left out, and what is proposed once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.journal.columns import Group, groups
from gateway.journal.format import ANSWERED, INPUT, OUTPUT
from gateway.journal.walk import JournalReader
from gateway.journal.writer import Record, TensorRecord, Writer
from gateway.observe.cold import Cold
from gateway.tensors import bytes_raw
from gnomon.domain import ColumnRule, LogPolicy, Treatment
from gnomon.stats.profile import Profile
from tests.journals import config_in, writer_of

SCHEMA = {
    "model": "m", "version": 3, "artifact_sha256": "a" * 64,
    "inputs": [
        {"name": "x", "datatype": "FP32", "shape": [-1, 2]}, {"name": "who", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "account", "datatype": "INT64", "shape": [-1]},
    ],
    "outputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}], "score": {"output": 0, "column": 0},
}  # fmt: skip
RNG = np.random.default_rng(3)
X = RNG.normal(size=(600, 2)).astype(np.float32)
WHO = [("ann", "bob", "eve")[number] for number in RNG.integers(0, 3, 600)]
ACCOUNT = (1 << 40) + RNG.integers(0, 40, 600)


def call(writer: Writer, schema: int, at: int, rows: int) -> None:
    part = slice(at, at + rows)
    text = np.frombuffer(bytes_raw([each.encode() for each in WHO[part]]), np.uint8)
    tensors = [
        TensorRecord(INPUT, 0, "FP32", (rows, 2), X[part]), TensorRecord(INPUT, 1, "BYTES", (rows, 1), text),
        TensorRecord(INPUT, 2, "INT64", (rows,), ACCOUNT[part]),
        TensorRecord(OUTPUT, 0, "FP32", (rows, 1), X[part, :1].copy()),
    ]  # fmt: skip
    given = {"arrived_unix_ns": (1_700_000_000 + at) * 10**9, "epoch": 1, "version": 3, "role": 1, "schema": schema}
    assert writer.append(Record(writer.next_id(1), ANSWERED, tensors=tensors, rows=rows, **given))


@pytest.fixture
def journaled(tmp_path: Path) -> list[Group]:
    """600 rows, by three and by one."""
    writer = writer_of(config_in(tmp_path))
    schema = writer.schema(SCHEMA)
    for at in range(0, 300, 3):
        call(writer, schema, at, 3)
    for at in range(300, 600):
        call(writer, schema, at, 1)
    batch = JournalReader(writer.folder).read(1_000)
    assert batch is not None
    found = list(groups(batch))
    writer.close()
    return found


def collected(journaled: list[Group], rows: int, policy: LogPolicy | None = None, **more: Any) -> list[Profile]:
    cold = Cold(more.get("is_cold", lambda model, version: True), lambda model: policy, rows)
    for group in journaled:
        cold.update(group)
    return [profile for _, profile in cold.proposals("g1")]


def test_the_profile_is_of_every_column_as_the_library_fits_it(journaled: list[Group]) -> None:
    (profile,) = collected(journaled, 600)
    assert {each.name: (each.tensor, each.column, each.is_score, each.kind) for each in profile.monitors} == {
        "x[0]": ("x", 0, False, "float32"), "x[1]": ("x", 1, False, "float32"), "who": ("who", 0, False, "categorical"),
        "account": ("account", 0, False, "int64"), "x": ("x", 0, True, "float32"),
    }  # fmt: skip
    assert profile.reference == "the first 600 rows at gateway g1, 2023-11-14T22:13:20Z to 2023-11-14T22:23:19Z"
    table = {"x[0]": X[:, 0], "x[1]": X[:, 1], "who": WHO, "account": ACCOUNT, "x": X[:, 0]}
    for mine, wanted in zip(profile.monitors, Profile.fit(table).monitors, strict=True):
        assert (mine.edges.tolist(), mine.categories) == (wanted.edges.tolist(), wanted.categories)
        assert mine.counts.tolist() == wanted.counts.tolist()
    assert Profile.from_bytes(profile.to_bytes()).reference == profile.reference


def test_nothing_is_proposed_before_there_are_rows_enough_or_where_there_is_a_profile(journaled: list[Group]) -> None:
    assert collected(journaled, 601) == []
    assert collected(journaled, 0) == []
    assert collected(journaled, 600, is_cold=lambda model, version: False) == []
    answers = iter([True] * len(journaled))
    assert collected(journaled, 600, is_cold=lambda model, version: next(answers, False)) == []


def test_what_is_kept_on_the_host_is_in_no_profile(journaled: list[Group]) -> None:
    rules = (ColumnRule(column="who", treatment=Treatment.HASH), ColumnRule(column="x[1]", treatment=Treatment.DROP))
    (profile,) = collected(journaled, 600, LogPolicy(model="m", rules=rules))
    assert [each.name for each in profile.monitors] == ["x[0]", "account", "x"]


def test_of_columns_that_change_their_kind_there_is_none(
    journaled: list[Group], caplog: pytest.LogCaptureFixture
) -> None:
    cold = Cold(lambda model, version: True, lambda model: None, 600)
    first, *others = journaled
    other = Group(first.rows, first.headers, first.schema | {"inputs": []}, first.matrix, first.places)
    for group in (first, other, *others):
        cold.update(group)
    assert list(cold.proposals("g1")) == []
    assert "m version 3: no profile is made of its calls: columns" in caplog.text


def test_what_the_registry_refuses_is_not_proposed_again(journaled: list[Group]) -> None:
    cold = Cold(lambda model, version: True, lambda model: None, 600)
    for group in journaled:
        cold.update(group)
    ((version, profile),) = cold.proposals("g1")
    assert next(cold.proposals("g1"))[1] is profile, "it is fitted once"
    cold.give_up(version, "refused")
    for group in journaled:
        cold.update(group)
    assert list(cold.proposals("g1")) == []
