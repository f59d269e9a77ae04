"""Tables of every library give the same columns: numbers in their own type, all else as labels, none of it imported."""

import datetime
import subprocess
import sys

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from gnomon.stats import Profile, Sketch
from gnomon.stats.columns import Labels, Numbers, column, columns_of

DATA = {
    "distance": [1.5, None, 3.5, 1e300],
    "seats": [3, None, 2**60 + 1, -4],
    "rows": [1, 2, 3, 4],
    "carrier": ["UA", None, "ÅÄ", "UA"],
    "late": [True, False, None, True],
    "gate": ["A", "A", "B", None],
}
CATEGORIES = {"gate": "category", "seats": "Int64", "carrier": "str", "late": "boolean"}
TABLES = {
    "mapping": lambda: {**DATA, "seats": INTEGERS()},
    "pandas": lambda: pandas.DataFrame(DATA).astype(CATEGORIES, errors="ignore").assign(seats=INTEGERS()),
    "pandas on arrow": lambda: pyarrow.table(DATA).to_pandas(types_mapper=pandas.ArrowDtype),
    "polars": lambda: polars.DataFrame(DATA, schema_overrides={"gate": polars.Categorical}),
    "arrow table": lambda: pyarrow.table({**DATA, "gate": pyarrow.array(DATA["gate"]).dictionary_encode()}),
    "arrow chunks": lambda: pyarrow.concat_tables(pyarrow.table(DATA).slice(n, 2) for n in (0, 2)),
    "arrow batch": lambda: pyarrow.RecordBatch.from_pydict(DATA),
}


def INTEGERS():
    return pandas.array(DATA["seats"], "Int64")


def plain(found):
    """A column as Python values, None for what is missing."""
    if isinstance(found, Labels):
        return [None if code < 0 else found.labels[code] for code in found.codes.tolist()]
    missing = np.isnan(found.values) | (False if found.missing is None else found.missing)
    return [None if absent else value for absent, value in zip(missing.tolist(), found.values.tolist(), strict=True)]


@pytest.mark.parametrize("library", TABLES)
def test_every_library_gives_the_same_columns(library):
    found = columns_of(TABLES[library]())
    assert {name: plain(values) for name, values in found.items()} == DATA
    assert [found[name].values.dtype for name in ("distance", "seats", "rows")] == [np.float64, np.int64, np.int64]


@pytest.mark.parametrize("library", TABLES)
def test_every_library_fits_the_same_profile_and_counts_alike(library):
    profile = Profile.fit(TABLES["arrow table"]())
    assert Profile.fit(TABLES[library]()).to_bytes() == profile.to_bytes()
    sketch = Sketch(profile)
    sketch.update(TABLES[library]())
    assert np.array_equal(sketch.counts, profile.counts())


@pytest.mark.parametrize("library", TABLES)
def test_a_table_without_rows_counts_nothing(library):
    whole = TABLES[library]()
    empty = {name: [] for name in DATA} if library == "mapping" else whole[:0]
    sketch = Sketch(Profile.fit(whole))
    if library == "mapping":
        empty |= {"carrier": np.array([], object), "late": np.array([], bool), "gate": np.array([], object)}
    sketch.update(empty)
    assert sketch.counts.sum() == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array(["2026-01-01"], "M8[s]"), "datetime64.s. is neither numbers nor labels"),
        (polars.Series([datetime.date(2026, 1, 1)]), "neither numbers nor labels"),
        (pandas.Series(pandas.to_datetime(["2026-01-01"], utc=True)), "neither numbers nor labels"),
        (pyarrow.array([datetime.date(2026, 1, 1)]), "neither numbers nor labels"),
        (np.array([1 + 2j]), "complex128 is neither"),
        (np.array([2**64 - 1], np.uint64), "18446744073709551615 is beyond int64"),
        ([object()], "of type object is neither a number nor a label"),
        ([[1], [2]], r"one dimension wanted, got shape \(2, 1\)"),
        ([{}], "unhashable"),
    ],
)
def test_what_is_neither_numbers_nor_labels_is_refused_by_name(values, message):
    with pytest.raises(ValueError, match=f"column 'x': .*{message}"):
        column(values, "x")


def test_numbers_kept_in_objects_are_numbers_and_small_ones_are_widened():
    assert plain(column(np.array([1.5, None], object), "x")) == [1.5, None]
    assert column(np.array([1, 2], np.float16), "x").values.dtype == np.float32
    assert column(np.array([1, 2], np.uint8), "x").values.dtype == np.int64


def test_columns_of_other_lengths_and_those_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=r"of one length, got \{'a': 1, 'b': 2\}"):
        columns_of({"a": [1], "b": [1, 2]})
    with pytest.raises(ValueError, match=r"no column 'c' among \['a'\]"):
        columns_of({"a": [1]}, ["c"])


def test_columns_made_before_are_taken_as_they_are():
    made = Numbers(values=np.arange(3))
    assert columns_of({"a": made})["a"] is made


def test_no_table_library_is_imported_to_count_arrays():
    program = (
        "import sys, numpy; from gnomon.stats import Profile, Sketch; s = Sketch(Profile.fit(numpy.ones((9, 2)))); "
        "s.update({'column[0]': [1.0], 'column[1]': [2.0]}); sys.exit(bool(sys.modules.keys() & "
        "{'pandas', 'polars', 'pyarrow'}))"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
