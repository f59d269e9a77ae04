"""A registry's inside without its server, its loop or a clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.registry.inside import Inside


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    made = Inside(tmp_path)
    yield made
    made.close()
