"""Ticks of a span against a profile."""

import numpy as np
import pytest

from gnomon.errors import ArtifactCorrupt
from gnomon.evidence import Drift, DriftTick
from gnomon.stats import Profile, Sketch
from registry.drift import Span, drift_of, of_span, span_of
from registry.drift_detail import Told

rng = np.random.default_rng(7)
PROFILE = Profile.fit(rng.normal(size=(5_000, 2)).astype(np.float32), names=["temperature", "wind"])


def tick(number: int, shift: float = 0.0, rows: int = 400) -> DriftTick:
    sketch = Sketch(PROFILE)
    values = rng.normal(size=(rows, 2)).astype(np.float32)
    values[:, 0] += shift
    sketch.update(values)
    counts = np.asarray(sketch.counts, "<i8").tobytes()
    return DriftTick(model="m", version=1, tick=number, tick_s=5.0, rows=rows, counts=counts)


def judged(ticks: list[DriftTick], span: Span) -> Drift:
    return drift_of("m", 1, PROFILE, of_span(ticks, span, PROFILE.slots), alpha=1e-3, tolerance=0.1)


def test_what_moved_is_alarmed_and_what_stayed_is_not() -> None:
    drift = judged([tick(1, shift=2.0), tick(2, shift=2.0)], Span(from_unix_ms=0, to_unix_ms=60_000))
    assert drift.alarmed == ("temperature",)
    assert (drift.rows, drift.monitors[0].rows) == (800, 800)
    assert drift.alpha == pytest.approx(1e-3 / 6)


def test_a_tick_belongs_to_the_span_its_start_is_in() -> None:
    ticks = [tick(1, rows=10), tick(2, rows=20), tick(3, rows=40)]
    assert judged(ticks, Span(from_unix_ms=5_000, to_unix_ms=15_000)).rows == 30
    assert judged(ticks, Span(from_unix_ms=5_001, to_unix_ms=15_001)).rows == 60


def test_no_ticks_are_no_drift() -> None:
    drift = judged([], Span(from_unix_ms=0, to_unix_ms=1))
    assert (drift.rows, drift.alarmed) == (0, ())
    assert [monitor.name for monitor in drift.monitors] == ["temperature", "wind"]


def test_counts_of_another_profile_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    odd = DriftTick(model="m", version=1, tick=1, tick_s=5.0, rows=99, counts=bytes(80))
    assert judged([odd, tick(1, rows=10)], Span(from_unix_ms=0, to_unix_ms=60_000)).rows == 10
    assert "1 drift ticks left out" in caplog.text


def test_a_profile_that_is_none_is_named() -> None:
    with pytest.raises(ArtifactCorrupt, match="profile of version 1"):
        Told(model="m", version=1, profile=b"\xff\xff", ticks=()).read(Span(from_unix_ms=0, to_unix_ms=1))


def test_a_span_left_open_is_all_there_is() -> None:
    assert span_of([tick(4), tick(3)], 0, 0, 99_000) == Span(from_unix_ms=15_000, to_unix_ms=99_000)
    assert span_of([], 0, 5, 99_000) == Span(from_unix_ms=0, to_unix_ms=5)
