"""Labels out of a file, and the score a traced prediction had."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnomon.cli.outcomes import LeftOut, labels, outcome_of
from gnomon.domain import Role
from gnomon.errors import InvalidInput
from gnomon.gateway.v1 import gateway_pb2 as pb
from tests.predictions import prediction_id as an_id


def trace(*rows: list[float], role: Role = Role.CANARY, score: tuple[str, int] = ("", -1), **fields: Any) -> Any:
    made = pb.PredictionTrace(**{"prediction_id": an_id(1), "status": "answered"} | fields)
    made.why.model, made.why.version, made.why.epoch, made.why.role = "pricing", 2, 7, int(role)
    made.version.score.output, made.version.score.column = score
    table = np.array(rows, np.float32)
    made.outputs.add(name="label", datatype="INT64", shape=[len(rows)], raw=np.zeros(len(rows), "<i8").tobytes())
    made.outputs.add(name="probabilities", datatype="FP32", shape=list(table.shape), raw=table.tobytes())
    return made


@pytest.mark.parametrize(("score", "value"), [(("", -1), 0.75), (("probabilities", 0), 0.25)])
def test_the_score_is_the_one_its_version_names(score: tuple[str, int], value: float) -> None:
    made = outcome_of(trace([0.25, 0.75], score=score), "pricing", 1.0)
    assert (made.prediction_id, made.version, made.epoch, made.score, made.label) == (an_id(1), 2, 7, value, 1.0)


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (trace([0.1, 0.9], [0.2, 0.8]), "2 rows, and one label"),
        (trace([0.1, 0.9], role=Role.SHADOW), "an answer of pricing expected"),
        (trace([0.1, 0.9], status="failed"), "failed by pricing"),
        (trace([0.1, 0.9], score=("logits", 0)), "no score 'logits'"),
        (trace([0.1, 0.9], score=("", 5)), "score column 5 of 2"),
    ],
)
def test_what_has_no_one_score_is_left_out_and_told_why(of: Any, why: str) -> None:
    with pytest.raises(LeftOut, match=why):
        outcome_of(of, "pricing", 1.0)


def test_a_prediction_of_another_model_is_left_out() -> None:
    with pytest.raises(LeftOut, match="answered by pricing: an answer of other expected"):
        outcome_of(trace([0.1, 0.9]), "other", 1.0)


def test_labels_come_by_prediction_or_by_request(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("request_id,label\norder 17,1\n")
    assert list(labels(file)) == [{"request_id": "order 17", "label": 1.0}]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,label\na,1\n", "columns id, label; label, and prediction_id or request_id expected"),
        ("prediction_id\na\n", "columns prediction_id"),
        ("", "columns ;"),
        ("prediction_id,label\na,1\nb,yes\n", "line 3: label 'yes': a number expected"),
        ("prediction_id,label\na\n", "line 2: label None"),
    ],
)
def test_a_file_that_has_no_labels_is_told_why(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=why):
        list(labels(file))


@pytest.mark.parametrize("data", [b"\xf4\xff", b"prediction_id,label\na,1\n\xf4,1\n"])
def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "labels.csv").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"labels\.csv: no table with commas"):
        list(labels(tmp_path / "labels.csv"))
