"""The checks of values, where they are built."""

from typing import Any

import pytest

from gnomon.domain import Arm, DesiredState, ModelState, Role, Route, Version, check_model_name, check_sha256
from gnomon.errors import GnomonError, InvalidInput, RouteInvalid
from gnomon.evidence import ArmStats, DriftTick, GatewayStatus, Histogram, PairStats, StatsReport
from gnomon.rollout import Policy, Step
from gnomon.rules import MAX_RULES, Compare, RouteRule


def stable(version: int = 1, weight_bp: int = 10_000) -> Arm:
    return Arm(version=version, role=Role.STABLE, weight_bp=weight_bp)


def canary(version: int = 2, weight_bp: int = 0) -> Arm:
    return Arm(version=version, role=Role.CANARY, weight_bp=weight_bp)


def shadow(version: int = 3) -> Arm:
    return Arm(version=version, role=Role.SHADOW)


@pytest.mark.parametrize("name", ["flight-delay", "a", "7", "A.b_c-9", "x" * 100])
def test_a_name_that_can_be_a_folder_is_a_models(name: str) -> None:
    assert check_model_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "-x", "a/b", "a b", "ü", "x" * 101, "a\n"])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="model name"):
        check_model_name(name)


@pytest.mark.parametrize("digest", ["", "A" * 64, "0" * 63, "../" + "0" * 61])
def test_a_digest_that_is_none_is_refused(digest: str) -> None:
    with pytest.raises(InvalidInput, match="digest"):
        check_sha256(digest)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_wait_us": -1}, "batch_wait_us -1"),
        ({"batch_wait_us": 100_001}, "batch_wait_us 100001: 0 to 100000"),
        ({"batch_wait_us": 1, "batch_wait_rows": 1}, "batch_wait_rows 1"),
        ({"batch_wait_us": 1, "batch_wait_rows": 70_000}, "batch_wait_rows 70000"),
        ({"batch_wait_rows": 8}, "batch_wait_rows 8 with batch_wait_us 0"),
    ],
)
def test_a_wait_that_makes_no_sense_is_refused(given: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Route(model="m", arms=(stable(),), **given)  # type: ignore[arg-type]


def rule(version: int = 1, **changes: Any) -> RouteRule:
    return RouteRule(**{"name": "r", "version": version, "header": "x-tenant", "values": ("acme",)} | changes)


def ruled(*rules: RouteRule, **changes: Any) -> Route:
    return Route(**{"model": "m", "arms": (stable(), canary(), shadow()), "warm": (4,), "rules": rules} | changes)


RULES: dict[str, tuple[Any, str]] = {
    "a name that is none": (lambda: rule(name="a b"), "rule name 'a b'"),
    "neither header nor feature": (lambda: rule(header=""), "one of both"),
    "both header and feature": (lambda: rule(feature="x[1]"), "one of both"),
    "a header in capitals": (lambda: rule(header="X-Tenant"), "header 'X-Tenant'"),
    "a header of bytes": (lambda: rule(header="x-bin"), "header 'x-bin'"),
    "a header of the protocol": (lambda: rule(header="grpc-timeout"), "header 'grpc-timeout'"),
    "a header below something": (lambda: rule(compare=Compare.LT), "header is text.*not <"),
    "no value": (lambda: rule(values=()), "0 values with in; 1 to 256"),
    "two values for one": (lambda: rule(compare=Compare.EQ, values=("a", "b")), "2 values with ==; one value"),
    "a value without end": (lambda: rule(values=("x" * 129,)), "longer than 128"),
    "a feature that is none": (lambda: rule(header="", feature=" "), "column ' '"),
    "an order without a number": (
        lambda: rule(header="", feature="x[1]", compare=Compare.GT, values=("much",)), "'much' with >; a number",
    ),
    "an order with nan": (
        lambda: rule(header="", feature="x[1]", compare=Compare.GT, values=("nan",)), "'nan' with >; a number",
    ),
    "a column that is none": (lambda: ruled(routing_key_column=" "), "column ' '"),
}  # fmt: skip


@pytest.mark.parametrize(("build", "message"), RULES.values(), ids=RULES)
def test_a_rule_that_means_nothing_is_refused(build: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        build()


def test_a_rule_may_name_a_stable_a_canary_or_a_warm_version() -> None:
    assert ruled(rule(1), rule(2, name="s"), rule(4, name="t")).answering == (1, 2, 4)


def test_rules_for_a_version_that_answers_no_more_go_with_it() -> None:
    before = ruled(rule(2), rule(4, name="s"))
    assert [one.name for one in before.with_arms((stable(4),), (2,)).rules] == ["r", "s"]
    assert [one.name for one in before.with_arms((stable(4),), ()).rules] == ["s"]
    assert [one.name for one in before.with_arms((stable(4), shadow(2)), (), reason="why").rules] == ["s"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"decision_threshold": float("nan")}, "decision_threshold nan"),
        ({"keep_quantile": 1.0}, "keep_quantile 1.0"),
        ({"keep_quantile": -0.5}, "keep_quantile -0.5"),
        ({"slices": ("x[0]", "x[0]")}, "different columns"),
        ({"slices": tuple("abcde")}, "at most 4"),
        ({"slices": ("",)}, "1 to 100 characters"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Route(model="m", arms=(stable(), shadow()), **given)


ROUTES: dict[str, tuple[Any, str]] = {
    "a rule for a version 0": (lambda: rule(0), "version 0; versions count from 1"),
    "a rule for a shadow": (lambda: ruled(rule(3)), r"names version 3.*of \[1, 2, 4\]"),
    "a rule for a shadow that is warm": (lambda: ruled(rule(3), warm=(3,)), "names version 3"),
    "a rule for a version the route lacks": (lambda: ruled(rule(9)), "names version 9"),
    "two rules of one name": (lambda: ruled(rule(1), rule(2)), r"name stands twice in \['r', 'r'\]"),
    "too many rules": (
        lambda: ruled(*(rule(name=f"r{number}") for number in range(MAX_RULES + 1))), "65 rules; at most 64",
    ),
    "no arm at all": (lambda: Route(model="m", arms=()), "0 stable arms"),
    "two stable arms": (lambda: Route(model="m", arms=(stable(1, 5000), stable(2, 5000))), "2 stable arms"),
    "nine shadows": (lambda: Route(model="m", arms=(stable(), *map(shadow, range(2, 11)))), "9 shadow arms; at most 8"),
    "a shadow of a canary": (lambda: Route(model="m", arms=(stable(), canary(3), shadow(3))), "stands twice"),
    "a shadow twice": (lambda: Route(model="m", arms=(stable(), shadow(3), shadow(3))), "stands twice"),
    "more than a core": (lambda: Arm(version=2, role=Role.SHADOW, cpu_share=1.5), "cpu_share 1.5"),
    "a budget of stable": (lambda: Arm(version=1, role=Role.STABLE, cpu_share=0.5), "only a shadow"),
    "a version twice": (lambda: Route(model="m", arms=(stable(1), shadow(1))), "stands twice"),
    "weights below the whole": (lambda: Route(model="m", arms=(stable(1, 9_000),)), "sum to 9000"),
    "weights above the whole": (lambda: Route(model="m", arms=(stable(), canary(2, 1))), "sum to 10001"),
    "a weight below 0": (lambda: stable(1, -1), "weight -1"),
    "a weight above all": (lambda: stable(1, 10_001), "weight 10001"),
    "a version 0": (lambda: stable(0), "arm version 0"),
    "a warm version 0": (lambda: Route(model="m", arms=(stable(),), warm=(0,)), "warm"),
}  # fmt: skip


@pytest.mark.parametrize(("build", "message"), ROUTES.values(), ids=ROUTES)
def test_a_route_that_cannot_be_served_is_refused(build: Any, message: str) -> None:
    with pytest.raises(RouteInvalid, match=message):
        build()


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf")])
def test_a_tolerance_that_is_no_number_from_0_is_refused(tolerance: float) -> None:
    with pytest.raises(InvalidInput, match="disagreement_tolerance"):
        Route(model="m", arms=(stable(),), disagreement_tolerance=tolerance)


def test_a_route_loads_its_arms_and_what_is_warm() -> None:
    route = Route(model="m", arms=(stable(4), shadow(9)), warm=(2, 9))
    assert route.loaded == (2, 4, 9)


def test_a_state_without_a_version_that_its_route_loads_is_refused() -> None:
    route = Route(model="m", arms=(stable(1), shadow(2)))
    version = Version(model="m", version=1, artifact_sha256="0" * 64)
    with pytest.raises(RouteInvalid, match=r"versions \[2\]"):
        DesiredState(models=(ModelState(route=route, versions=(version,)),))


def step(role: Role = Role.CANARY, weight_bp: int = 100, **changes: Any) -> Step:
    return Step(**{"role": role, "weight_bp": weight_bp, "min_calls": 10} | changes)


BUILDS: dict[str, tuple[Any, str]] = {
    "a stable step": (lambda: step(Role.STABLE), "SHADOW or CANARY"),
    "a step of nothing": (lambda: step(weight_bp=0), "step weight 0"),
    "a step that needs no calls": (lambda: step(min_calls=0), "min_calls 0"),
    "a step that never ends": (lambda: step(timeout_s=float("inf")), "timeout_s inf"),
    "no steps": (lambda: Policy(steps=()), "without steps"),
    "alpha of 0": (lambda: Policy(steps=(step(),), alpha=0), "alpha 0"),
    "a shadow after a canary": (lambda: Policy(steps=(step(), step(Role.SHADOW))), "before canary"),
    "canaries that do not grow": (lambda: Policy(steps=(step(), step())), "above the one before"),
    "an error share of 1": (lambda: Policy(steps=(step(),), max_error_share=1.0), "max_error_share 1.0"),
    "a budget of 0": (lambda: Policy(steps=(step(),), p99_budget_us=0), "p99_budget_us 0"),
    "a ratio that is no number": (lambda: Policy(steps=(step(),), max_run_ratio=float("nan")), "max_run_ratio nan"),
    "a gateway without a name": (lambda: StatsReport(gateway_id=""), "gateway_id"),
    "a revision below 0": (lambda: GatewayStatus(gateway_id="g", applied_revision=-1), "applied_revision -1"),
    "buckets without counts": (lambda: Histogram(bucket=(1,)), "1 buckets with 0 counts"),
    "a negative count": (lambda: Histogram(bucket=(1,), count=(-1,)), "negative"),
    "calls below 0": (lambda: ArmStats(model="m", epoch=1, version=1, role=Role.STABLE, answered=-5), "answered -5"),
    "slow calls below 0": (lambda: ArmStats(model="m", epoch=1, version=1, role=Role.STABLE, over=(-5,)), "over"),
    "pairs below 0": (lambda: PairStats(model="m", epoch=1, version=1, live_version=2, pairs=-1), "pairs -1"),
    "a tick of no length": (
        lambda: DriftTick(model="m", version=1, tick=1, tick_s=0, rows=1, counts=b""),
        "tick_s 0",
    ),
    "half a count": (lambda: DriftTick(model="m", version=1, tick=1, tick_s=5, rows=1, counts=b"1234"), "4 bytes"),
}


@pytest.mark.parametrize(("build", "message"), BUILDS.values(), ids=BUILDS)
def test_a_value_that_means_nothing_is_refused(build: Any, message: str) -> None:
    with pytest.raises(GnomonError, match=message) as caught:
        build()
    assert type(caught.value) is InvalidInput
