"""A child of a supervisor that was killed before the child could ask to be told of it."""

import os
import subprocess
import sys

from tests.journals import config_in
from tests.waiting import until


def child(config, parent):
    config.layout.config.write_text(config.to_json())
    command = [sys.executable, "-m", "gateway", "shipper", "--config", str(config.layout.config)]
    return subprocess.Popen([*command, "--parent", str(parent)], stderr=subprocess.PIPE, text=True)


def test_a_child_that_was_born_an_orphan_ends_and_says_why(tmp_path):
    config = config_in(tmp_path)
    process = child(config, os.getppid())
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the supervisor is gone" in said
    assert not config.layout.checkpoint("shipper").with_suffix(".lock").exists()


def test_a_child_whose_supervisor_lives_works_until_it_is_told_to_stop(tmp_path):
    config = config_in(tmp_path)
    process = child(config, os.getpid())
    until(config.layout.checkpoint("shipper").with_suffix(".lock").exists)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0
