"""Drift for a terminal: a row a monitor, its PSI over time as a line of blocks."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from gnomon.cli.options import table
from gnomon.evidence import ArmDrift, Drift, MonitorDrift, SliceDrift, VersionCalibration
from gnomon.stats.alarms import CALIBRATION

BLOCKS = "▁▂▃▄▅▆▇█"
NO_TRAFFIC, TOO_FEW = "·", " "


def sparkline(monitor: MonitorDrift, top: float) -> str:
    """PSI of each point, a full block from `top` on; a dot where there was no traffic, nothing where too few rows."""
    return "".join(_block(point.psi / top if top else 0.0, point.rows) for point in monitor.history)


def _block(part: float, rows: int) -> str:
    if math.isnan(part):
        return TOO_FEW if rows else NO_TRAFFIC
    return BLOCKS[min(len(BLOCKS) - 1, int(part * len(BLOCKS)))]


def since(unix_ms: int, now_s: float) -> str:
    """How long ago, in the largest unit that fits: `3 h`."""
    if not unix_ms:
        return ""
    seconds = max(0.0, now_s - unix_ms / 1000)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def order(monitors: Sequence[MonitorDrift]) -> list[MonitorDrift]:
    """Standing alarms first, then what the span marks, then by PSI."""
    return sorted(
        monitors,
        key=lambda each: (not each.since_unix_ms, not each.alarmed, -(0 if math.isnan(each.psi) else each.psi)),
    )


def mark(monitor: MonitorDrift) -> str:
    if monitor.since_unix_ms:
        return "[red]●[/red]"
    if monitor.alarmed:
        return "[yellow]●[/yellow]"
    return "[yellow]○[/yellow]" if monitor.listed else ""


def number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def title(drift: Drift) -> str:
    return f"{drift.model} version {drift.version}{', ' * bool(drift.slice)}{drift.slice}"


def heading(drift: Drift) -> str:
    """What was held against what; who has not told all of it."""
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (drift.from_unix_ms, drift.to_unix_ms))
    text = (
        f"{title(drift)}: {drift.rows} rows against {drift.reference or 'its profile'}, "
        f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC; "
        f"harmless: PSI {drift.tolerance:g}, KS {drift.ks_tolerance:g}"
    )
    return f"{text}; not yet told by {', '.join(drift.silent)}" if drift.silent else text


def monitors_table(drift: Drift, now_s: float) -> Table:
    """● a standing alarm (red), or drift in this span; ○ in the list of which one in twenty is expected to be false."""
    top = max([4 * drift.tolerance, *(_largest(monitor) for monitor in drift.monitors)])
    over_time = ["PSI over time"] if any(monitor.history for monitor in drift.monitors) else []
    columns = ("", "feature", "PSI", "at least", "KS", "missing", "trained", "since", *over_time)
    shown = table(escape(heading(drift)), *columns)
    for column in shown.columns[2:7]:
        column.justify = "right"
    for column in (shown.columns[0], *shown.columns[2:]):  # on a narrow terminal, a long name gives way
        column.no_wrap = True
    for each in order(drift.monitors):
        name = f"{each.name} (score)" if each.is_score else each.name
        shown.add_row(
            mark(each), escape(name), number(each.psi), number(each.psi_lower), number(each.ks_lo),
            f"{each.missing_share:.1%}", f"{each.missing_reference:.1%}", since(each.since_unix_ms, now_s),
            *([sparkline(each, top)] if over_time else []),
        )  # fmt: skip
    return shown


def reasons(drift: Drift) -> list[str]:
    """A line for each monitor that is marked: why."""
    marked = [each for each in order(drift.monitors) if each.since_unix_ms or each.alarmed]
    return [f"{mark(each)} {escape(each.name)}: {escape(each.reason)}" for each in marked]


def calibration_lines(versions: Sequence[VersionCalibration]) -> list[str]:
    """What the last look found, of versions that are watched; ● where an alarm stands."""
    watched = [each for each in versions if each.reason]
    return [f"{'[red]●[/red] ' * bool(each.since_unix_ms)}{CALIBRATION}: {escape(each.reason)}" for each in watched]


def arms_table(arms: Sequence[ArmDrift]) -> Table:
    """Other arms of the route beside the stable one. Without PSI where the two versions' bins differ."""
    shown = table("arms side by side", "version", "beside", "monitor", "rows", "rows", "KS", "p", "PSI")
    for arm in arms:
        bracket = "–" if math.isnan(arm.ks_lo) else f"{arm.ks_lo:.3f}–{arm.ks_hi:.3f}"
        p_value = "–" if math.isnan(arm.ks_p_value) else f"{arm.ks_p_value:.1e}"
        shown.add_row(
            str(arm.version), str(arm.against), escape(arm.name), str(arm.rows), str(arm.rows_against), bracket,
            p_value, number(arm.psi),
        )  # fmt: skip
    return shown


def slices_table(slices: Sequence[SliceDrift]) -> Table:
    """Slices of the traffic in the policy's window, and what of them has an alarm."""
    shown = table("slices", "", "slice", "rows", "trained", "alarms")
    for each in sorted(slices, key=lambda each: (not each.alarmed, each.name)):
        marked = "[red]●[/red]" if each.alarmed else ""
        shown.add_row(
            marked, escape(each.name), str(each.rows), str(each.reference_rows), escape(", ".join(each.alarmed))
        )
    return shown


def _largest(monitor: MonitorDrift) -> float:
    return max((point.psi for point in monitor.history if not math.isnan(point.psi)), default=0.0)
