"""What the faults of shadows are judged by: medians over windows, failed calls, books."""

import subprocess
import sys
import time

import pytest

from bench.shadow import Found, judged, stopped
from gateway.shadowing.vitals import vitals_of

BALANCED = {"offered": 10, "run": 4, "shed": 3, "expired": 2, "failed": 1}


def found(*other: float, failed: int = 0, ends: int = 1) -> dict[str, Found]:
    quiet = [100.0] * len(other)
    return {"leak": Found(quiet_p99_us=quiet, other_p99_us=list(other), calls=9, failed=failed, ends=ends)}


def test_one_window_that_the_machine_stalled_in_is_not_held_against_a_fault() -> None:
    assert found(100.0, 104.0, 9_000.0)["leak"].ratio() == pytest.approx(1.04)
    assert all(judged(found(100.0, 104.0, 9_000.0), BALANCED).values())


@pytest.mark.parametrize(
    ("beside", "books", "missed"),
    [
        (found(106.0, 106.0, 90.0), BALANCED, "p99"),
        (found(100.0, failed=1), BALANCED, "1 calls of 9 failed"),
        (found(100.0), BALANCED | {"run": 3}, "books"),
        (found(100.0, ends=0), BALANCED, "its process ended 0 times"),
    ],
    ids=["later", "failed", "lost", "goes on"],
)
def test_one_of_them_misses(beside: dict[str, Found], books: dict[str, int], missed: str) -> None:
    names = [name for name, met in judged(beside, books).items() if not met]
    assert len(names) == 1
    assert missed in names[0]


def test_in_a_quiet_window_the_runner_uses_no_processor() -> None:
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with stopped(spinning.pid):
            time.sleep(0.05)
            before = vitals_of(spinning.pid)
            time.sleep(0.2)
            assert vitals_of(spinning.pid) == before
        time.sleep(0.3)
        after = vitals_of(spinning.pid)
        assert before is not None
        assert after is not None
        assert after.cpu_s > before.cpu_s
    finally:
        spinning.kill()
        spinning.wait()
