"""What a serving process imports stays light, and every public name can be reached from gnomon.stats."""

import subprocess
import sys

import pytest

import gnomon.stats


@pytest.mark.parametrize("module", ["gnomon.stats", "gnomon.stats.latency", "gnomon.stats.sequential"])
def test_a_light_module_brings_neither_a_compiler_nor_scipy(module):
    program = f"import {module}, sys; sys.exit(bool(sys.modules.keys() & {{'numba', 'llvmlite', 'scipy'}}))"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("name", gnomon.stats.__all__)
def test_every_public_name_is_found(name):
    assert getattr(gnomon.stats, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gnomon.stats.nothing
