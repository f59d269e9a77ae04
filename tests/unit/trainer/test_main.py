import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from trainer.__main__ import main
from trainer.flights import FEATURES


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "command"),
        (["dance"], "dance"),
        (["train"], "--spec"),
        (["train", "--spec", "v9", "--registry", "localhost:1"], "v9"),
        (["train", "--spec", "v1"], "--registry"),
        (["train", "--spec", "v1", "--registry", "localhost"], "HOST:PORT"),
        (["train", "--spec", "v1", "--registry", "localhost:99999"], "HOST:PORT"),
        (["flights"], "--out"),
    ],
)
def test_bad_arguments_leave_with_64_and_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line


def test_without_a_registry_the_package_is_written_and_the_results_are_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--spec", "v1", "--out", str(tmp_path / "out")]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    artifact = (tmp_path / "out" / "v1.onnx").read_bytes()
    assert result["artifact_sha256"] == hashlib.sha256(artifact).hexdigest()
    assert (result["model"], result["version"]) == ("flight-delay", None)
    assert result["max_abs_difference"] <= 1e-5
    assert result["rows"] == 8000
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"v1.onnx", "v1.profile", "v1.warmup"}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["flights", "--out", str(tmp_path / "file" / "flights.npz")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_flights_are_written_with_the_rows_each_spec_holds_out(tmp_path: Path) -> None:
    path = tmp_path / "flights.npz"
    assert main(["flights", "--out", str(path)]) == 0
    with np.load(path) as written:
        assert written["features"].shape == (336_776, len(FEATURES))
        assert written["columns"].tolist() == list(FEATURES)
        assert len(written["label"]) == len(written["tailnum"]) == len(written["scheduled"]) == 336_776
        assert set(written["month"][written["held_out_v2"]]) == {1, 2, 3}
        assert {name for name in written.files if name.startswith("held_out")} == {
            f"held_out_v{number}" for number in (1, 2, 3, 4)
        }
