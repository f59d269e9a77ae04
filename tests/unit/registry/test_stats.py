"""What is remembered of gateways' reports."""

from typing import Any

import pytest

from gnomon.domain import Role
from gnomon.errors import InvalidInput
from gnomon.evidence import DriftTick, GatewayStatus, Histogram, StatsReport
from registry.stats import Stats
from registry.sums import sum_arms, sum_histograms, sum_pairs
from tests.unit.registry.situations import arm, pairs


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def make(clock: Clock | None = None) -> Stats:
    return Stats(clock or Clock(), silent_s=10.0, ticks_kept=3)


def report(gateway: str, *counts: Any) -> StatsReport:
    kinds = {"ArmStats": "arms", "PairStats": "pairs", "DriftTick": "ticks", "ShadowBooks": "books"}
    fields: dict[str, tuple[Any, ...]] = {"arms": (), "pairs": (), "ticks": (), "books": ()}
    for count in counts:
        fields[kinds[type(count).__name__]] += (count,)
    return StatsReport(gateway_id=gateway, **fields)


def tick(number: int, rows: int = 1) -> DriftTick:
    return DriftTick(model="m", version=1, tick=number, tick_s=5.0, rows=rows, counts=b"")


def test_a_report_that_is_repeated_counts_once() -> None:
    stats = make()
    for _ in range(3):
        stats.report(report("g1", arm(Role.STABLE, 1, 10)))
    assert [each.answered for each in stats.arms("m", [1])] == [10]


def test_a_report_that_was_lost_is_in_the_next_one() -> None:
    stats = make()
    stats.report(report("g1", arm(Role.STABLE, 1, 10)))
    stats.report(report("g1", arm(Role.STABLE, 1, 35)))
    assert [each.answered for each in stats.arms("m", [1])] == [35]


def test_gateways_are_added() -> None:
    stats = make()
    stats.report(report("g1", arm(Role.STABLE, 1, 10, over=(1, 2)), pairs(1, 4, disagreements=1)))
    stats.report(report("g2", arm(Role.STABLE, 1, 20, over=(3,)), pairs(1, 6, disagreements=2)))
    (total,) = stats.arms("m", [1])
    assert (total.answered, total.over, total.latency.count) == (30, (4, 2), (30,))
    (paired,) = stats.pairs("m", [1])
    assert (paired.pairs, paired.disagreements, paired.run.count) == (10, 3, (10,))


def test_epochs_and_arms_are_kept_apart() -> None:
    stats = make()
    stats.report(report("g1", arm(Role.STABLE, 1, 10), arm(Role.CANARY, 1, 20), arm(Role.STABLE, 2, 40)))
    assert sorted(each.answered for each in stats.arms("m", [1])) == [10, 20]
    assert sorted(each.answered for each in stats.arms("m", [1, 2])) == [10, 20, 40]
    assert stats.arms("other", [1, 2]) == ()


def test_an_epoch_that_is_no_longer_sent_is_remembered() -> None:
    stats = make()
    stats.report(report("g1", arm(Role.STABLE, 1, 10)))
    stats.report(report("g1", arm(Role.STABLE, 2, 5)))
    assert len(stats.arms("m", [1, 2])) == 2


def test_the_oldest_epochs_go_first() -> None:
    stats = Stats(Clock(), silent_s=10.0, ticks_kept=3, counts_kept=2)
    stats.report(report("g1", *(arm(Role.STABLE, epoch, 1) for epoch in (3, 1, 2))))
    assert sorted(each.epoch for each in stats.arms("m", [1, 2, 3])) == [2, 3]


def test_a_gateway_that_is_silent_is_not_known() -> None:
    clock = Clock()
    stats = make(clock)
    stats.report_status(GatewayStatus(gateway_id="g1", applied_revision=1))
    clock.now_s = 6.0
    stats.report_status(GatewayStatus(gateway_id="g2", applied_revision=2))
    clock.now_s = 10.0
    assert [seen.status.gateway_id for seen in stats.gateways()] == ["g1", "g2"]
    clock.now_s = 10.1
    assert [seen.status.gateway_id for seen in stats.gateways()] == ["g2"]


def test_a_tick_is_replaced_by_its_gateway_and_added_to_those_of_others() -> None:
    stats = make()
    stats.report(report("g1", tick(7, rows=1)))
    stats.report(report("g1", tick(7, rows=5)))
    stats.report(report("g2", tick(7, rows=9)))
    assert sorted(each.rows for each in stats.ticks("m", 1)) == [5, 9]


def test_the_oldest_ticks_go_first() -> None:
    stats = make()
    stats.report(report("g1", *(tick(number) for number in (4, 2, 3, 1, 5))))
    assert sorted(each.tick for each in stats.ticks("m", 1)) == [3, 4, 5]


def test_a_bucket_beyond_our_histogram_refuses_the_whole_report() -> None:
    stats = make()
    broken = arm(Role.STABLE, 1, 1, latency=Histogram(bucket=(2048,), count=(1,)))
    with pytest.raises(InvalidInput, match="bucket 2048: 0 to 2047"):
        stats.report(report("g1", arm(Role.CANARY, 1, 1), broken))
    assert stats.arms("m", [1]) == ()


def test_sums_do_not_depend_on_the_order() -> None:
    some = [arm(Role.STABLE, 1, number, us=100.0 * number, over=(number,), failed=1) for number in (1, 2, 3)]
    assert sum_arms(some) == sum_arms(some[::-1])
    assert sum_arms(some).failed == 3
    several = [pairs(1, number, sum_live=float(number)) for number in (1, 2, 3)]
    assert sum_pairs(several) == sum_pairs(several[::-1])
    assert sum_pairs(several).sum_live == 6.0


def test_histograms_that_share_buckets_are_added_bucket_by_bucket() -> None:
    one, other = Histogram(bucket=(1, 5), count=(2, 3)), Histogram(bucket=(5, 9), count=(10, 1))
    assert sum_histograms([one, other]) == Histogram(bucket=(1, 5, 9), count=(2, 13, 1))
