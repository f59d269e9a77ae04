import dataclasses
import os
from typing import Any

import numpy as np
import onnx
import pytest

from trainer import runtime
from trainer.data import Split, split
from trainer.errors import ExportDisagrees
from trainer.evaluate import evaluate
from trainer.export import check, export
from trainer.fit import build, fit, floor32, floor_thresholds
from trainer.flights import FEATURES, PLANE, WEATHER, Flights
from trainer.kriging import KrigedClassifier
from trainer.publish import evenly
from trainer.spec import V1, V2, V3, V4, TrainSpec

TREES = dataclasses.replace(V1, name="trees", algorithm="boosted_trees", parameters={"max_iter": 20})
SMALL_V4 = dataclasses.replace(V4, parameters=V4.parameters | {"members": 2, "member_rows": 100})


@pytest.fixture(scope="module")
def tables(flights: Flights) -> Split:
    return split(flights, V1)


@pytest.fixture(scope="module")
def v1(tables: Split) -> Any:
    return fit(V1, tables.train)


def april_scores(flights: Flights, spec: TrainSpec) -> np.ndarray:
    model = fit(spec, split(flights, spec).train)
    return model.predict_proba(flights.features[flights.month == 4])[:, 1]


def with_everything_missing(features: np.ndarray) -> np.ndarray:
    rows = features.copy()
    rows[::2, [FEATURES.index(name) for name in WEATHER + PLANE]] = np.nan
    rows[1::2, FEATURES.index("dest")] = -1
    return rows


def test_the_month_after_is_predicted_as_well_as_schedule_and_weather_allow(tables: Split, v1: Any) -> None:
    metrics = evaluate(v1, tables.evaluation)
    assert 0.70 < metrics["auc"] < 0.78
    assert metrics["log_loss"] < 0.43
    assert metrics["brier"] < 0.13
    assert metrics["rows"] == 27_902


@pytest.mark.parametrize("spec", [V1, TREES, SMALL_V4], ids=lambda spec: spec.algorithm)
def test_the_artifact_is_the_model_on_every_row_with_or_without_weather(tables: Split, spec: TrainSpec) -> None:
    model = fit(spec, tables.train)
    artifact = export(model, len(FEATURES), spec.model)
    rows = evenly(tables.evaluation.features, 2000)
    agreement = check(model, artifact, np.concatenate([rows, with_everything_missing(rows)]))
    assert agreement.rows == 4000
    assert agreement.max_abs_difference <= 1e-5


def test_the_artifact_takes_features_and_gives_label_and_probabilities(v1: Any) -> None:
    session = runtime.load(export(v1, len(FEATURES), "flight-delay"))
    assert [(put.name, put.type, put.shape) for put in session.get_inputs()] == [
        ("features", "tensor(float)", [None, len(FEATURES)])
    ]
    assert [(out.name, out.type, out.shape) for out in session.get_outputs()] == [
        ("label", "tensor(int64)", [None]),
        ("probabilities", "tensor(float)", [None, 2]),
    ]


def test_equal_models_give_equal_artifacts(tables: Split, v1: Any) -> None:
    again = fit(V1, tables.train)
    assert export(v1, len(FEATURES), "flight-delay") == export(again, len(FEATURES), "flight-delay")


def test_a_broken_export_is_caught_and_the_row_named(tables: Split, v1: Any) -> None:
    graph = onnx.load_from_string(export(v1, len(FEATURES), "flight-delay"))
    classifier = next(node for node in graph.graph.node if node.op_type == "LinearClassifier")
    for attribute in classifier.attribute:
        if attribute.name == "intercepts":
            attribute.floats[1] += 0.01
    with pytest.raises(ExportDisagrees, match=r"row 0: the artifact gives probability .* of 50 rows differ"):
        check(v1, graph.SerializeToString(), tables.evaluation.features[:50])


def test_an_export_that_differs_in_one_row_is_caught(tables: Split, v1: Any) -> None:
    class Moody:
        def predict_proba(self, features: np.ndarray) -> np.ndarray:
            answer = v1.predict_proba(features)
            answer[17] = [0.5, np.nan]
            return answer

    artifact = export(v1, len(FEATURES), "flight-delay")
    with pytest.raises(ValueError, match=r"row 17: .*1 of 50 rows"):
        check(Moody(), artifact, tables.evaluation.features[:50])


def test_an_artifact_with_wrong_labels_is_caught(tables: Split, v1: Any) -> None:
    graph = onnx.load_from_string(export(v1, len(FEATURES), "flight-delay"))
    classifier = next(node for node in graph.graph.node if node.op_type == "LinearClassifier")
    for attribute in classifier.attribute:
        if attribute.name == "classlabels_ints":
            attribute.ints[:] = [1, 0]
    with pytest.raises(ExportDisagrees, match="label"):
        check(v1, graph.SerializeToString(), tables.evaluation.features[:50])


def test_a_threshold_rounds_down_so_that_the_row_on_it_keeps_its_branch() -> None:
    low, high = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(1))
    near_high = np.float64(high) - 1e-12
    floored = floor32(np.array([near_high, np.float64(low), np.inf, 1e300]))
    assert floored.tolist() == [low, low, np.inf, np.finfo(np.float32).max]


def test_floored_thresholds_answer_every_float32_row_as_before(tables: Split) -> None:
    model = build(TREES).fit(tables.train.features, tables.train.label)
    before = model.predict_proba(tables.evaluation.features)
    floor_thresholds(model)
    np.testing.assert_array_equal(model.predict_proba(tables.evaluation.features), before)


def test_v2_stays_near_v1_and_the_celsius_version_does_not(flights: Flights) -> None:
    v1, v2, v3 = (april_scores(flights, spec) for spec in (V1, V2, V3))
    window = np.ones(2000) / 2000
    good = np.convolve(np.abs(v2 - v1) > 0.25, window, "valid")
    broken = np.convolve(np.abs(v3 - v2) > 0.25, window, "valid")
    assert good.max() < 0.1 / 3
    assert broken.min() > 0.1 * 3


def test_kriging_keeps_to_its_trend_far_from_what_it_remembers(tables: Split) -> None:
    model = fit(SMALL_V4, tables.train)
    assert isinstance(model, KrigedClassifier)
    far = evenly(tables.evaluation.features, 20).copy()
    far[:, FEATURES.index("distance")] = 1e5
    np.testing.assert_allclose(model.predict_proba(far), model.base_.predict_proba(far), atol=1e-9)
    near = evenly(tables.train.features, 2000)
    assert np.abs(model.predict_proba(near) - model.base_.predict_proba(near)).max() > 1e-4
    np.testing.assert_array_equal(model.predict(near), model.predict_proba(near)[:, 1] > 0.5)


def test_telemetry_is_off_before_the_runtime_is_imported() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
