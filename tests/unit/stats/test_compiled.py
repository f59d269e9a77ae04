"""Compiled functions work wherever they run, and are kept for the next process where that is possible."""

import os
import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import logging, pathlib, sys
    logging.basicConfig(format="%(levelname)s %(message)s")
    from gnomon.stats.compiled import njit
    import kernel
    sys.exit(kernel.twice(21) != 42)
"""
KERNEL = """
    import os, pathlib, shutil
    from gnomon.stats.compiled import njit

    @njit(nogil=True)
    def twice(x):
        return 2 * x

    if "LOSE" in os.environ:
        folder = pathlib.Path(os.environ["NUMBA_CACHE_DIR"])
        shutil.rmtree(folder)
        folder.touch()
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "kernel.py").write_text(textwrap.dedent(KERNEL))

    def run(cache, **more):
        path = os.pathsep.join([str(tmp_path), os.getcwd()])
        environment = os.environ | {
            "PYTHONPATH": path,
            "NUMBA_CACHE_DIR": str(cache),
            "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
        }
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM)]
        done = subprocess.run(
            command, env=environment | more, check=True, timeout=60, capture_output=True, text=True, cwd=tmp_path
        )
        return done.stderr

    return run


def test_what_is_compiled_is_kept_where_it_can_be(run, tmp_path):
    assert run(tmp_path / "cache") == ""
    assert [path.suffix for path in sorted((tmp_path / "cache").rglob("kernel.twice*"))] == [".nbc", ".nbi"]


def test_a_place_that_cannot_be_written_costs_the_cache_only(run, tmp_path):
    nowhere = tmp_path / "a file, not a folder"
    nowhere.touch()
    assert run(nowhere) == ""


def test_a_place_that_is_lost_in_between_costs_the_cache_only_and_is_told(run, tmp_path):
    assert "WARNING compiled code of <function twice" in run(tmp_path / "cache", LOSE="1")
