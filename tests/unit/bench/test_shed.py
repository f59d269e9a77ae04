"""What refusals took, out of a journal."""

from pathlib import Path

import pytest

from bench.shed import shed_us
from gateway.journal.format import ANSWERED, SHED
from gateway.journal.writer import Record
from tests.journals import config_in, writer_of


def test_only_shed_calls_of_the_span_are_looked_at(tmp_path: Path) -> None:
    writer = writer_of(config_in(tmp_path))
    calls = [(SHED, 50, 9_000_000), (ANSWERED, 200, 9_000_000), *((SHED, 200, 1_000 * us) for us in range(1, 102))]
    for status, arrived, total_ns in calls:
        assert writer.append(Record(writer.next_id(arrived), status, arrived_unix_ns=arrived, total_ns=total_ns))
    assert shed_us(writer.folder.parent, 100) == pytest.approx({"p50": 51, "p90": 91, "p99": 100})
    assert shed_us(writer.folder.parent, 300) == {}
    writer.close()
