"""The short version of `python -m bench.kill_soak --times 300`."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(900)
def test_no_reply_is_lost_and_no_row_doubled_when_processes_are_killed_under_load(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.kill_soak", "--times", "5", "--dir", str(tmp_path), "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=850, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all holds" in done.stdout
