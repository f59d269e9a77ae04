"""The worker and the shadow runner must choose the same calls."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.sampling import is_sampled, sampled, shadow_share_bp
from gnomon.domain import ALL_BP, Arm, Role, Route

shares = st.integers(0, ALL_BP)
sequences = st.lists(st.integers(0, 2**42 - 1), min_size=1, max_size=50)


@given(st.sampled_from(["w00", "w01", "w63"]), sequences, shares)
def test_one_by_one_and_all_at_once_agree(journal: str, numbers: list[int], share_bp: int) -> None:
    at_once = sampled(journal, np.array(numbers, np.uint64), share_bp).tolist()
    assert [is_sampled(journal, number, share_bp) for number in numbers] == at_once


def test_a_share_is_that_share() -> None:
    chosen = sampled("w00", np.arange(200_000, dtype=np.uint64), 2_500)
    assert abs(chosen.mean() - 0.25) < 0.005


def test_a_version_is_no_pair_with_itself_and_no_shadow_wants_nothing() -> None:
    stable = Arm(version=1, role=Role.STABLE)
    with_shadow = Route(model="m", arms=(stable, Arm(version=2, role=Role.SHADOW)))
    assert shadow_share_bp(with_shadow, 1) == with_shadow.shadow.weight_bp
    assert shadow_share_bp(with_shadow, 2) == 0
    assert shadow_share_bp(Route(model="m", arms=(stable,)), 1) == 0
