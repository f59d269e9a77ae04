"""Values and their messages: the same fields, and nothing lost on the way."""

import dataclasses
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon import domain, drift, evidence, rollout, rules, wire
from gnomon.errors import InvalidInput, RouteInvalid
from gnomon.registry.v1 import registry_pb2 as pb

VALUES = [
    value
    for module in (domain, drift, rollout, evidence, rules)
    for value in vars(module).values()
    if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
]


def optional_fields(kind: type) -> set[str]:
    return {name for name, hint in typing.get_type_hints(kind).items() if type(None) in typing.get_args(hint)}


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_a_value_has_the_fields_of_its_message(kind: type) -> None:
    message = getattr(pb, kind.__name__)
    assert {field.name for field in dataclasses.fields(kind)} == {field.name for field in message.DESCRIPTOR.fields}


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_what_may_be_none_can_be_left_out_of_the_message(kind: type) -> None:
    fields = getattr(pb, kind.__name__).DESCRIPTOR.fields_by_name
    assert all(fields[name].has_presence for name in optional_fields(kind))


# -- round trips

digests = st.text("0123456789abcdef", min_size=64, max_size=64)
names = st.from_regex(domain.MODEL_NAME, fullmatch=True)
words = st.text(max_size=20)
counts = st.integers(0, 2**62)
numbers = st.integers(1, 1000)
floats = st.floats(allow_nan=False)
shares = st.floats(0.001, 0.999)

scores = st.builds(domain.Score, output=words, column=st.integers(-1, 9))
lineages = st.builds(
    domain.Lineage,
    data_sha256=digests,
    git_commit=words,
    trained_unix_ms=counts,
    parameters=st.dictionaries(words, words, max_size=3),
    metrics=st.dictionaries(words, floats, max_size=3),
)
versions = st.builds(
    domain.Version,
    model=names,
    version=numbers,
    artifact_sha256=digests,
    artifact_bytes=counts,
    profile_sha256=st.one_of(st.just(""), digests),
    score=scores,
    lineage=lineages,
    stage=st.sampled_from(domain.Stage),
    approval=st.none() | st.builds(domain.Approval, approver=words, note=words, approved_unix_ms=counts),
    created_unix_ms=counts,
)


def rules_for(version: int) -> list[rules.RouteRule]:
    return [
        rules.RouteRule(name="gold", version=version, header="x-tenant", values=("acme", "globex")),
        rules.RouteRule(name="big", version=version, feature="x[3]", compare=rules.Compare.GE, values=("1e3",)),
    ]


@st.composite
def routes(draw: st.DrawFn) -> domain.Route:
    first, second, third, *warm = draw(st.lists(numbers, min_size=3, max_size=5, unique=True))
    canary_bp = draw(st.integers(0, 10_000))
    arms = [
        domain.Arm(version=first, role=domain.Role.STABLE, weight_bp=10_000 - canary_bp),
        domain.Arm(version=second, role=domain.Role.CANARY, weight_bp=canary_bp),
        domain.Arm(version=third, role=domain.Role.SHADOW, weight_bp=draw(st.integers(0, 10_000))),
    ]
    return domain.Route(
        model=draw(names),
        arms=tuple(arms),
        revision=draw(counts),
        warm=tuple(warm),
        latency_thresholds_us=tuple(draw(st.lists(counts, max_size=3))),
        disagreement_tolerance=draw(st.floats(0, 1)),
        actor=draw(words),
        reason=draw(words),
        rules=tuple(draw(st.lists(st.sampled_from(rules_for(second)), unique=True))),
        routing_key_column=draw(st.sampled_from(["", "x[0]"])),
    )


steps = st.builds(
    rollout.Step,
    role=st.just(domain.Role.SHADOW),
    weight_bp=st.integers(1, 10_000),
    min_calls=st.integers(1, 2**40),
    timeout_s=st.floats(0.1, 1e6),
    min_s=st.floats(0, 1e6),
    on_timeout=st.sampled_from(domain.OnTimeout),
    needs_approval=st.booleans(),
)
guards = st.builds(
    rollout.Guard,
    min_s=st.floats(0, 1e6),
    min_calls=st.integers(1, 2**40),
    holdback_bp=st.integers(0, 5_000),
    timeout_s=st.floats(0.1, 1e6),
)
policies = st.builds(
    rollout.Policy,
    steps=st.lists(steps, min_size=1, max_size=3).map(tuple),
    alpha=shares,
    p99_budget_us=st.none() | st.integers(1, 2**40),
    max_latency_ratio=st.none() | st.floats(0.1, 100),
    max_error_share=st.none() | shares,
    disagreement_tolerance=st.none() | st.floats(0, 1),
    guard=st.none() | guards,
    max_median_ratio=st.none() | st.floats(0.1, 1.9),
    max_score_psi=st.none() | st.floats(0.1, 100),
    max_score_ks=st.none() | shares,
    max_input_psi=st.none() | st.floats(0.1, 100),
    max_wrong_ratio=st.none() | st.floats(0.1, 100),
    wrong_above=st.floats(0, 9),
    min_outcomes=numbers,
)
verdicts = st.builds(
    rollout.GateVerdict,
    gate=words,
    verdict=words,
    need=counts,
    reason=words,
    evidence_json=words,
    eta_s=st.none() | floats,
    seen=counts,
    log_e=st.none() | floats,
    fail_at=floats,
)
decisions = st.builds(
    rollout.Decision,
    decided_unix_ms=counts,
    step=st.integers(0, 9),
    epoch=counts,
    action=words,
    verdicts=st.lists(verdicts, max_size=2).map(tuple),
)
rollouts = st.builds(
    rollout.Rollout,
    model=names,
    id=numbers,
    version=numbers,
    baseline=numbers,
    policy=policies,
    state=st.sampled_from(domain.RolloutState),
    decisions=st.lists(decisions, max_size=2).map(tuple),
)
histograms = st.lists(st.tuples(st.integers(0, 2047), counts), max_size=4).map(
    lambda pairs: evidence.Histogram(bucket=tuple(b for b, _ in pairs), count=tuple(c for _, c in pairs))
)
arm_stats = st.builds(
    evidence.ArmStats,
    model=names,
    epoch=counts,
    version=numbers,
    role=st.sampled_from(domain.Role),
    answered=counts,
    over=st.lists(counts, max_size=2).map(tuple),
    latency=histograms,
)
pair_stats = st.builds(
    evidence.PairStats,
    model=names,
    epoch=counts,
    version=numbers,
    live_version=numbers,
    sum_live=floats,
    delta=histograms,
)
ticks = st.builds(
    evidence.DriftTick,
    model=names,
    version=numbers,
    tick=counts,
    tick_s=st.floats(0.1, 100),
    rows=counts,
    counts=st.binary(max_size=4).map(lambda data: data * 8),
)
reports = st.builds(
    evidence.StatsReport,
    gateway_id=st.text(min_size=1, max_size=9),
    arms=st.lists(arm_stats, max_size=2).map(tuple),
    pairs=st.lists(pair_stats, max_size=2).map(tuple),
    ticks=st.lists(ticks, max_size=2).map(tuple),
)
states = routes().map(
    lambda route: domain.DesiredState(
        revision=route.revision,
        models=(
            domain.ModelState(
                route=route,
                versions=tuple(
                    domain.Version(model=route.model, version=number, artifact_sha256="0" * 64)
                    for number in route.loaded
                ),
            ),
        ),
    )
)


@settings(max_examples=80, deadline=None)
@given(st.one_of(versions, routes(), rollouts, policies, reports, states))
def test_a_value_comes_back_from_its_bytes_as_it_went(value: object) -> None:
    message = wire.message_of(value)
    assert wire.decode(type(message).FromString(message.SerializeToString()), type(value)) == value


# -- what must not pass


def test_a_part_that_was_not_sent_takes_its_default_and_not_zeros() -> None:
    message = pb.Version(model="m", version=1, artifact_sha256="0" * 64, stage=pb.STAGE_NONE)
    assert wire.decode(message, domain.Version).score == domain.Score(column=-1)


def test_a_part_that_was_sent_keeps_its_zeros() -> None:
    message = pb.Version(version=1, stage=pb.STAGE_NONE, score=pb.Score(output="p", column=0))
    assert wire.decode(message, domain.Version).score == domain.Score(output="p", column=0)


@pytest.mark.parametrize("number", [0, 9])
def test_an_enum_that_is_not_ours_is_named(number: int) -> None:
    with pytest.raises(InvalidInput, match=f"Role {number}: one of STABLE, CANARY, SHADOW"):
        wire.decode(pb.Arm(version=1, role=typing.cast(typing.Any, number)), domain.Arm)


def test_a_route_without_arms_is_refused_by_the_values_own_check() -> None:
    with pytest.raises(RouteInvalid, match="0 stable arms"):
        wire.decode(pb.Route(model="m"), domain.Route)


@pytest.mark.parametrize(
    "value",
    [
        domain.Model(name="m", versions=2**63),
        domain.Model(name=typing.cast(str, 7)),
        domain.Lineage(parameters=typing.cast(dict[str, str], {"depth": 3})),
    ],
)
def test_what_a_message_cannot_carry_is_named(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"9223372036854775808|7|depth"):
        wire.message_of(value)
