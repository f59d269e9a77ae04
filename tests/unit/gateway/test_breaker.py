"""A breaker as a table of what happens to it and what it then is; time is an argument."""

import pytest

from gateway.breaker import LONGEST_PAUSE_S, STEADY_S, Breaker, Outcomes, Policy, Share, State

POLICY = Policy(share=0.01, trials=3, pause_s=5.0)
GOOD, BAD = Outcomes(1), Outcomes(1, failed=1)


def tripped(now_s: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    while breaker.state is State.CLOSED:
        breaker.ended(BAD, 0.0, now_s)
    return breaker


def tried(now_s: float = 5.0) -> Breaker:
    breaker = tripped()
    assert breaker.look(now_s)
    return breaker


STORIES: dict[str, tuple[list[Outcomes], float, State]] = {
    "nothing": ([], 0.0, State.CLOSED),
    "good calls only": ([Outcomes(64)] * 100, 0.0, State.CLOSED),
    "three bad calls": ([BAD] * 3, 0.0, State.CLOSED),
    "four bad calls": ([BAD] * 4, 0.0, State.OPEN),
    "four bad calls after many good ones": ([Outcomes(100_000)] + [BAD] * 4, 0.0, State.OPEN),
    "one run of 64 bad calls": ([Outcomes(64, non_finite=64)], 0.0, State.OPEN),
    "as many bad calls as may be": ([Outcomes(100, failed=1)] * 1_000, 0.0, State.CLOSED),
    "5 % bad calls": ([Outcomes(20, timed_out=1)] * 40, 0.0, State.OPEN),
    "5 % bad calls, and 3 % of stable's": ([Outcomes(20, failed=1)] * 1_000, 0.03, State.CLOSED),
    "20 % bad calls, and 3 % of stable's": ([Outcomes(5, failed=1)] * 100, 0.03, State.OPEN),
    "nothing but bad calls, of stable too": ([BAD] * 1_000, 1.0, State.CLOSED),
}


@pytest.mark.parametrize(("ended", "stable_share", "state"), STORIES.values(), ids=STORIES)
def test_what_calls_make_of_a_closed_breaker(ended: list[Outcomes], stable_share: float, state: State) -> None:
    breaker = Breaker(POLICY)
    changes = [breaker.ended(outcomes, stable_share, 0.0) for outcomes in ended]
    assert breaker.state is state
    assert sum(changes) == (state is State.OPEN)


def test_a_share_of_1_never_trips() -> None:
    breaker = Breaker(Policy(share=1.0))
    assert not any(breaker.ended(BAD, 0.0, 0.0) for _ in range(1_000))


def test_the_reason_is_what_most_of_the_bad_calls_were() -> None:
    breaker = Breaker(POLICY)
    for outcomes in (BAD, Outcomes(1, non_finite=1), Outcomes(1, non_finite=1), Outcomes(1, timed_out=1)):
        breaker.ended(outcomes, 0.0, 0.0)
    assert (breaker.state, breaker.reason) == (State.OPEN, "non_finite")


def test_an_open_breaker_admits_nothing_and_learns_nothing_until_its_pause_is_over() -> None:
    breaker = tripped(now_s=100.0)
    assert not breaker.admits
    assert not breaker.ended(BAD, 0.0, 101.0)
    assert not breaker.look(104.9)
    assert breaker.look(105.0)
    assert breaker.state is State.HALF_OPEN
    assert breaker.admits


def test_half_open_admits_as_many_calls_as_the_policy_says() -> None:
    breaker = tried()
    assert [breaker.admit() for _ in range(3)] == [False, False, True]
    assert not breaker.admits


def test_trials_that_go_well_close_it() -> None:
    breaker = tried()
    assert [breaker.ended(GOOD, 0.0, 5.0) for _ in range(3)] == [False, False, True]
    assert breaker.state is State.CLOSED
    assert breaker.admits


def test_one_bad_trial_opens_it_for_twice_as_long() -> None:
    breaker = tried(5.0)
    breaker.ended(GOOD, 0.0, 5.0)
    assert breaker.ended(Outcomes(1, non_finite=1), 0.0, 6.0)
    assert (breaker.state, breaker.reason) == (State.OPEN, "non_finite")
    assert not breaker.look(15.9)
    assert breaker.look(16.0)


def test_pauses_grow_to_a_longest_one() -> None:
    breaker, now_s, pauses = tripped(), 0.0, []
    for _ in range(10):
        before = now_s
        while not breaker.look(now_s):
            now_s += 2.5
        pauses.append(now_s - before)
        breaker.ended(BAD, 0.0, now_s)
    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0]
    assert pauses[-1] == LONGEST_PAUSE_S


@pytest.mark.parametrize(("well_s", "pause_s"), [(STEADY_S - 1, 10.0), (STEADY_S, 5.0)])
def test_only_an_arm_that_did_well_for_a_while_begins_with_the_first_pause(well_s: float, pause_s: float) -> None:
    breaker = tried(5.0)
    breaker.ended(Outcomes(3), 0.0, 5.0)
    breaker.ended(Outcomes(8, failed=8), 0.0, 5.0 + well_s)
    assert breaker.state is State.OPEN
    assert not breaker.look(5.0 + well_s + pause_s - 0.1)
    assert breaker.look(5.0 + well_s + pause_s)


def test_trials_whose_end_nobody_heard_of_are_made_again_and_those_that_went_well_still_count() -> None:
    breaker = tried(5.0)
    for _ in range(3):
        breaker.admit()
    breaker.ended(GOOD, 0.0, 5.0)
    assert not breaker.look(9.9)
    assert breaker.look(10.0)
    assert [breaker.admit() for _ in range(2)] == [False, True]
    breaker.ended(Outcomes(2), 0.0, 10.0)
    assert breaker.state is State.CLOSED


def test_a_half_open_breaker_that_no_call_comes_to_waits() -> None:
    breaker = tried(5.0)
    assert not breaker.look(1_000.0)
    assert breaker.admits


def test_the_share_of_bad_calls_is_of_the_last_ones() -> None:
    share = Share()
    assert share.value == 0.0
    share.update(Outcomes(100, failed=50))
    assert share.value == 0.5
    share.update(Outcomes(10_000))
    assert share.value < 1e-3
