import dataclasses

import numpy as np
import pytest

from trainer.data import held_out_rows, split
from trainer.errors import UnknownSpec
from trainer.flights import FEATURES, Flights
from trainer.spec import SPECS, V1, V2, V3, TrainSpec, find_spec

TEMP = FEATURES.index("temp")


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_a_row_of_the_months_is_trained_on_or_of_the_reference_or_held_out(flights: Flights, spec: TrainSpec) -> None:
    tables = split(flights, spec)
    together = np.concatenate([tables.train.rows, tables.reference.rows, tables.held_out.rows])
    np.testing.assert_array_equal(np.sort(together), flights.labelled(spec.months))
    assert len(tables.held_out.rows) == round(len(together) * 0.1)
    assert len(tables.reference.rows) == round(len(together) * 0.2)
    np.testing.assert_array_equal(tables.held_out.rows, held_out_rows(flights, spec))


def test_the_evaluation_month_is_the_one_after_and_all_of_it(flights: Flights) -> None:
    tables = split(flights, V1)
    assert set(flights.month[tables.evaluation.rows]) == {3}
    assert len(tables.evaluation.rows) == 27_902


def test_the_digest_is_that_of_the_rows_whatever_made_them(flights: Flights) -> None:
    first, again = split(flights, V1).train, split(flights, V1).train
    assert first.sha256 == again.sha256
    assert split(flights, V2).train.sha256 != first.sha256
    changed = first.label.copy()
    changed[0] = 1 - changed[0]
    assert dataclasses.replace(first, label=changed).sha256 != first.sha256


def test_the_digest_does_not_depend_on_which_nan_it_is(flights: Flights) -> None:
    table = split(flights, V1).train
    other = table.features.copy()
    other[np.isnan(other)] = -np.float32(np.nan)
    assert dataclasses.replace(table, features=other).sha256 == table.sha256


def test_another_seed_holds_out_other_rows(flights: Flights) -> None:
    other = held_out_rows(flights, dataclasses.replace(V1, seed=1))
    assert not np.array_equal(other, held_out_rows(flights, V1))


def test_the_broken_version_sees_the_rows_of_v2_with_the_temperature_in_celsius(flights: Flights) -> None:
    good, broken = split(flights, V2).train, split(flights, V3).train
    np.testing.assert_array_equal(good.rows, broken.rows)
    np.testing.assert_array_equal(np.delete(good.features, TEMP, axis=1), np.delete(broken.features, TEMP, axis=1))
    assert np.nanmax(broken.features[:, TEMP]) < 30
    assert "Celsius" in broken.description


def test_an_unknown_spec_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownSpec, match=r"v9.*v1, v2, v3, v4"):
        find_spec("v9")


@pytest.mark.parametrize(
    "wrong",
    [
        {"months": ()},
        {"months": (2, 1)},
        {"months": (12,)},
        {"algorithm": "oracle"},
        {"held_out_share": 1.0},
        {"reference_share": 0.0},
        {"reference_share": 0.9},
    ],
)
def test_a_spec_that_cannot_be_trained_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="spec 'v1'"):
        dataclasses.replace(V1, **wrong)
