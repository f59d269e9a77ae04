"""`gnomon rollout`: plan one from a policy file, start it, watch it, and have a say in it."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from gnomon.cli.options import REGISTRY, Actor, AsJson, Registry, console, print_json, table
from gnomon.cli.policy_file import gates_table, plan_table, read_policy
from gnomon.cli.rollout_view import view
from gnomon.client import RegistryClient
from gnomon.plan import check_can_finish
from gnomon.rollout import Rollout

app = typer.Typer(no_args_is_help=True, help="Rollouts: a version's way into production, by evidence.")

LOOK_S = 0.5

Name = Annotated[str, typer.Argument(help="The model's name.")]
PolicyFile = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, help="TOML or YAML file of steps and gates (docs/rollouts.md).")
]
Reason = Annotated[str, typer.Option(help="Why; kept in the record.")]


def _show(rollout: Rollout, *, as_json: bool) -> None:
    print_json(rollout) if as_json else console.print(view(rollout))


@app.command()
def plan(
    policy: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="TOML or YAML file of steps and gates.")],
    calls_per_s: Annotated[float | None, typer.Option(help="Calls of the model: how long it takes.")] = None,
) -> None:
    """Check a policy file, and say what each step would do and how many calls each gate needs."""
    read = read_policy(policy)
    check_can_finish(read)
    title = f"{policy.name}: chance of stopping a good version at most {read.alpha:g}"
    console.print(plan_table(read, title, calls_per_s))
    console.print(gates_table(read))


@app.command()
def apply(
    name: Name,
    version: Annotated[int, typer.Argument(help="The approved version to roll out.")],
    actor: Actor,
    policy: PolicyFile,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Start a rollout; the registry takes it from there."""
    with RegistryClient(registry) as client:
        _show(client.start_rollout(name, version, read_policy(policy), actor=actor), as_json=as_json)


app.command("start", help="The same as apply.")(apply)


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
                while not rollout.state.is_over:
                    time.sleep(LOOK_S)
                    rollout = client.get_rollout(name, rollout.id)
                    live.update(view(rollout), refresh=True)
    if as_json or not watch:
        _show(rollout, as_json=as_json)


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
def predictions(
    name: Name,
    id: Annotated[int, typer.Option(help="Which rollout; the latest by default.")] = 0,  # noqa: A002
    folder: Annotated[Path, typer.Option("--dir", help="Folder of `gnomon up`, or of a gateway, on this host.")] = Path(
        "gnomon-data"
    ),
    sql: Annotated[bool, typer.Option("--sql", help="Print the statement for `gnomon log query` instead.")] = False,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Every prediction that the candidate of a rollout answered, in the journals or in the exports of this host."""
    with RegistryClient(registry) as client:
        rollout = client.get_rollout(name, id)
    epochs = ", ".join(map(str, rollout.epochs))
    if sql:
        print(
            f"select prediction_id, request_id, arrived, epoch from predictions where model = '{name}' "
            f"and version = {rollout.version} and epoch in ({epochs}) and status = 'answered' order by arrived"
        )
        return
    command = [sys.executable, "-m", "gateway", "answered", "--dir", str(folder), "--model", name]
    command += ["--version", str(rollout.version), "--epochs", epochs.replace(" ", "")]
    done = subprocess.run([*command, *(["--json"] if as_json else [])], check=False)
    raise typer.Exit(done.returncode)


@app.command()
def pause(
    name: Name, actor: Actor, reason: Reason = "", registry: Registry = REGISTRY, as_json: AsJson = False
) -> None:
    """Keep the rollout where it is; gates may still stop it."""
    with RegistryClient(registry) as client:
        _show(client.pause_rollout(name, reason=reason, actor=actor), as_json=as_json)


@app.command()
def resume(
    name: Name, actor: Actor, reason: Reason = "", registry: Registry = REGISTRY, as_json: AsJson = False
) -> None:
    """Let a paused rollout go on; the clock of its step starts anew."""
    with RegistryClient(registry) as client:
        _show(client.resume_rollout(name, reason=reason, actor=actor), as_json=as_json)


@app.command()
def approve(
    name: Name,
    actor: Annotated[str, typer.Option("--by", help="Who says yes; kept in the record.")],
    reason: Reason = "",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Say yes to the running step, where it asks for that."""
    with RegistryClient(registry) as client:
        _show(client.approve_step(name, reason=reason, actor=actor), as_json=as_json)


@app.command()
def promote(
    name: Name, actor: Actor, reason: Reason = "", registry: Registry = REGISTRY, as_json: AsJson = False
) -> None:
    """Put the candidate in production now, past the steps and gates that are left."""
    with RegistryClient(registry) as client:
        _show(client.promote_rollout(name, reason=reason, actor=actor), as_json=as_json)


@app.command()
def abort(
    name: Name,
    actor: Actor,
    reason: Reason = "aborted by hand",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Stop the rollout: all traffic goes back to the version it began with."""
    with RegistryClient(registry) as client:
        _show(client.abort_rollout(name, reason=reason, actor=actor), as_json=as_json)
