import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gnomon.hold import hold

HOLD_UNTIL_CLOSED = """
import sys
from pathlib import Path
from gnomon.hold import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_who_comes_second_is_told_which_file_it_is(tmp_path: Path) -> None:
    first = hold(tmp_path / "lock")
    with pytest.raises(TimeoutError, match=str(tmp_path / "lock")):
        hold(tmp_path / "lock")
    os.close(first)
    os.close(hold(tmp_path / "lock"))


def test_who_may_wait_gets_it_when_the_first_lets_go(tmp_path: Path) -> None:
    first = hold(tmp_path / "lock")
    threading.Timer(0.1, os.close, (first,)).start()
    os.close(hold(tmp_path / "lock", wait_s=30.0))


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD_UNTIL_CLOSED, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError):
            hold(tmp_path / "lock")
        other.kill()
        other.wait()
        os.close(hold(tmp_path / "lock", wait_s=30.0))
