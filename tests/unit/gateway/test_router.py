"""Routing: exact weights, stickiness, and monotone moves."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.router import STRIDE, Table, bucket_of_sequence
from gnomon.domain import ALL_BP, Arm, Role, Route

weights = st.integers(0, ALL_BP)
keys = st.binary(min_size=1, max_size=40)


def table(canary_bp: int, revision: int = 1) -> Table:
    stable = Arm(version=1, role=Role.STABLE, weight_bp=ALL_BP - canary_bp)
    return Table.build(
        Route(model="m", revision=revision, arms=(stable, Arm(version=2, role=Role.CANARY, weight_bp=canary_bp)))
    )


def test_the_sequence_visits_every_bucket_once_in_a_round() -> None:
    assert {bucket_of_sequence(number) for number in range(ALL_BP)} == set(range(ALL_BP))


@given(weights, st.integers(0, 10**12))
def test_any_10_000_calls_without_a_key_split_exactly(canary_bp: int, start: int) -> None:
    routes = table(canary_bp)
    bound = canary_bp
    first = start * STRIDE % ALL_BP
    canary = sum((first + number * STRIDE) % ALL_BP < bound for number in range(ALL_BP))
    assert canary == canary_bp
    assert routes.by_sequence(start).version == (2 if first < canary_bp else 1)


def test_one_percent_is_spread_not_bunched() -> None:
    versions = [table(100).by_sequence(number).version for number in range(3 * ALL_BP)]
    gaps = [b - a for a, b in zip(*([i for i, v in enumerate(versions) if v == 2][k:] for k in (0, 1)), strict=False)]
    assert max(gaps) < 1_000


@given(keys, weights, weights)
def test_raising_a_weight_never_moves_a_key_back(key: bytes, one: int, other: int) -> None:
    low, high = sorted((one, other))
    if table(low).by_key(key).version == 2:
        assert table(high, revision=2).by_key(key).version == 2


@given(keys)
def test_a_key_keeps_its_bucket_across_epochs(key: bytes) -> None:
    assert table(100).by_key(key).bucket == table(9_000, revision=7).by_key(key).bucket


def test_weights_0_and_all() -> None:
    for number in range(500):
        assert table(0).by_sequence(number).version == 1
        assert table(ALL_BP).by_sequence(number).version == 2
        assert table(0).by_key(str(number).encode()).version == 1
        assert table(ALL_BP).by_key(str(number).encode()).version == 2


def test_keys_split_as_the_weights_say() -> None:
    share = Counter(table(2_500).by_key(f"N{number}".encode()).version for number in range(40_000))[2] / 40_000
    assert abs(share - 0.25) < 0.012  # five standard deviations


def test_a_pinned_version_has_the_role_the_route_gives_it() -> None:
    assert table(100).pinned(2).role is Role.CANARY
    assert table(100).pinned(1).rule == "pinned"
    assert table(100).pinned(9).role is Role.STABLE
