"""KrigedClassifier: a classifier whose probabilities are corrected by an ensemble of Gaussian processes.

Regression kriging (Hengl, Heuvelink, Rossiter 2007): the base model gives the trend, Gaussian processes fitted to its
residuals on remembered training rows say how far off it was nearby. Far from all of them the correction fades to zero
and the base model answers alone.

Known weakness, and why it is here: every prediction looks at every remembered row, one after the other in ONNX. Ten
thousand of them are a thousand times the work of the base model for a hair of accuracy. That is how a version gets
too slow for production without anybody noticing offline.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted

BATCH_ROWS = 1000  # predicted at a time, to bound the kernel matrix


class KrigedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Binary classifier: clip(base probability + mean of the members' corrections, 0, 1).

    Args:
        base: unfitted pipeline that classifies into 0 and 1, the trend.
        space: unfitted transformer to the coordinates in which rows are near each other.
        members: how many Gaussian processes; each remembers `member_rows` random training rows.
        length_scale: of their kernel, in the units of `space`.
        noise: variance of a residual's noise, in units of the kernel's variance.
        seed: draws the rows.
    """

    def __init__(
        self,
        base: Any,
        space: Any,
        members: int = 8,
        member_rows: int = 1000,
        length_scale: float = 3.0,
        noise: float = 10.0,
        seed: int = 0,
    ) -> None:
        self.base = base
        self.space = space
        self.members = members
        self.member_rows = member_rows
        self.length_scale = length_scale
        self.noise = noise
        self.seed = seed

    def fit(self, features: NDArray[np.float32], label: NDArray[np.int64]) -> Self:
        """Fits base and members on (n, d) rows and (n,) labels 0 and 1."""
        self.base_ = clone(self.base).fit(features, label)
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = features.shape[1]
        random = np.random.default_rng(self.seed)
        draws = [random.choice(len(features), self.member_rows, replace=False) for _ in range(self.members)]
        self.members_ = [self._fit_member(features[rows], label[rows]) for rows in draws]
        return self

    def _fit_member(self, features: NDArray[np.float32], label: NDArray[np.int64]) -> Pipeline:
        residual = label - self.base_.predict_proba(features)[:, 1]
        process = GaussianProcessRegressor(RBF(self.length_scale), alpha=self.noise, optimizer=None)
        return make_pipeline(clone(self.space), process).fit(features, residual)

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, 2) probabilities of the labels 0 and 1."""
        check_is_fitted(self)
        batches = [features[start : start + BATCH_ROWS] for start in range(0, len(features), BATCH_ROWS)]
        late = np.clip(np.concatenate([self._trend_and_correction(batch) for batch in batches]), 0, 1)
        return np.column_stack([1 - late, late])

    def _trend_and_correction(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        correction = np.mean([member.predict(features) for member in self.members_], axis=0)
        return np.asarray(self.base_.predict_proba(features)[:, 1] + correction)

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """(n,) the likelier label."""
        return np.asarray(np.argmax(self.predict_proba(features), axis=1), np.int64)
