"""`gnomon route`: which versions answer which calls, set whole, switched and taken back."""

from typing import Annotated

import typer

from gnomon.cli.options import (
    REGISTRY,
    Actor,
    AsJson,
    Registry,
    console,
    print_json,
    route_text,
)
from gnomon.cli.rule import FORM, rule_of, text_of
from gnomon.client import RegistryClient
from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="Routes: arms and their weights.")

Name = Annotated[str, typer.Argument(help="The model's name.")]


def _show(route: Route, as_json: bool) -> None:
    if as_json:
        print_json(route)
    else:
        console.print(f"{route.model} epoch {route.revision}: {route_text(route.arms)}")
        if route.batch_wait_us:
            rows = f"{route.batch_wait_rows} rows" if route.batch_wait_rows else "as many rows as a run takes"
            console.print(f"  calls wait up to {route.batch_wait_us} µs for {rows}", highlight=False)
        for rule in route.rules:
            console.print(f"  {text_of(rule)}", highlight=False, markup=False)
        if route.routing_key_column:
            console.print(f"  key: {route.routing_key_column}", highlight=False, markup=False)
        if route.warm:
            console.print(f"  warm: {', '.join(map(str, route.warm))}", highlight=False)
        console.print(f"  set by {route.actor or '-'}: {route.reason or '-'}", highlight=False)


@app.command()
def show(
    name: Name,
    revision: Annotated[int, typer.Option(help="An earlier epoch; -1: the one before; 0: the one in force.")] = 0,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """The route of a model."""
    with RegistryClient(registry) as client:
        _show(client.get_route(name, revision), as_json)


@app.command("set")
def set_route(
    name: Name,
    stable: Annotated[int, typer.Option(help="Version that answers.")],
    actor: Actor,
    canary: Annotated[
        list[str] | None, typer.Option(help="VERSION or VERSION:BP, that answers a share of the calls; once for each.")
    ] = None,
    canary_bp: Annotated[int, typer.Option(help="Share of those without one, in basis points, 10 000 for all.")] = 100,
    shadow: Annotated[
        list[int] | None, typer.Option(help="Version that is run beside, and never answers; may be given again.")
    ] = None,
    shadow_bp: Annotated[int, typer.Option(help="Share of the calls that each shadow sees.")] = ALL_BP,
    shadow_cpu: Annotated[float, typer.Option(help="Share of a core that each may use; 0: what is left over.")] = 0.0,
    slice_by: Annotated[
        list[str] | None, typer.Option("--slice", help="Compare by this input column, too; may be given again.")
    ] = None,
    decision_threshold: Annotated[float | None, typer.Option(help="Of scores: where a decision flips; 0.5.")] = None,
    keep_quantile: Annotated[float, typer.Option(help="Keep pairs further apart than this share is; 0: none.")] = 0.99,
    warm: Annotated[list[int] | None, typer.Option(help="Version that is kept loaded; once for each.")] = None,
    rule: Annotated[list[str] | None, typer.Option(help=f"Calls for one version, the first counts: {FORM}.")] = None,
    key_column: Annotated[str, typer.Option(help="Input column that is the key of calls that name none: x[0].")] = "",
    batch_wait_us: Annotated[int, typer.Option(help="A call may wait so long for others to run with.")] = 0,
    batch_wait_rows: Annotated[int, typer.Option(help="But not once there are so many rows; 0: what a run takes.")] = 0,
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = "",
    expect: Annotated[int, typer.Option(help="Only if this epoch is still in force; -1: whatever is.")] = -1,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Replace a model's route, whole: an operator's lever, without gate or approval; actor and reason are kept."""
    canaries = [_canary(text, canary_bp) for text in canary or ()]
    share = sum(arm.weight_bp for arm in canaries)
    arms = [Arm(version=stable, role=Role.STABLE, weight_bp=ALL_BP - share), *canaries]
    arms += [
        Arm(version=number, role=Role.SHADOW, weight_bp=shadow_bp, cpu_share=shadow_cpu) for number in shadow or ()
    ]
    with RegistryClient(registry) as client:
        route = Route(
            model=name, arms=tuple(arms), actor=actor, reason=reason,
            batch_wait_us=batch_wait_us, batch_wait_rows=batch_wait_rows, warm=tuple(warm or ()),
            rules=tuple(map(rule_of, rule or ())), routing_key_column=key_column,
            slices=tuple(slice_by or ()),
            decision_threshold=decision_threshold, keep_quantile=keep_quantile if shadow else 0.0,
        )  # fmt: skip
        _show(client.set_route(route, expected_revision=expect), as_json)


def _canary(text: str, default_bp: int) -> Arm:
    """Raises: InvalidInput, RouteInvalid."""
    version, _, share = text.partition(":")
    try:
        return Arm(version=int(version), role=Role.CANARY, weight_bp=int(share) if share else default_bp)
    except ValueError:
        raise InvalidInput(f"canary {text!r}: VERSION or VERSION:BP expected, as 2 or 2:100") from None


@app.command()
def switch(
    name: Name,
    version: Annotated[int, typer.Argument(help="Version that is warm now, and takes all calls.")],
    actor: Actor,
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = "",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Blue/green: all calls to another version at once; what answered stays warm. Rules stay as they are."""
    with RegistryClient(registry) as client:
        _show(client.switch_route(name, version, actor, reason), as_json)


@app.command()
def revert(
    name: Name,
    actor: Actor,
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = "",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Back to the route before, at once: refused where a version of it is not warm any more."""
    with RegistryClient(registry) as client:
        _show(client.revert_route(name, actor, reason), as_json)
