"""What the registry holds of gateways' reports is bounded, and the versions heard of last stay."""

from gnomon.evidence import DriftTick, StatsReport
from registry.stats import VERSIONS_KEPT, Stats


def report(version: int, tick: int) -> StatsReport:
    sub_window = DriftTick(model="m", version=version, tick=tick, tick_s=5.0, rows=1, counts=b"")
    return StatsReport(gateway_id="g", ticks=(sub_window,))


def test_drift_counts_of_old_versions_and_old_sub_windows_go() -> None:
    stats = Stats(lambda: 0.0, silent_s=10.0, ticks_kept=3)
    for version in range(1, VERSIONS_KEPT + 2):
        stats.report(report(version, 1))
        stats.report(report(2, version))
    assert stats.ticks("m", 1) == ()
    assert [tick.tick for tick in stats.ticks("m", 2)] == [VERSIONS_KEPT - 1, VERSIONS_KEPT, VERSIONS_KEPT + 1]
    assert len(stats.ticks("m", VERSIONS_KEPT + 1)) == 1
