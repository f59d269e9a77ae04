"""How skl2onnx writes a KrigedClassifier: its sub-models' own graphs, a mean, a sum and a clip."""

from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx.common._apply_operation import (
    apply_argmax,
    apply_cast,
    apply_clip,
    apply_concat,
    apply_mul,
    apply_reshape,
    apply_slice,
    apply_sub,
)
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.proto import onnx_proto

from trainer.kriging import KrigedClassifier


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Writes the ONNX graph of a fitted KrigedClassifier: the sub-models' own graphs, a sum, a clip."""
    graph = _Graph(scope, container, operator.inputs[0])
    model = operator.raw_operator
    label, both = (output.full_name for output in operator.outputs)
    trend = graph.add(apply_slice, graph.score(model.base_), starts=[1], ends=[2], axes=[1])
    corrections = [graph.add(apply_reshape, graph.value(member), desired_shape=(-1, 1)) for member in model.members_]
    mean = graph.add(apply_mul, [graph.add(apply_sum, corrections), graph.constant(1 / len(corrections))])
    late = graph.add(
        apply_clip, graph.add(apply_sum, [trend, mean]), min=np.array([0], np.float32), max=np.array([1], np.float32)
    )
    apply_concat(scope, [graph.add(apply_sub, [graph.constant(1), late]), late], both, container, axis=1)
    likelier = graph.add(apply_argmax, both, axis=1, keepdims=0)
    apply_cast(scope, likelier, label, container, to=onnx_proto.TensorProto.INT64)


def apply_sum(scope: Any, inputs: list[str], output: str, container: Any) -> None:
    """Adds a Sum node."""
    container.add_node("Sum", inputs, [output], name=scope.get_unique_operator_name("Sum"), op_version=13)


class _Graph:
    """Names and adds the nodes of one conversion."""

    def __init__(self, scope: Any, container: Any, rows: Any) -> None:
        self._scope = scope
        self._container = container
        self._rows = rows

    def add(self, apply: Any, inputs: Any, **attributes: Any) -> str:
        """The name of the one output of a new node."""
        name = str(self._scope.get_unique_variable_name("kriged"))
        apply(self._scope, inputs, name, self._container, **attributes)
        return name

    def constant(self, value: float) -> str:
        """The name of a new initializer (1,) float32."""
        name = str(self._scope.get_unique_variable_name("kriged_constant"))
        self._container.add_initializer(name, onnx_proto.TensorProto.FLOAT, [1], [value])
        return name

    def score(self, classifier: Any) -> str:
        """The name of the probabilities of a sub-model."""
        self._container.add_options(id(classifier), {"zipmap": False})
        return self._declare(classifier, Int64TensorType(), FloatTensorType())

    def value(self, regressor: Any) -> str:
        """The name of the prediction of a sub-model."""
        return self._declare(regressor, FloatTensorType())

    def _declare(self, model: Any, *output_types: Any) -> str:
        sub = self._scope.declare_local_operator("SklearnPipeline", model)
        sub.inputs.append(self._rows)
        for output_type in output_types:
            sub.outputs.append(self._scope.declare_local_variable("kriged_sub", output_type))
        return str(sub.outputs[-1].full_name)


def register_converter() -> None:
    """Makes the converter known to skl2onnx; more than once does no harm."""
    update_registered_converter(
        KrigedClassifier,
        "GnomonKrigedClassifier",
        calculate_linear_classifier_output_shapes,
        convert,
        options={"zipmap": [True, False], "nocl": [True, False], "output_class_labels": [True, False]},
    )
