"""Rings of sub-windows: what is late, out of order, repeated, merged, missing or quiet."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.stats.windows import Kept, Level, Windows

SLOTS = 7
LEVELS = (Level(length_s=5, kept=16), Level(length_s=60, kept=4), Level(length_s=3_600, kept=2))
NOW_S = 1_700_000_035.0  # 55 s into a minute
RUNNING = int(NOW_S // 5)


def windows(now_s=NOW_S, levels=LEVELS, **limits):
    made = Windows(SLOTS, levels, **limits)
    made.advance(now_s)
    return made


def ones(n=1):
    return np.full(SLOTS, n, np.int64)


def everything(held):
    """All that can be asked of the rings, as bytes."""
    answers = []
    for level, ring in enumerate(held.levels):
        newest = held.epoch(NOW_S, level)
        for epoch in range(newest - ring.kept - 1, newest + 2):
            part = held.sub_window(epoch, level)
            answers.append((level, epoch, part.rows, part.counts.tobytes(), part.silent, part.sources))
        answers.append(held.window(newest, ring.kept, level).counts.tobytes())
    return answers


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), processes=st.integers(1, 8))
def test_64_shards_in_any_order_over_any_processes_are_the_single_process_bit_for_bit(seed, processes):
    rng, order = np.random.default_rng(seed), random.Random(seed)
    shards, rows = [], {}
    for number in range(64):  # of 16 workers, in 4 sub-windows each
        source, epoch = f"w{number % 16}", RUNNING - int(rng.integers(0, 16))
        rows[source, epoch] = rows.get((source, epoch), np.zeros(SLOTS, np.int64)) + rng.integers(0, 2**40, SLOTS)
        shards.append((source, epoch, int(rows[source, epoch].sum()), rows[source, epoch].copy()))
    single = windows()
    for (source, epoch), counts in rows.items():
        assert single.put(source, epoch, int(counts.sum()), counts)
    order.shuffle(shards)
    parts = [windows() for _ in range(processes)]
    for source, *shard in [*shards, *shards[::3]]:  # a third of them twice
        assert parts[int(source[1:]) % processes].put(source, *shard)
    for part in parts:
        for source in part.sources:
            part.heard(source, RUNNING)
    for source, _ in rows:
        single.heard(source, RUNNING)
    order.shuffle(parts)
    merged = parts[0]
    for part in parts[1:]:
        merged.merge(part)
    assert everything(merged) == everything(single)


def test_every_ring_holds_what_the_finest_was_given():
    held = windows()
    for epoch in (RUNNING, RUNNING - 1, RUNNING - 12):  # the last one in the minute before
        held.put("w", epoch, 1, ones())
    minute = held.epoch(NOW_S, 1)
    assert [held.sub_window(minute - back, 1).rows for back in (0, 1)] == [2, 1]
    assert held.sub_window(held.epoch(NOW_S, 2), 2).counts.tolist() == [3] * SLOTS
    assert held.window(RUNNING, 2).rows == 2


def test_a_total_replaces_an_earlier_one_and_an_earlier_one_that_comes_later_does_not():
    held = windows()
    for n in (3, 5, 4, 5):
        held.put("w", RUNNING, n, ones(n))
    assert held.sub_window(RUNNING).rows == 5
    assert held.sub_window(held.epoch(NOW_S, 2), 2).counts.tolist() == [5] * SLOTS


def test_a_shard_is_late_only_when_its_ring_has_forgotten_its_epoch():
    held = windows()
    assert held.put("w", RUNNING - 15, 2, ones())
    assert not held.put("w", RUNNING - 16, 3, ones())
    assert held.late_rows == 3
    held.advance(NOW_S + 5)
    assert not held.put("w", RUNNING - 15, 4, ones(4))
    assert held.sub_window(RUNNING - 15).rows == 0
    assert held.sub_window(held.epoch(NOW_S, 1) - 1, 1).rows == 2  # the minute's ring still has it


def test_a_clock_that_runs_ahead_cannot_push_out_what_is_held():
    held = windows()
    held.put("w", RUNNING, 1, ones())
    assert held.put("fast", RUNNING + 1, 1, ones())
    assert not held.put("fast", RUNNING + 2, 1, ones())
    assert held.refused == 1
    held.advance(NOW_S - 3_600)  # the host's clock is set back
    assert held.sub_window(RUNNING).rows == 1


def test_no_traffic_and_no_report_are_told_apart():
    held = windows()
    held.heard("a", RUNNING - 5)
    held.heard("b", RUNNING - 5)
    held.put("a", RUNNING - 3, 9, ones())
    held.heard("a", RUNNING - 1)
    held.heard("b", RUNNING - 4)
    assert held.sub_window(RUNNING - 4).quiet
    silent = held.sub_window(RUNNING - 3)
    assert (silent.rows, silent.silent, silent.complete, silent.quiet) == (9, ("b",), False, False)
    assert held.sub_window(RUNNING - 6).sources == 0  # nobody was there: not known, so not quiet
    assert not held.sub_window(RUNNING - 6).complete
    assert held.window(RUNNING - 1, 6).gaps == (RUNNING - 6, RUNNING - 3, RUNNING - 2, RUNNING - 1)


def test_a_minute_is_complete_when_all_of_its_seconds_are():
    held, minute = windows(), int(NOW_S // 60)
    held.heard("a", (minute - 1) * 12)
    held.heard("a", minute * 12 - 2)
    assert not held.sub_window(minute - 1, 1).complete
    held.heard("a", minute * 12 - 1)
    assert held.sub_window(minute - 1, 1).complete


def test_a_retired_source_is_not_waited_for():
    held = windows()
    held.heard("gone", RUNNING - 5)
    held.heard("here", RUNNING - 5)
    held.heard("here", RUNNING - 1)
    assert held.sub_window(RUNNING - 2).silent == ("gone",)
    held.retire("gone")
    held.retire("never seen")
    assert held.sub_window(RUNNING - 2).complete
    assert held.sub_window(RUNNING - 5).sources == 2
    held.heard("gone", RUNNING - 3)  # it is back
    assert held.sub_window(RUNNING - 2).silent == ("gone",)


def test_memory_is_bounded_by_rings_and_sources():
    held = windows(sources_limit=2)
    for step in range(100):
        held.advance(NOW_S + 5 * step)
        for source in ("a", "b", "c"):
            held.put(source, RUNNING + step, 1, ones())
    assert held.refused == 100
    assert len(held._shards) <= 16 * 2
    assert all(len(sums) <= ring.kept for sums, ring in zip(held._sums, held.levels, strict=True))


def test_a_retired_source_is_forgotten_with_the_last_it_told():
    held = windows()
    held.heard("gone", RUNNING)
    held.retire("gone")
    held.advance(NOW_S + 3_600)
    assert held.sources == {"gone"}  # the hours still hold what it told
    held.advance(NOW_S + 2 * 3_600)
    assert held.sources == set()


def test_what_cannot_be_added_is_refused():
    held, other = windows(), windows()
    with pytest.raises(ValueError, match="7 slots, got counts of shape"):
        held.put("w", RUNNING, 1, np.ones(3, np.int64))
    with pytest.raises(ValueError, match="cannot be negative, got -1"):
        held.put("w", RUNNING, 1, ones(-1))
    held.put("w", RUNNING, 1, ones())
    other.put("w", RUNNING, 1, ones())
    with pytest.raises(ValueError, match="source 'w' told both"):
        held.merge(other)
    with pytest.raises(ValueError, match="other slots or levels"):
        held.merge(Windows(3, LEVELS))
    with pytest.raises(ValueError, match="not a multiple"):
        Windows(3, (Level(length_s=5, kept=1), Level(length_s=7, kept=1)))
    with pytest.raises(ValueError, match="1 sub-window or more"):
        held.window(RUNNING, 0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 60), max_size=3))
def test_rings_go_on_from_what_was_kept_of_them_bit_for_bit(seed, cuts):
    """Killed at any shard; what was told since the last keeping is told again, and more than that."""
    rng = np.random.default_rng(seed)
    told, counts = [], {}
    for _ in range(60):
        key = f"g{rng.integers(3)}", RUNNING - int(rng.integers(0, 16))
        counts[key] = counts.get(key, np.zeros(SLOTS, np.int64)) + rng.integers(0, 9, SLOTS)
        told.append((*key, int(counts[key].sum()), counts[key].copy()))
    whole, held, kept_until = windows(), windows(), 0
    shards, sums, sources = {}, {}, {}
    for number, shard in enumerate(told):
        if number in cuts:
            held = windows()
            held.restore(Kept(shards=dict(shards), sums=dict(sums), sources=dict(sources)))
            for again in told[max(0, kept_until - 5) : number]:
                assert held.put(*again)
        for each in (whole, held):
            assert each.put(*shard)
            each.heard(shard[0], shard[1])
        if number % 7 == 0:
            found, kept_until = held.changes(), number + 1
            shards, sums, sources = shards | found.shards, sums | found.sums, found.sources
            held.unchanged()
            assert held.changes().shards == held.changes().sums == {}
    for source in ("g0", "g1", "g2"):
        for each in (whole, held):
            each.heard(source, RUNNING)
    assert everything(held) == everything(whole)


def test_what_is_too_old_is_not_restored():
    held = windows()
    held.put("g", RUNNING - 3, 5, ones())
    again = windows(NOW_S + 10 * 3_600)
    again.restore(held.changes())
    assert everything(again)[0] == everything(windows(NOW_S + 10 * 3_600))[0]
    assert again.window(again.closed(), 16).rows == 0
