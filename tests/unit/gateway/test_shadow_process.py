"""The runner's side of an arm's process: what is held against it, and what is not."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.shadowing import process
from gateway.shadowing.budget import Budget
from gateway.shadowing.process import Died, Process

CHILD = """
import sys, time
from multiprocessing.connection import Connection

line = Connection(int(sys.argv[1]))
while True:
    pause_s = line.recv()
    time.sleep(pause_s)
    line.send(pause_s)
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    (tmp_path / "answers_late.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = Process("answers_late", Budget(0.0, 0.0), memory_bytes=1 << 30)
    assert made.ask(0.0, 60.0) == 0.0
    return made


def test_a_process_that_sleeps_over_an_answer_is_given_up(asked: Process) -> None:
    with pytest.raises(Died, match="it hangs: no answer, and asleep for"):
        asked.ask(20.0, 0.3)
    asked.end()


def test_time_in_which_the_runner_stood_still_is_not_held_against_it(
    asked: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a suspended host: between any two looks ten seconds have passed."""
    clock = itertools.count(0.0, 10.0)
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda seconds: None))
    assert asked.ask(0.5, 3.0) == 0.5
    asked.end()
