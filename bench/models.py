"""The models that are benched: trained in seconds on made-up rows, exported to ONNX, kept by what made them.

Each takes `features` float32 (n, 30) and gives `label` int64 (n,) and `probabilities` float32 (n, 2).
"""

import hashlib
import json
import os
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import skl2onnx
import sklearn
from numpy.typing import NDArray
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bench.call import INPUT, request
from gnomon.stats.profile import Profile

FEATURES = 30
ROWS = 8_000
OUTPUTS = ("label", "probabilities")
OPSETS = {"": 18, "ai.onnx.ml": 3}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "logistic": (LogisticRegression, {"max_iter": 200}),
    "trees": (HistGradientBoostingClassifier, {"max_iter": 100, "max_leaf_nodes": 31, "early_stopping": False}),
    "forest": (RandomForestClassifier, {"n_estimators": 100, "max_depth": 8, "n_jobs": 1}),
    "mlp": (MLPClassifier, {"hidden_layer_sizes": (64, 32), "max_iter": 20, "tol": 0.0}),
}
Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that an artifact depends on."""

    kind: str
    seed: int = 1
    features: int = FEATURES
    rows: int = ROWS
    libraries: dict[str, str] = field(
        default_factory=lambda: {"scikit-learn": sklearn.__version__, "skl2onnx": skl2onnx.__version__}
    )

    @property
    def digest(self) -> str:
        made_by = asdict(self) | {"parameters": KINDS[self.kind][1]}
        return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]

    def data(self) -> tuple[Rows, NDArray[np.int64]]:
        """Rows (n, d) and classes (n,): a line, an interaction and noise."""
        rng = np.random.default_rng(self.seed)
        x = rng.normal(size=(self.rows, self.features)).astype(np.float32)
        score = x @ rng.normal(size=self.features) + 2 * x[:, 0] * x[:, 1] + rng.normal(size=self.rows)
        return x, (score > 0).astype(np.int64)


def artifact(recipe: Recipe, cache: Path) -> bytes:
    """The model as ONNX, from the cache or made now."""
    path = cache / f"{recipe.kind}-{recipe.digest}.onnx"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        unfinished.write_bytes(_made(recipe))
        unfinished.replace(path)
    return path.read_bytes()


def _made(recipe: Recipe) -> bytes:
    kind, parameters = KINDS[recipe.kind]
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # of stopping the training early, which is meant
        fitted = kind(random_state=recipe.seed, **parameters).fit(*recipe.data())
        graph = skl2onnx.to_onnx(
            fitted, name=recipe.kind, options={"zipmap": False}, target_opset=OPSETS,
            initial_types=[(INPUT, FloatTensorType([None, recipe.features]))],
        )  # fmt: skip
    return bytes(graph.SerializeToString(deterministic=True))


def session(model: bytes) -> Any:
    """A session of one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def profile(model: bytes, rows: Rows) -> bytes:
    """The reference of the rows (n, d) and of the model's scores on them, so that drift is watched."""
    names = [f"f{column}" for column in range(rows.shape[1])]
    scores = session(model).run(["probabilities"], {INPUT: rows})[0]
    of_scores = Profile.fit(scores, names=["p0", "score"], tensor="probabilities", score=True, data_sha256="")
    return Profile.fit(rows, names=names, tensor=INPUT).extended(of_scores.only(slice(1, None))).to_bytes()


def warm_up(name: str, rows: Rows) -> bytes:
    """The call a gateway warms the version with."""
    return request(name, rows[:32])
