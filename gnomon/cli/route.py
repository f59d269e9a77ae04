"""`gnomon route`: which versions answer, with which weights, and why a key goes where it goes."""

from typing import Annotated

import typer

from gnomon.cli.options import (
    GATEWAY,
    REGISTRY,
    Actor,
    AsJson,
    Gateway,
    Registry,
    TlsCa,
    TlsCertificate,
    TlsKey,
    client_tls,
    console,
    print_json,
    route_text,
)
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import ALL_BP, Arm, Role, Route

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
        console.print(f"  set by {route.actor or '-'}: {route.reason or '-'}", highlight=False)


@app.command()
def show(
    name: Name,
    revision: Annotated[int, typer.Option(help="An earlier epoch; the one in force by default.")] = 0,
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
    canary: Annotated[int, typer.Option(help="Version that answers a share of the calls.")] = 0,
    canary_bp: Annotated[int, typer.Option(help="Its share in basis points, 10 000 for all.")] = 100,
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
    batch_wait_us: Annotated[int, typer.Option(help="A call may wait so long for others to run with.")] = 0,
    batch_wait_rows: Annotated[int, typer.Option(help="But not once there are so many rows; 0: what a run takes.")] = 0,
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = "",
    expect: Annotated[int, typer.Option(help="Only if this epoch is still in force; -1: whatever is.")] = -1,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Replace a model's route, whole: an operator's lever, without gate or approval; actor and reason are kept."""
    share = canary_bp if canary else 0
    arms = [Arm(version=stable, role=Role.STABLE, weight_bp=ALL_BP - share)]
    arms += [Arm(version=canary, role=Role.CANARY, weight_bp=share)] if canary else []
    arms += [
        Arm(version=number, role=Role.SHADOW, weight_bp=shadow_bp, cpu_share=shadow_cpu) for number in shadow or ()
    ]
    with RegistryClient(registry) as client:
        route = Route(
            model=name, arms=tuple(arms), actor=actor, reason=reason,
            batch_wait_us=batch_wait_us, batch_wait_rows=batch_wait_rows, slices=tuple(slice_by or ()),
            decision_threshold=decision_threshold, keep_quantile=keep_quantile if shadow else 0.0,
        )  # fmt: skip
        _show(client.set_route(route, expected_revision=expect), as_json)


@app.command()
def explain(
    name: Name,
    key: Annotated[str, typer.Argument(help="A routing key.")],
    gateway: Gateway = GATEWAY,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    as_json: AsJson = False,
) -> None:
    """Which arm a routing key falls to, and why."""
    with GatewayClient(gateway, tls=client_tls(tls_ca, tls_certificate, tls_key)) as client:
        found = client.explain(name, key)
    if as_json:
        print_json(found)
        return
    console.print(
        f"{key}: bucket {found.bucket} of {ALL_BP} → version {found.version}, {Role(found.role).name.lower()} "
        f"with {found.weight_bp / 100:g} %, epoch {found.epoch}"
    )
