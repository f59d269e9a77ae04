"""The worker and the shadow runner must choose the same calls. (The lane: tests/contract/lanes.)"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sampling import is_sampled, mix_of, offered_to, sampled, watching
from gnomon.domain import ALL_BP, Arm, Role, Route

shares = st.integers(0, ALL_BP)
sequences = st.lists(st.integers(0, 2**42 - 1), min_size=1, max_size=50)
STABLE = Arm(version=1, role=Role.STABLE)


def shadow(share_bp: int, version: int = 2) -> Arm:
    return Arm(version=version, role=Role.SHADOW, weight_bp=share_bp)


@given(st.sampled_from(["w00", "w01", "w63"]), sequences, shares, st.integers(1, 2**31))
def test_one_by_one_and_all_at_once_agree(journal: str, numbers: list[int], share_bp: int, version: int) -> None:
    arm = shadow(share_bp, version)
    at_once = sampled(mix_of(journal, version), np.array(numbers, np.uint64), share_bp).tolist()
    assert [is_sampled(journal, number, arm) for number in numbers] == at_once


def test_a_share_is_taken_by_sequence_and_grows_without_losing_any() -> None:
    numbers = np.arange(100_000, dtype=np.uint64)
    tenth, half, every, none = (sampled(mix_of("w00", 2), numbers, share) for share in (1_000, 5_000, ALL_BP, 0))
    assert tenth.mean() == pytest.approx(0.1, abs=0.005)
    assert half.mean() == pytest.approx(0.5, abs=0.005)
    assert half[tenth].all()
    assert every.all()
    assert not none.any()


@pytest.mark.parametrize("other", [("w01", 2), ("w00", 3), ("w00", 4)])
def test_journals_and_shadows_choose_independently(other: tuple[str, int]) -> None:
    numbers = np.arange(200_000, dtype=np.uint64)
    one = sampled(mix_of("w00", 2), numbers, 2_000)
    two = sampled(mix_of(*other), numbers, 2_000)
    assert (one & two).mean() == pytest.approx(0.04, abs=0.002)


def test_a_version_is_no_pair_with_itself_and_no_shadow_wants_nothing() -> None:
    route = Route(model="m", arms=(STABLE, shadow(ALL_BP), shadow(ALL_BP, 3), shadow(0, 4)))
    assert [arm.version for arm in watching(route, 1)] == [2, 3]
    assert [arm.version for arm in watching(route, 2)] == [3]
    assert [arm.version for arm in offered_to(route, 1, "w00", 7)] == [2, 3]
    assert watching(Route(model="m", arms=(STABLE,)), 1) == ()


def test_the_mix_differs_by_journal_and_version() -> None:
    mixes = {mix_of(f"w{slot:02d}", version) for slot in range(64) for version in range(1, 100)}
    assert len(mixes) == 64 * 99
