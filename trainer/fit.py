"""Fits a spec's model. All of them take rows with NaN."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from trainer.data import Table
from trainer.flights import FEATURES
from trainer.kriging import KrigedClassifier
from trainer.spec import TrainSpec

CATEGORIES = ("weekday", "carrier", "origin", "dest")
CUBIC = ("scheduled_minute",)
ABSENT_IS_ZERO = ("wind_gust",)  # no gust was worth a record
MEASURED = tuple(name for name in FEATURES if name not in CATEGORIES + CUBIC + ABSENT_IS_ZERO)


def fit(spec: TrainSpec, table: Table) -> Any:
    """A fitted scikit-learn classifier with `predict_proba`; the same spec and table give the same model."""
    model = build(spec).fit(table.features, table.label)
    if isinstance(model, HistGradientBoostingClassifier):
        floor_thresholds(model)
    return model


def build(spec: TrainSpec) -> Any:
    """The unfitted classifier of the spec's algorithm."""
    parameters: dict[str, Any] = dict(spec.parameters)
    if spec.algorithm == "boosted_trees":
        return HistGradientBoostingClassifier(early_stopping=False, random_state=spec.seed, **parameters)
    base = logistic(parameters.pop("C"))
    if spec.algorithm == "logistic":
        return base
    return KrigedClassifier(base=base, space=measured(), seed=spec.seed, **parameters)


def logistic(penalty_inverse: float) -> Pipeline:
    """Logistic regression on categories, a cubic of the time of day, and weather, route and plane as measured."""
    prepared = ColumnTransformer(
        [
            ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), indexes(CATEGORIES)),
            ("cubic", cubic(), indexes(CUBIC)),
            ("absent", scaled(SimpleImputer(strategy="constant", fill_value=0)), indexes(ABSENT_IS_ZERO)),
            ("measured", scaled(SimpleImputer(strategy="median")), indexes(MEASURED)),
        ]
    )
    return make_pipeline(prepared, LogisticRegression(C=penalty_inverse, max_iter=500))


def measured() -> ColumnTransformer:
    """The space in which flights are near each other: time of day, route length, weather and plane, standardised."""
    columns = indexes(CUBIC + MEASURED)
    return ColumnTransformer([("measured", scaled(SimpleImputer(strategy="median")), columns)])


def cubic() -> Pipeline:
    """x, x² and x³ of one standardised column, standardised again."""
    return make_pipeline(StandardScaler(), PolynomialFeatures(3, include_bias=False), StandardScaler())


def scaled(imputer: SimpleImputer) -> Pipeline:
    """The imputer, then zero mean and unit variance."""
    return make_pipeline(imputer, StandardScaler())


def indexes(names: tuple[str, ...]) -> list[int]:
    """Where these features are in FEATURES."""
    return [FEATURES.index(name) for name in names]


def floor_thresholds(model: HistGradientBoostingClassifier) -> None:
    """Rounds every split down to float32, in place.

    scikit-learn keeps thresholds in float64, ONNX in float32. Rounded to the nearest, a threshold can pass a value that
    lies on it and send it down the other branch. For a float32 x, x <= t holds exactly when x <= floor32(t) holds: the
    model answers every float32 row as before, and its export answers alike.
    """
    for predictors in model._predictors:
        for predictor in predictors:
            predictor.nodes["num_threshold"] = floor32(predictor.nodes["num_threshold"])


def floor32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The greatest float32 not above each value (n,)."""
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)
