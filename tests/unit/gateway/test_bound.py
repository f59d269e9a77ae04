"""Few versions are named, and a call is counted in one place."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.bound import HALF_LIFE_S, Choice, Split


def looked(choice, calls, now_s=0.0):
    found = {("m", version): number for version, number in calls.items()}
    choice.look(found, found, now_s)
    return {version for _, version in choice.shown}


def test_as_long_as_there_is_room_every_version_is_named():
    choice = Choice(3)
    assert looked(choice, {"1": 5, "2": 0, "3": 9}) == {"1", "2", "3"}
    assert choice.shows({"model": "exported"}), "and so is a model whose calls were not counted yet"


def test_the_most_called_are_named_and_a_new_one_takes_a_place_when_it_has_clearly_more():
    choice = Choice(2)
    assert looked(choice, {"1": 100, "2": 50, "3": 10}) == {"1", "2"}
    assert looked(choice, {"1": 100, "2": 50, "3": 90}) == {"1", "2"}, "90 is not twice 50"
    assert looked(choice, {"1": 100, "2": 50, "3": 120}) == {"1", "3"}


def test_what_was_called_long_ago_makes_room():
    choice = Choice(1)
    assert looked(choice, {"1": 1_000}) == {"1"}
    assert looked(choice, {"1": 1_000, "2": 20}, 10 * HALF_LIFE_S) == {"2"}


def test_series_without_a_version_follow_their_model():
    choice = Choice(1)
    looked(choice, {"1": 9, "2": 1})
    assert choice.shows({"model": "m", "status": "answered"})
    assert not choice.shows({"model": "m", "version": "2"})
    assert not choice.shows({"model": "elsewhere"})
    assert choice.shows({"model": ""}), "calls that reached no model have no version to be one of many"
    hidden = {"process": "observer", "model": "m", "version": "2", "live_version": "1"}
    assert choice.other(hidden) == {
        "process": "observer",
        "model": "other",
        "version": "other",
        "live_version": "other",
    }


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=30))
def test_own_series_and_other_never_fall_and_share_out_every_call_once(turns):
    split, value, other, own_before = Split(), 7, 0, 0
    split.settle({"s": value})
    for gained, shown in turns:
        value += gained
        if shown:
            own = split.own("s", value)
            assert own >= own_before
            own_before = own
        else:
            other += split.gain("s", value)
        split.settle({"s": value})
    assert other + split.own("s", value) == value


def test_before_the_first_scrape_nothing_is_given_to_other_and_a_series_that_is_new_later_counts_from_zero():
    split = Split()
    assert split.gain("old", 500) == 0
    split.settle({"old": 500})
    assert split.gain("new", 3) == 3
    assert split.own("old", 500) == 500


def test_a_counter_that_began_anew_goes_on_from_its_new_value():
    split = Split()
    split.settle({"s": 100})
    assert split.gain("s", 130) == 30
    split.settle({"s": 130})
    assert split.gain("s", 4) == 4
    split.settle({"s": 4})
    assert split.own("s", 6) == 2
    split.settle({"s": 6})
    assert split.own("s", 1) == 1
