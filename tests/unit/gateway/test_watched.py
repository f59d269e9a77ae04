"""Columns of every kind are counted as the library counts the same rows: whole numbers, doubles, names as text."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gateway.journal.format import ANSWERED, INPUT, OUTPUT
from gateway.journal.writer import Record, TensorRecord
from gateway.observer import Observer
from gateway.tensors import bytes_raw
from gnomon.stats.design import HEAD, PER_MONITOR
from gnomon.stats.looks import Rule, look
from gnomon.stats.profile import Profile
from gnomon.stats.sketch import Sketch
from tests.journals import config_in, know, put_snapshot, put_version, route, writer_of

ID = 1 << 40  # float32 knows no whole number this large from its neighbours
ROWS = 3
SCHEMA = {
    "model": "flights", "version": 1, "artifact_sha256": "a" * 64,
    "inputs": [
        {"name": "delay", "datatype": "FP32", "shape": [-1, 1]},
        {"name": "account", "datatype": "INT64", "shape": [-1]},
        {"name": "fare", "datatype": "FP64", "shape": [-1, 1]},
        {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "gate", "datatype": "INT32", "shape": [-1, 1]},
    ],
    "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}],
    "score": {"output": 0, "column": 0},
}  # fmt: skip
Table = dict[str, Any]


def drawn(seed: int, rows: int, carriers: tuple[str, ...] = ("UA", "B6", "Ørsta")) -> Table:
    rng = np.random.default_rng(seed)
    return {
        "delay": rng.normal(size=rows).astype(np.float32),
        "account": ID + rng.integers(0, 40, rows),
        "fare": rng.normal(size=rows) / 3,
        "carrier": rng.choice(carriers, rows).tolist(),
        "gate": rng.integers(1, 5, rows),
    }


def profile_of(table: Table) -> Profile:
    """Each monitor of a tensor of its own."""
    fitted = Profile.fit(table, categorical=("gate",))
    monitors = tuple(replace(monitor, tensor=monitor.name, column=0) for monitor in fitted.monitors)
    return replace(fitted, monitors=monitors)


class House:
    """A gateway's folder with a version of inputs of all kinds."""

    def __init__(self, folder: Any, profile: Profile) -> None:
        self.config = config_in(folder)
        self.config.layout.identity.write_text("0123456789abcdef")
        version = put_version(self.config.layout, 1, b"artifact", profile=profile.to_bytes())
        put_snapshot(self.config.layout, route(), version)
        self.writer = writer_of(self.config)
        self.number = self.writer.schema(SCHEMA)
        know(self.writer, route())

    def call(self, table: Table) -> None:
        rows = len(table["delay"])
        text = [each.encode() for each in table["carrier"]]
        tensors = [
            TensorRecord(INPUT, 0, "FP32", (rows, 1), table["delay"]),
            TensorRecord(INPUT, 1, "INT64", (rows,), table["account"]),
            TensorRecord(INPUT, 2, "FP64", (rows, 1), table["fare"]),
            TensorRecord(INPUT, 3, "BYTES", (rows, 1), np.frombuffer(bytes_raw(text), np.uint8)),
            TensorRecord(INPUT, 4, "INT32", (rows, 1), table["gate"].astype(np.int32)),
            TensorRecord(OUTPUT, 0, "FP32", (rows, 1), np.zeros((rows, 1), np.float32)),
        ]
        given = {"arrived_unix_ns": 10**9, "epoch": 1, "version": 1, "role": 1, "schema": self.number, "rows": rows}
        assert self.writer.append(Record(self.writer.next_id(1), ANSWERED, tensors=tensors, **given))

    def calls(self, table: Table, size: int) -> None:
        for first in range(0, len(table["delay"]), size):
            self.call({name: values[first : first + size] for name, values in table.items()})

    def observed(self) -> Observer:
        observer = Observer(self.config)
        while observer.read():
            pass
        return observer

    def counts(self) -> np.ndarray[Any, Any]:
        (tick,) = self.observed().drift.ticks.values()
        return tick.counts


@pytest.fixture
def reference() -> Profile:
    return profile_of(drawn(1, 3_000))


@pytest.fixture
def house(tmp_path, reference):
    made = House(tmp_path, reference)
    yield made
    made.writer.close()


def test_every_kind_counts_as_a_sketch_of_the_same_rows(house, reference):
    assert [each.kind for each in reference.monitors] == ["float32", "int64", "float64", "categorical", "categorical"]
    live = drawn(2, 120, ("UA", "B6", "Ørsta", "new"))
    house.calls(live, ROWS)
    sketch = Sketch(reference)
    sketch.update(live)
    np.testing.assert_array_equal(house.counts(), sketch.snapshot())


def test_empty_text_is_missing_where_the_reference_has_none(house, reference):
    house.calls(drawn(2, 10) | {"carrier": [""] * 4 + ["UA"] * 6}, 1)
    assert reference.split(house.counts())[3][-1] == 4


def test_empty_text_is_a_name_where_the_reference_has_it(tmp_path):
    profile = profile_of(drawn(1, 300, ("UA", "")))
    house = House(tmp_path, profile)
    house.calls(drawn(2, 10) | {"carrier": [""] * 4 + ["UA"] * 6}, 1)
    carrier = profile.split(house.counts())[3]
    assert (carrier[profile.monitors[3].categories.values.index("")], carrier[-1]) == (4, 0)
    house.writer.close()


def test_a_carrier_that_grows_and_an_account_that_moves_are_seen_and_nothing_else(house, reference):
    live = drawn(2, 1_200)
    live["account"] = ID + 20 + live["account"] % 20
    live["carrier"] = ["UA" if number % 2 else carrier for number, carrier in enumerate(live["carrier"])]
    house.calls(live, 1)
    found = look(reference, house.counts(), Rule(level=1e-6))
    assert {each.name for each in found if each.bar.name == "ABOVE"} == {"account", "carrier"}


def test_rows_of_a_call_with_one_name_are_alike(house, reference):
    commonest = reference.monitors[3].categories.values[0]
    for carrier in (commonest, "other", commonest):
        house.call(drawn(2, ROWS) | {"carrier": [carrier] * ROWS})
    (sums,) = house.observed().drift.together.sums.values()
    y, y_squared, y_rows = sums[HEAD:].reshape(PER_MONITOR, -1)[:, 3].tolist()
    assert (y, y_squared, y_rows) == (2 * ROWS, 2 * ROWS**2, 2 * ROWS**2)


def test_rows_of_a_slice_are_counted_as_a_sketch_of_them_alone(tmp_path):
    table = drawn(1, 6_000)
    fitted = Profile.fit(
        table, categorical=("gate",),
        by_slice={"carrier": table["carrier"], "gate": table["gate"], "delay": np.round(table["delay"])},
    )  # fmt: skip
    profile = replace(
        fitted, monitors=tuple(replace(monitor, tensor=monitor.name, column=0) for monitor in fitted.monitors)
    )
    house, live = House(tmp_path, profile), drawn(2, 60, ("UA", "B6", "Ørsta", "new"))
    live["delay"] = np.round(live["delay"])
    house.calls(live, ROWS)
    observer = house.observed()
    ticks = {key.slice: tick for key, tick in observer.drift.sliced.ticks.items()}
    values = {"carrier": np.array(live["carrier"]), "gate": live["gate"], "delay": live["delay"]}
    names = {each.name: (each.column, each.value) for each in profile.slices}
    assert {"carrier=Ørsta", "gate=4", "delay=-1", "delay=0"} <= set(ticks) <= set(names)
    for name, tick in ticks.items():
        column, value = names[name]
        of_slice = values[column] == (value if column == "carrier" else float(value))
        sketch = Sketch(profile.coarse())
        sketch.update({each: np.asarray(column)[of_slice] for each, column in live.items()})
        np.testing.assert_array_equal(tick.counts, sketch.snapshot(), err_msg=name)
        assert tick.rows == np.count_nonzero(of_slice)
    observer.save()
    again = Observer(house.config)
    assert {key: tick.counts.tolist() for key, tick in again.drift.sliced.ticks.items()} == {
        key: tick.counts.tolist() for key, tick in observer.drift.sliced.ticks.items()
    }
    house.writer.close()


def test_slices_are_told_when_their_sub_window_is_over(tmp_path):
    table = drawn(1, 3_000)
    fitted = Profile.fit({"carrier": table["carrier"]}, by_slice={"carrier": table["carrier"]})
    profile = replace(fitted, monitors=(replace(fitted.monitors[0], tensor="carrier", column=0),))
    house = House(tmp_path, profile)
    house.calls(drawn(2, 30), ROWS)
    drift = house.observed().drift
    assert {message.slice for message in drift.told(1 << 20, 30.0)[0]} == {""}
    assert list(drift.left_out_unix_ms(drift.told(1 << 20, 30.0)[1], 30.0)) == []
    messages, changes = drift.told(1 << 20, 60.0)
    assert {message.slice for message in messages} == {"", "carrier=B6", "carrier=UA", "carrier=Ørsta"}
    assert {message.tick_s for message in messages if message.slice} == {60.0}
    assert list(drift.left_out_unix_ms({}, 60.0)) == [0, 0, 0, 0]
    drift.acknowledged(changes)
    assert {message.slice for message in drift.told(1 << 20, 60.0)[0]} == {""}
    house.writer.close()


def test_confidence_is_counted_of_every_classes_columns(tmp_path):
    rng = np.random.default_rng(7)
    profile = Profile.fit_confidence(rng.dirichlet([1, 1, 1], 3_000), tensor="score", dtype="float32")
    house, live = House(tmp_path, profile), rng.dirichlet([1, 1, 5], 60).astype(np.float32)
    schema = SCHEMA | {"outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 3]}]}
    given = {"arrived_unix_ns": 10**9, "epoch": 1, "version": 1, "role": 1, "schema": house.writer.schema(schema)}
    for rows in np.split(live, 20):
        tensors = [TensorRecord(OUTPUT, 0, "FP32", rows.shape, rows)]
        assert house.writer.append(Record(house.writer.next_id(1), ANSWERED, tensors=tensors, rows=3, **given))
    sketch = Sketch(profile)
    sketch.update(live.max(axis=1))
    np.testing.assert_array_equal(house.counts(), sketch.snapshot())
    house.writer.close()


def test_what_an_older_observer_kept_of_sub_windows_is_left_out(house, reference):
    house.calls(drawn(2, 30), ROWS)
    observer = house.observed()
    state = observer.drift.state()
    del state["sliced"]
    state["ticks"] = [[*key[:3], *rest] for *key, rest in ((*row[:4], row[4:]) for row in state["ticks"])]
    again = Observer(house.config)
    again.drift.restore(state)
    assert again.drift.ticks == {}
    again.drift.restore(observer.drift.state())
    assert again.drift.ticks.keys() == observer.drift.ticks.keys() != set()
