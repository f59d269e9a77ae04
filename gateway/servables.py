"""Loaded versions: one ONNX Runtime session each, lent out and counted, so that none is unloaded in use.

The registry of loaded versions belongs to the worker's event loop; a `Servable` may be run from any thread.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: it otherwise keeps an event database

import logging
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from google.protobuf.message import DecodeError

from gateway import bfloat16
from gateway.cost import RunCost
from gateway.journal.format import NUMPY_OF
from gateway.tensors import array_of, kept
from gnomon.domain import Version
from gnomon.errors import ArtifactCorrupt, InvalidInput, VersionNotFound
from gnomon.oip import ModelInferRequest

log = logging.getLogger(__name__)

DATATYPE_OF = {
    "tensor(bool)": "BOOL", "tensor(int8)": "INT8", "tensor(int16)": "INT16", "tensor(int32)": "INT32",
    "tensor(int64)": "INT64", "tensor(uint8)": "UINT8", "tensor(uint16)": "UINT16", "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64", "tensor(float16)": "FP16", "tensor(float)": "FP32", "tensor(double)": "FP64",
    "tensor(string)": "BYTES", "tensor(bfloat16)": "BF16",
}  # fmt: skip
FLOATS = ("FP16", "BF16", "FP32", "FP64")
WARM_UP_CALLS = 16
Shapes = dict[str, tuple[int, ...]]
MERGE_TRIALS = (2, 3, 4, 5, 8, 13, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, protocol datatype, and shape of an input or output; -1 where any size goes."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    @property
    def kept(self) -> str:
        """Datatype of its arrays here, and in the journal."""
        return kept(self.datatype)

    def described(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.kept, "shape": list(self.shape)}


def _spec(node: Any) -> TensorSpec:
    if node.type not in DATATYPE_OF:
        raise InvalidInput(f"tensor {node.name} is {node.type}, which the protocol has no datatype for")
    return TensorSpec(
        node.name, DATATYPE_OF[node.type], tuple(size if isinstance(size, int) else -1 for size in node.shape)
    )


class Servable:
    """A version, ready to run."""

    def __init__(self, version: Version, artifact: Path) -> None:
        """Raises: InvalidInput when the runtime cannot load the artifact, or its score does not exist."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what a run raises is told once, by who asked for it
        try:
            self._session = onnxruntime.InferenceSession(str(artifact), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise InvalidInput(
                f"{version.model} version {version.version}: not a model that can be loaded: {error}"
            ) from error
        self.version = version
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())
        self.input_index = {spec.name: index for index, spec in enumerate(self.inputs)}
        self.output_names = [spec.name for spec in self.outputs]
        self.kept_outputs = tuple(spec.kept for spec in self.outputs)
        self._bfloat16 = {spec.name for spec in (*self.inputs, *self.outputs) if spec.datatype == "BF16"}
        self.score_index = self._score_index()
        self.schema = 0  # its number in this worker's journal
        self.borrowed = 0
        self.layouts: dict[Any, Any] = {}  # requests' layouts held against this version; see gateway.fastcodec.inputs
        self.replies: dict[Any, Any] = {}  # what is the same in many replies; see gateway.fastcodec.response
        self.run_us = 0.0  # median of the warm-up
        self.cost = RunCost()
        self.merges = False  # whether calls may run together: known after the warm-up
        self.row_shapes: tuple[Shapes, tuple[tuple[int, ...], ...]] | None = None  # likewise: of inputs, of outputs

    @property
    def takes_any_rows(self) -> bool:
        """Whether the first axis of every input and output is free: that of the rows."""
        return all(spec.shape[:1] == (-1,) for spec in (*self.inputs, *self.outputs))

    def run(self, feeds: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        """All outputs, in their order. Raises: whatever the runtime raises."""
        if self._bfloat16:
            return bfloat16.run(self._session, self.output_names, feeds, self._bfloat16)
        outputs: list[np.ndarray[Any, Any]] = self._session.run(self.output_names, feeds)
        return outputs

    def scores(self, outputs: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any] | None:
        """The score of each row (n,) float32; None where the version has no floating-point output."""
        if self.score_index is None:
            return None
        return score_column(outputs[self.score_index], self.version.score.column)

    def described(self) -> dict[str, Any]:
        """What a journal needs to say what its tensors are."""
        return {
            "model": self.version.model,
            "version": self.version.version,
            "artifact_sha256": self.version.artifact_sha256,
            "inputs": [spec.described() for spec in self.inputs],
            "outputs": [spec.described() for spec in self.outputs],
            "score": {"output": self.score_index, "column": self.version.score.column},
        }

    def warm_up(self, calls: Sequence[Mapping[str, np.ndarray[Any, Any]]]) -> None:
        """Runs each call and keeps the median time. Raises: InvalidInput when the model cannot run one."""
        taken, alone = [], []
        for call in calls:
            began = time.perf_counter()
            try:
                alone.append(self.run(call))
            except Exception as error:  # see __init__
                raise InvalidInput(
                    f"{self.version.model} version {self.version.version}: the warm-up failed: {error}"
                ) from error
            taken.append(time.perf_counter() - began)
        self.run_us = statistics.median(taken) * 1e6
        self.cost = RunCost(self.run_us)
        self.merges = self.takes_any_rows and self._same_together(calls, alone)
        self.row_shapes = self._row_shapes(calls, alone[0]) if self.takes_any_rows else None

    def _same_together(
        self, calls: Sequence[Mapping[str, np.ndarray[Any, Any]]], alone: Sequence[Sequence[np.ndarray[Any, Any]]]
    ) -> bool:
        """Whether rows run together give the bytes that they gave alone, tried on the warm-up rows.

        A matrix product may add up in another order for another number of rows. Such a version is never merged: a
        prediction must be the same whoever else called at that moment, and when it is scored again.
        """
        for count in MERGE_TRIALS:
            chosen = [index % len(calls) for index in range(count)]
            feeds = {name: np.concatenate([calls[index][name] for index in chosen]) for name in calls[0]}
            try:
                together = self.run(feeds)
            except Exception as error:  # see __init__
                log.info(
                    "%s version %d runs no %d rows together: %s", self.version.model, self.version.version, count, error
                )
                return False
            for number in range(len(self.outputs)):
                if not _same_bytes(np.concatenate([alone[index][number] for index in chosen]), together[number]):
                    return False
        return True

    def _row_shapes(
        self, calls: Sequence[Mapping[str, np.ndarray[Any, Any]]], alone: Sequence[np.ndarray[Any, Any]]
    ) -> tuple[Shapes, tuple[tuple[int, ...], ...]] | None:
        """Of each input's row, and of each output's; None unless two calls together give the rows of both."""
        pair = {name: np.concatenate([array, calls[-1][name]]) for name, array in calls[0].items()}
        try:
            outputs = self.run(pair)
        except Exception:  # see __init__; `_same_together` has told of it
            return None
        inputs, shapes = {name: array.shape[1:] for name, array in pair.items()}, tuple(o.shape[1:] for o in alone)
        rows = {len(array) for array in pair.values()}
        fits = rows == {len(output) for output in outputs} and shapes == tuple(o.shape[1:] for o in outputs)
        return (inputs, shapes) if fits else None

    def _score_index(self) -> int | None:
        wanted = self.version.score.output
        if wanted:
            if wanted not in self.output_names:
                raise InvalidInput(f"score output {wanted!r}: the model has {self.output_names}")
            return self.output_names.index(wanted)
        floats = [index for index, spec in enumerate(self.outputs) if spec.datatype in FLOATS]
        return floats[-1] if floats else None


def _same_bytes(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if one.dtype == object:
        return bool(one.tolist() == other.tolist())
    return one.tobytes() == other.tobytes()


def score_column(output: np.ndarray[Any, Any], column: int) -> np.ndarray[Any, Any]:
    """(n,) float32 from (n,) or (n, k). Raises: IndexError for a column that is not there."""
    flat = output.reshape(len(output), -1) if output.ndim > 1 else output[:, None]
    return flat[:, column].astype(np.float32, copy=False)


def invented_calls(servable: Servable) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Rows for the warm-up of a version that came without real ones: floats drawn at random, everything else zero.

    Not all zero: sums of zeros are the same in any order, and would hide that merging changes bits.
    """
    random = np.random.default_rng(0)
    return [{spec.name: _invented(spec, random) for spec in servable.inputs} for _ in range(WARM_UP_CALLS)]


def _invented(spec: TensorSpec, random: np.random.Generator) -> np.ndarray[Any, Any]:
    shape = [1 if size < 0 else size for size in spec.shape]
    if spec.datatype == "BYTES":
        return np.full(shape, "", object)
    if spec.datatype in FLOATS:
        return random.standard_normal(shape).astype(NUMPY_OF[spec.kept])
    return np.zeros(shape, NUMPY_OF[spec.kept])


def recorded_calls(path: Path, servable: Servable) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Real rows of a serialized ModelInferRequest with raw contents: one by one where the first axis of every input is
    free, as they are where it is not.

    Raises: InvalidInput for a file that is no such request.
    """
    try:
        request = ModelInferRequest.FromString(path.read_bytes())
        pairs = zip(request.inputs, request.raw_input_contents, strict=True)
        whole = {tensor.name: array_of(tensor.datatype, tuple(tensor.shape), raw) for tensor, raw in pairs}
    except (DecodeError, ValueError, KeyError) as error:
        raise InvalidInput(f"warm-up {path.name}: not a request with raw contents: {error}") from None
    counts = {len(array) for array in whole.values()} if all(len(spec.shape) > 1 for spec in servable.inputs) else {0}
    if len(counts) != 1 or not (rows := counts.pop()) or not servable.takes_any_rows:
        return [whole] * WARM_UP_CALLS
    return [{name: array[at : at + 1] for name, array in whole.items()} for at in range(min(rows, WARM_UP_CALLS))]


def load(version: Version, cache: Path) -> Servable:
    """The version from its verified artifact, warmed with real rows where it has some. Blocking; for a thread.

    Raises: InvalidInput, ArtifactCorrupt.
    """
    artifact = cache / version.artifact_sha256
    if not artifact.exists():
        raise ArtifactCorrupt(
            f"artifact {version.artifact_sha256} of {version.model} version {version.version} is not here"
        )
    servable = Servable(version, artifact)
    warm = cache / version.warmup_sha256
    if version.warmup_sha256:
        servable.warm_up(recorded_calls(warm, servable))
    else:
        _warm_up_invented(servable)
    return servable


def _warm_up_invented(servable: Servable) -> None:
    """Numbers at random need not be what a model takes; zeros mostly are, but tell nothing about merging."""
    calls = invented_calls(servable)
    try:
        servable.warm_up(calls)
    except InvalidInput as error:
        log.info("%s; trying zeros", error)
        servable.warm_up([{name: array * 0 if array.dtype != object else array for name, array in calls[0].items()}])
        servable.merges = False


class Servables:
    """Loaded versions by (model, version). Written by: the worker's event loop."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, int], Servable] = {}
        self._kept: set[tuple[str, int]] = set()  # what the state in force names, and the one that is being prepared

    def __contains__(self, key: tuple[str, int]) -> bool:
        return key in self._loaded

    def keys(self) -> list[tuple[str, int]]:
        return sorted(self._loaded)

    def add(self, servable: Servable) -> None:
        """Takes a version in, and keeps it."""
        key = servable.version.model, servable.version.version
        self._loaded[key] = servable
        self._kept.add(key)

    def claim(self, key: tuple[str, int]) -> bool:
        """Whether a version is loaded; it then stays so. One that a former state left behind may else go any time."""
        if key not in self._loaded:
            return False
        self._kept.add(key)
        return True

    def keep(self, keys: Iterable[tuple[str, int]]) -> None:
        """These and no others are kept from now on."""
        self._kept = set(keys)

    def get(self, model: str, version: int) -> Servable:
        """Raises: VersionNotFound."""
        try:
            return self._loaded[model, version]
        except KeyError:
            loaded = [number for name, number in self.keys() if name == model]
            raise VersionNotFound(f"{model} version {version} is not loaded here; loaded are {loaded}") from None

    def lend(self, servable: Servable) -> Servable:
        """Keeps a servable from being unloaded until it is given back."""
        servable.borrowed += 1
        return servable

    def give_back(self, servable: Servable) -> None:
        servable.borrowed -= 1

    def retire(self) -> list[Servable]:
        """Gives up what is neither kept nor borrowed, to be unloaded. What is still borrowed goes at a later call."""
        gone = [key for key, servable in self._loaded.items() if key not in self._kept and servable.borrowed == 0]
        return [self._loaded.pop(key) for key in gone]
