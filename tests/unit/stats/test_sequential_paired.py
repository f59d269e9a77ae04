"""A shadow's pairs: verdict, direction, how many more."""

import pytest

from gnomon.stats.sequential import paired_verdict


def judged(pairs, disagreements, up=0, down=0, alpha=0.05):
    return paired_verdict(
        pairs=pairs, disagreements=disagreements, flips_up=up, flips_down=down, max_share=0.02, alpha=alpha
    )


@pytest.mark.parametrize(
    ("pairs", "disagreements", "verdict"),
    [(0, 0, "need_more"), (50, 0, "need_more"), (1_000, 5, "pass"), (1_000, 20, "need_more"), (300, 20, "fail")],
)
def test_a_verdict_needs_evidence(pairs, disagreements, verdict):
    found = judged(pairs, disagreements)
    assert found.verdict == verdict
    low, high = found.share
    assert low <= disagreements / max(pairs, 1) <= high
    assert (found.need == 0) == (verdict != "need_more")


def test_the_pairs_still_needed_are_those_after_which_it_is_decided():
    need = judged(400, 2).need
    assert need > 0
    times = 1 + need / 400
    assert judged(400 * times, 2 * times).verdict == "pass"
    assert judged(50_000, 1_000).need is None  # at the limit, who can say
    assert judged(0, 0).need is None


@pytest.mark.parametrize(
    ("up", "down", "flips"), [(0, 0, "either way"), (12, 8, "either way"), (30, 5, "up"), (5, 30, "down")]
)
def test_flips_have_a_direction_when_evident(up, down, flips):
    assert judged(1_000, 40, up, down).flips == flips


def test_a_stricter_alpha_takes_longer():
    assert judged(400, 2, alpha=0.001).need > judged(400, 2).need


@pytest.mark.parametrize(("pairs", "disagreements", "up"), [(10, 11, 0), (10, 1, 11), (10, 1, -1), (-1, 0, 0)])
def test_counts_that_cannot_be_are_refused(pairs, disagreements, up):
    with pytest.raises(ValueError, match="bad events"):
        judged(pairs, disagreements, up)
