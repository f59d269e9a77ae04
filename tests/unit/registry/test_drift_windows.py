"""A version's rings: which of them a policy's window needs, and what gateways fill them with."""

import numpy as np
import pytest

from gnomon.evidence import DriftCalls, DriftTick
from gnomon.stats.design import call_sums
from registry.drift_windows import VersionWindows, rings

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("tick_s", "window_s", "lengths"),
    [
        (5.0, 60, [5]),
        (5.0, 600, [5]),
        (5.0, 3_600, [5, 60]),
        (5.0, 86_400, [5, 3_600]),
        (0.2, 60, [0.2, 60]),
        (1.0, 7 * 86_400, [1, 3_600]),
        (7.0, 3_600, [7, 35]),
    ],
)
def test_a_window_is_cut_from_the_finest_ring_that_does_not_take_too_many(
    tick_s: float, window_s: float, lengths: list[float]
) -> None:
    levels = rings(tick_s, window_s)
    assert [level.length_s for level in levels] == lengths
    assert levels[-1].kept * levels[-1].length_s > window_s
    assert levels[0].kept >= 60
    assert VersionWindows(2, 1, tick_s, window_s).part_s == lengths[-1]


def tick(number: int, rows: int, slots: int = 2) -> DriftTick:
    counts = np.full(slots, rows, "<i8").tobytes()
    return DriftTick(model="m", version=1, tick=number, tick_s=5.0, rows=rows, counts=counts)


def test_ticks_of_all_gateways_are_added_and_what_is_told_again_is_not() -> None:
    held, last = VersionWindows(2, 1, 5.0, 60.0), int(NOW_S // 5) - 1
    shards = {("g1", last): tick(last, 3), ("g2", last): tick(last, 4), ("g1", last - 11): tick(last - 11, 5)}
    told = {"g1": int(NOW_S * 1000), "g2": int(NOW_S * 1000)}
    held.feed(shards, told, NOW_S)
    held.feed(shards | {("g1", last): tick(last, 6)}, told, NOW_S)
    assert held.latest().rows == 6 + 4 + 5
    assert held.latest().counts.tolist() == [15, 15]


def test_counts_of_another_profile_or_tick_length_are_left_out() -> None:
    held, last = VersionWindows(2, 1, 5.0, 60.0), int(NOW_S // 5) - 1
    held.feed({("g1", last): tick(last, 3, slots=9)}, {}, NOW_S)
    assert held.latest().rows == 0


def test_the_design_effect_is_of_the_calls_in_the_window() -> None:
    held, last = VersionWindows(2, 1, 5.0, 60.0), int(NOW_S // 5) - 1
    held.feed({("g1", last): tick(last, 400)}, {"g1": int(NOW_S * 1000)}, NOW_S)
    assert held.design_effects(held.latest()).tolist() == [1]
    copies = call_sums(np.array([[0], [4]] * 50), np.full(100, 4)).astype("<i8").tobytes()
    calls = DriftCalls(model="m", version=1, tick=last, tick_s=5.0, sums=copies)
    other = DriftCalls(model="m", version=1, tick=last, tick_s=7.0, sums=copies)
    held.feed_calls({("g1", last): calls, ("g2", last): other}, NOW_S)
    assert held.design_effects(held.latest()).tolist() == [4]
    held.feed_calls({}, NOW_S + 60)
    held.feed({}, {}, NOW_S + 60)
    assert held.design_effects(held.latest()).tolist() == [1]


def test_a_window_is_complete_when_all_gateways_have_told_all_of_it() -> None:
    held, now_ms = VersionWindows(2, 1, 5.0, 60.0), int(NOW_S * 1000)
    held.feed({}, {"g1": now_ms - 60_000, "g2": now_ms - 60_000}, NOW_S)
    held.feed({}, {"g1": now_ms, "g2": now_ms - 20_000}, NOW_S)
    assert held.silent() == ("g2",)
    assert len(held.latest().gaps) == 4
    held.feed({}, {"g1": now_ms, "g2": now_ms}, NOW_S)
    assert held.latest().gaps == ()


def test_gateways_that_come_and_go_leave_room_for_others() -> None:
    held = VersionWindows(2, 1, 5.0, 60.0)
    for later in range(500):
        now_s, gateway = NOW_S + 60 * later, f"g{later}"
        held.feed({}, {gateway: int(now_s * 1000)}, now_s)
        number = int(now_s // 5) - 1
        sums = np.ones(6, "<i8").tobytes()
        calls = DriftCalls(model="m", version=1, tick=number, tick_s=5.0, sums=sums)
        held.feed_calls({(gateway, number): calls}, now_s)
    assert max(len(held.windows.sources), len(held._together.sources)) < 10
    assert held.silent() == ()


def test_a_gateway_that_is_gone_for_longer_than_the_window_is_not_waited_for() -> None:
    held, now_ms = VersionWindows(2, 1, 5.0, 60.0), int(NOW_S * 1000)
    for later in range(0, 75, 5):
        told = {"here": now_ms + later * 1000, "gone": now_ms}
        held.feed({}, told, NOW_S + later)
    assert held.silent() == ()
    assert held.latest().gaps == ()
