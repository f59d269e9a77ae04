"""What a person sees of a rollout: where it stands among its steps, and each gate's last word."""

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from gnomon.cli.options import table
from gnomon.cli.policy_file import unit, where
from gnomon.domain import RolloutState
from gnomon.rollout import GateVerdict, Rollout

BAR = 10
DONE = "[green]✓[/green]"
MARKS = {
    RolloutState.PROMOTED: DONE, RolloutState.STOPPED: "[red]✗[/red]", RolloutState.PAUSED: "[yellow]‖[/yellow]",
}  # fmt: skip
COLOURS = {"pass": "green", "fail": "red", "need_more": "yellow"}


def view(rollout: Rollout) -> Group:
    told = "" if rollout.state is RolloutState.PROMOTED else rollout.reason  # else the gates below say it
    return Group(_steps(rollout), *([Text(told, style="yellow")] if told else []), _gates(rollout))


def _steps(rollout: Rollout) -> Table:
    policy = rollout.policy
    title = f"{rollout.model}: version {rollout.version} against {rollout.baseline}, {rollout.state.name.lower()}"
    shown = table(title, "", "step", "share", "at least", "at most")
    for index, step in enumerate(policy.whole):
        least = f"{step.min_calls} {unit(policy, index)}" + (f", {step.min_s:g} s" if step.min_s else "")
        shown.add_row(
            _mark(rollout, index), where(policy, index), f"{step.weight_bp / 100:g} %", least, f"{step.timeout_s:g} s"
        )
    return shown


def _mark(rollout: Rollout, index: int) -> str:
    if index != rollout.step:
        return DONE if index < rollout.step else "·"
    return MARKS.get(rollout.state, "[cyan]▶[/cyan]")


def _gates(rollout: Rollout) -> Table:
    shown = table("", "gate", "verdict", "evidence of harm", "more calls", "in about", "why")
    for verdict in rollout.latest:
        colour = COLOURS.get(verdict.verdict, "white")
        words = f"[{colour}]{verdict.verdict}[/{colour}]"
        need = str(verdict.need or "")
        shown.add_row(verdict.gate, words, bar(verdict), need, duration(verdict.eta_s), escape(verdict.reason))
    return shown


def bar(verdict: GateVerdict) -> str:
    """log E as a share of what fails the gate; empty below 0, where the data speak for the version."""
    if verdict.fail_at <= 0:
        return ""
    share = max(0.0, min(1.0, (verdict.log_e or 0.0) / verdict.fail_at))
    filled = int(share * BAR)
    said = "" if verdict.log_e is None else f" {verdict.log_e:.1f} of {verdict.fail_at:.1f}"
    return "█" * filled + "░" * (BAR - filled) + said


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for limit, divisor, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"
