"""Small ONNX models for tests, built by hand: what they compute is known."""

from collections.abc import Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

ANY = "N"


def _info(name: str, kind: int, shape: Sequence[Any]) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def _model(nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], constants: Sequence[Any] = ()) -> bytes:
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString()
    return serialized


def scaled(factor: float, columns: int = 3) -> bytes:
    """score (N, columns) FP32 = x * factor."""
    constant = helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])
    return _model(
        [helper.make_node("Mul", ["x", "factor"], ["score"])],
        [_info("x", TensorProto.FLOAT, [ANY, columns])],
        [_info("score", TensorProto.FLOAT, [ANY, columns])],
        [constant],
    )


def heavy(megabytes: int) -> bytes:
    """score (N, 3) FP32 = x, with a table of so many megabytes beside it that it needs to load."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [megabytes << 18], bytes(megabytes << 20), raw=True)
    first = helper.make_tensor("first", TensorProto.INT64, [1], [0])
    return _model(
        [helper.make_node("Gather", ["table", "first"], ["zero"]), helper.make_node("Add", ["x", "zero"], ["score"])],
        [_info("x", TensorProto.FLOAT, [ANY, 3])],
        [_info("score", TensorProto.FLOAT, [ANY, 3])],
        [table, first],
    )


def several() -> bytes:
    """y (N, 3) FP32 = sigmoid(x); total (N, 1) INT64 = a + b; echo (N, 1) BYTES = s."""
    return _model(
        [
            helper.make_node("Sigmoid", ["x"], ["y"]),
            helper.make_node("Add", ["a", "b"], ["total"]),
            helper.make_node("Identity", ["s"], ["echo"]),
        ],
        [
            _info("x", TensorProto.FLOAT, [ANY, 3]),
            _info("a", TensorProto.INT64, [ANY, 1]),
            _info("b", TensorProto.INT64, [ANY, 1]),
            _info("s", TensorProto.STRING, [ANY, 1]),
        ],
        [
            _info("y", TensorProto.FLOAT, [ANY, 3]),
            _info("total", TensorProto.INT64, [ANY, 1]),
            _info("echo", TensorProto.STRING, [ANY, 1]),
        ],
    )


def identity(kind: int) -> bytes:
    """y = x of one ONNX type, (N, 2)."""
    return _model(
        [helper.make_node("Identity", ["x"], ["y"])], [_info("x", kind, [ANY, 2])], [_info("y", kind, [ANY, 2])]
    )


def reshaping() -> bytes:
    """Fails at run time unless x has 6 elements: y (2, 3) = reshape(x)."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [2, 3])
    return _model(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        [_info("x", TensorProto.FLOAT, [ANY])],
        [_info("y", TensorProto.FLOAT, [2, 3])],
        [shape],
    )


def slow(turns: int = 20_000) -> bytes:
    """score (N, 3) FP32 = x, after a loop of `turns` additions that takes about a microsecond each."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["go_on"]), helper.make_node("Add", ["sum", "sum"], ["sum_out"])],
        "body",
        [
            _info("turn", TensorProto.INT64, []),
            _info("going", TensorProto.BOOL, []),
            _info("sum", TensorProto.FLOAT, [1]),
        ],
        [_info("go_on", TensorProto.BOOL, []), _info("sum_out", TensorProto.FLOAT, [1])],
    )
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    return _model(
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["start"]),
            helper.make_node("Loop", ["turns", "", "start"], ["end"], body=body),
            helper.make_node("Add", ["x", "end"], ["score"]),
        ],
        [_info("x", TensorProto.FLOAT, [ANY, 3])],
        [_info("score", TensorProto.FLOAT, [ANY, 3])],
        [helper.make_tensor("turns", TensorProto.INT64, [], [turns]), zero],
    )


def failing() -> bytes:
    """score (N, 3) FP32 = x + 1; at run time it fails on rows that sum to 3, as a row of ones does."""
    return _model(
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Equal", ["sum", "three"], ["bad"]),
            helper.make_node("Where", ["bad", "beyond", "first"], ["row"]),
            helper.make_node("Gather", ["table", "row"], ["picked"]),
            helper.make_node("Add", ["x", "picked"], ["score"]),
        ],
        [_info("x", TensorProto.FLOAT, [ANY, 3])],
        [_info("score", TensorProto.FLOAT, [ANY, 3])],
        [
            helper.make_tensor("table", TensorProto.FLOAT, [3, 3], [1.0] * 9),
            helper.make_tensor("three", TensorProto.FLOAT, [], [3.0]),
            helper.make_tensor("first", TensorProto.INT64, [], [0]),
            helper.make_tensor("beyond", TensorProto.INT64, [], [99]),
        ],
    )


def pair() -> bytes:
    """y (N, 3) FP32 = 2 x; total (N, 2) INT64 = b + b: two inputs of fixed size, two outputs."""
    return _model(
        [helper.make_node("Add", ["x", "x"], ["y"]), helper.make_node("Add", ["b", "b"], ["total"])],
        [_info("x", TensorProto.FLOAT, [ANY, 3]), _info("b", TensorProto.INT64, [ANY, 2])],
        [_info("y", TensorProto.FLOAT, [ANY, 3]), _info("total", TensorProto.INT64, [ANY, 2])],
    )


def looked_up() -> bytes:
    """score (N, 3) FP32 = table[x] for x of 0, 1 or 2; a run with any other number in it fails."""
    return _model(
        [
            helper.make_node("Cast", ["x"], ["place"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "place"], ["score"]),
        ],
        [_info("x", TensorProto.FLOAT, [ANY, 3])],
        [_info("score", TensorProto.FLOAT, [ANY, 3])],
        [helper.make_tensor("table", TensorProto.FLOAT, [3], [0.5, 1.5, 2.5])],
    )


def rooted() -> bytes:
    """score (N, 3) FP32 = the root of x: not a number for a negative x."""
    return _model(
        [helper.make_node("Sqrt", ["x"], ["score"])],
        [_info("x", TensorProto.FLOAT, [ANY, 3])],
        [_info("score", TensorProto.FLOAT, [ANY, 3])],
    )
