"""Blue/green: there, back, and what is refused."""

from typing import Any

import pytest

from gnomon.domain import Arm, Role, Route
from gnomon.errors import RouteInvalid
from gnomon.rules import RouteRule
from gnomon.switch import reverted, switched

STABLE, CANARY, SHADOW = Role.STABLE, Role.CANARY, Role.SHADOW


def arms(*given: tuple[int, Role, int]) -> tuple[Arm, ...]:
    return tuple(Arm(version=version, role=role, weight_bp=weight) for version, role, weight in given)


def route(*given: tuple[int, Role, int], **changes: Any) -> Route:
    return Route(**{"model": "m", "revision": 5, "arms": arms(*given)} | changes)


def test_all_calls_go_to_the_other_and_what_answered_stays_warm() -> None:
    rule = RouteRule(name="gold", version=2, header="x-tenant", values=("acme",))
    blue = route((1, STABLE, 9_000), (2, CANARY, 1_000), (4, SHADOW, 500), warm=(3,), rules=(rule,), batch_wait_us=7)
    green = switched(blue, 3)
    assert green.arms == arms((3, STABLE, 10_000), (4, SHADOW, 500))
    assert (green.warm, green.rules, green.batch_wait_us) == ((1, 2), (rule,), 7)
    assert set(green.loaded) == set(blue.loaded)


def test_a_canary_and_a_shadow_can_be_switched_to() -> None:
    before = route((1, STABLE, 9_000), (2, CANARY, 1_000), (4, SHADOW, 500))
    assert switched(before, 2).arms == arms((2, STABLE, 10_000), (4, SHADOW, 500))
    assert switched(before, 4).arms == arms((4, STABLE, 10_000))
    assert switched(before, 1).arms == arms((1, STABLE, 10_000), (4, SHADOW, 500))


def test_back_is_the_route_before_with_the_other_warm_and_back_again() -> None:
    blue = route((1, STABLE, 10_000), warm=(2, 3))
    green = switched(blue, 2)
    assert reverted(green, blue) == blue
    assert reverted(blue, green) == green
    canary = route((1, STABLE, 9_000), (2, CANARY, 1_000))
    assert reverted(switched(canary, 2), canary).arms == canary.arms


def test_back_keeps_warm_what_answers_now() -> None:
    before, current = route((1, STABLE, 10_000)), route((2, STABLE, 10_000), warm=(1,))
    assert reverted(current, before).warm == (2,)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: switched(route((1, STABLE, 10_000)), 9),
            r"version 9 of m is not warm under epoch 5, .* \[1\]",
        ),
        (lambda: switched(route((1, STABLE, 10_000), warm=(2,)), 1), "version 1 of m has all calls already"),
        (
            lambda: reverted(route((2, STABLE, 10_000)), route((1, STABLE, 10_000), warm=(2, 3), revision=4)),
            r"epoch 4 of m has versions \[1, 3\] that are not warm under epoch 5",
        ),
    ],
)
def test_what_would_have_to_be_loaded_first_is_refused(make: Any, said: str) -> None:
    with pytest.raises(RouteInvalid, match=said):
        make()
