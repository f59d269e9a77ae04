"""`gnomon rollout`: start one by a policy file, watch it, stop it."""

import dataclasses
import time
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from gnomon.cli.options import REGISTRY, Actor, AsJson, Registry, console, print_json, table
from gnomon.client import RegistryClient
from gnomon.domain import Role, RolloutState
from gnomon.errors import InvalidInput
from gnomon.rollout import Policy, Rollout, Step

app = typer.Typer(no_args_is_help=True, help="Rollouts: a version's way into production, by evidence.")

Name = Annotated[str, typer.Argument(help="The model's name.")]


def read_policy(path: Path) -> Policy:
    """A policy from TOML: the fields of Policy, and [[steps]] with the fields of Step; docs/rollouts.md.

    Raises: InvalidInput, naming the field.
    """
    try:
        written: dict[str, Any] = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path}: {error}") from None
    try:
        steps = tuple(Step(**step | {"role": Role[step["role"].upper()]}) for step in written.pop("steps"))
        return Policy(steps=steps, **written)
    except (KeyError, TypeError, AttributeError) as error:
        known = ", ".join(field.name for kind in (Policy, Step) for field in dataclasses.fields(kind))
        raise InvalidInput(f"{path}: {error}; fields are {known}") from None


def view(rollout: Rollout) -> Table:
    """What a person looks at: where it stands, and each gate's last word."""
    steps = rollout.policy.steps
    running = steps[min(rollout.step, len(steps) - 1)]
    where = f"step {rollout.step + 1} of {len(steps)} ({running.role.name.lower()} {running.weight_bp / 100:g} %)"
    title = (
        f"{rollout.model}: version {rollout.version} against {rollout.baseline}, {rollout.state.name.lower()}, {where}"
    )
    shown = table(title, "gate", "verdict", "more calls", "why")
    for verdict in rollout.latest:
        shown.add_row(verdict.gate, verdict.verdict, str(verdict.need or ""), verdict.reason)
    if rollout.state is not RolloutState.RUNNING:
        shown.caption = rollout.reason
    return shown


@app.command()
def start(
    name: Name,
    version: Annotated[int, typer.Argument(help="The approved version to roll out.")],
    actor: Actor,
    policy: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="TOML file of steps and gates.")],
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Start a rollout; the registry takes it from there."""
    with RegistryClient(registry) as client:
        rollout = client.start_rollout(name, version, read_policy(policy), actor=actor)
    print_json(rollout) if as_json else console.print(view(rollout))


@app.command()
def plan(
    policy: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="TOML file of steps and gates.")],
) -> None:
    """Check a policy file and say what it would do."""
    read = read_policy(policy)
    shown = table(
        f"{policy.name}: chance of stopping a good version at most {read.alpha:g}", "step", "share", "calls", "within"
    )
    for step in read.steps:
        shown.add_row(
            step.role.name.lower(), f"{step.weight_bp / 100:g} %", f"≥ {step.min_calls}", f"{step.timeout_s:g} s"
        )
    console.print(shown)
    for field in dataclasses.fields(read)[2:]:
        if (value := getattr(read, field.name)) is not None:
            console.print(f"  {field.name} = {value}", highlight=False)


@app.command()
def status(
    name: Name,
    id: Annotated[int, typer.Option(help="Which rollout; the latest by default.")] = 0,  # noqa: A002
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show changes until it ends.")] = False,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Where a rollout stands."""
    with RegistryClient(registry) as client:
        rollout = client.get_rollout(name, id)
        if watch:
            with Live(view(rollout), console=console, auto_refresh=False) as live:
                while rollout.state is RolloutState.RUNNING:
                    time.sleep(0.5)
                    rollout = client.get_rollout(name, rollout.id)
                    live.update(view(rollout), refresh=True)
    if as_json:
        print_json(rollout)
    elif not watch:
        console.print(view(rollout))


@app.command("list")
def list_rollouts(name: Name, registry: Registry = REGISTRY, as_json: AsJson = False) -> None:
    """All rollouts of a model, and how each ended."""
    with RegistryClient(registry) as client:
        rollouts = client.list_rollouts(name)
    if as_json:
        print_json(rollouts)
        return
    shown = table("", "id", "version", "state", "gate", "reason")
    for rollout in rollouts:
        shown.add_row(str(rollout.id), str(rollout.version), rollout.state.name.lower(), rollout.gate, rollout.reason)
    console.print(shown)


@app.command()
def abort(
    name: Name,
    actor: Actor,
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = "aborted by hand",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Stop the running rollout: all traffic goes back to the version it began with."""
    with RegistryClient(registry) as client:
        rollout = client.abort_rollout(name, reason=reason, actor=actor)
    print_json(rollout) if as_json else console.print(view(rollout))
