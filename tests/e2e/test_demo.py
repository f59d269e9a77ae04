"""The main job, as `make demo` runs it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import GNOMON


@pytest.mark.timeout(400)
def test_the_story_holds_and_its_figures_balance(tmp_path: Path) -> None:
    done = subprocess.run(
        [*GNOMON, "demo", "--dir", str(tmp_path)], capture_output=True, text=True, timeout=380, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    summary = json.loads((tmp_path / "summary.json").read_text())
    calls, shadow = summary["calls"], summary["shadow"]
    assert calls["sent"] == calls["answered"] + calls["rejected"]
    assert calls["answered"] == summary["journaled"] == summary["parquet_rows"] > 10_000
    assert shadow["offered"] == shadow["run"] + shadow["shed"] + shadow["expired"] + shadow["failed"] > 1_000
    verdicts = [(rollout["version"], rollout["verdict"]) for rollout in summary["rollouts"]]
    assert verdicts == [(2, "promoted"), (3, "stopped"), (4, "stopped")]
    assert summary["rollouts"][1]["gate"] == "disagreement"
    assert all(rollout["reason"] and rollout["steps"] for rollout in summary["rollouts"])
    assert {"temp", "dewp"} <= set(summary["drift"]["window"])
    assert summary["drift"]["held_out"] == []
    assert summary["calibration"]["outcomes"] > 4_000
    assert "more came true than they said" in summary["calibration"]["reason"]
    assert summary["trace"]["rescore_equal"] is True
    assert summary["trace"]["version"] == 2
    assert summary["trace"]["approver"]
    assert {len(summary["trace"][name]) for name in ("artifact_sha256", "data_sha256")} == {64}
    assert summary["elapsed_s"] > 0
