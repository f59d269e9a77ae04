"""A report in one HTML file that needs nothing else: a table, and a card a monitor with its pictures as inline SVG."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from gnomon.cli.drift_shape import Numbers, Shape, shape_of
from gnomon.cli.drift_table import heading, number, order, since, title
from gnomon.evidence import ArmDrift, Drift, MonitorDrift, VersionCalibration
from gnomon.stats.alarms import CALIBRATION

WIDTH, HEIGHT, PAD = 300, 130, 6

STYLE = """
:root { color-scheme: light dark; --reference: #7a8aa0; --window: #d1603d; --line: #8884; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } tr { border-bottom: 1px solid var(--line); }
.alarm { color: #c22; font-weight: 600; } .marked { color: #b70; } .calm { color: #787; }
article { border-top: 1px solid var(--line); padding: 1rem 0; } article h2 { margin: 0; font-size: 1.05rem; }
.pictures { display: flex; flex-wrap: wrap; gap: 1.5rem; } figure { margin: .5rem 0; } figcaption { font-size: .8rem; }
svg { display: block; background: #8881; } .r { fill: var(--reference); opacity: .6; }
.rl { stroke: var(--reference); } .wl { stroke: var(--window); } .rl, .wl, .gap { fill: none; stroke-width: 1.8; }
.gap { stroke: currentColor; } .tolerance { stroke: currentColor; stroke-dasharray: 4 3; opacity: .5; }
"""


def report(drift: Drift, now_s: float) -> str:
    """The file's text. Names and reasons are escaped; nothing is fetched, and no script runs."""
    monitors = order(drift.monitors)
    rows = "".join(_row(each, now_s) for each in monitors)
    cards = "".join(_card(each, drift) for each in monitors)
    head = _cells("th", "", "feature", "PSI", "at least", "KS", "p", "missing", "trained", "since", "why")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Drift of {escape(title(drift))}</title><style>{STYLE}</style></head><body>
<h1>Drift of {escape(title(drift))}</h1>
<p>{escape(heading(drift))}.</p>
<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>
{_arms(drift.arms)}
{"".join(_calibration(each) for each in drift.calibration if each.reason)}
<p><svg width="12" height="12"><rect class="r" width="12" height="12"/></svg> reference, and as a line the window.</p>
{cards}</body></html>
"""


def _row(each: MonitorDrift, now_s: float) -> str:
    state = "alarm" if each.since_unix_ms else "marked" if each.alarmed or each.listed else "calm"
    name = f"{each.name} (score)" if each.is_score else each.name
    p_value = "–" if math.isnan(each.p_value) else f"{each.p_value:.1e}"
    cells = _cells(
        "td", "", name, number(each.psi), number(each.psi_lower), number(each.ks_lo), p_value,
        f"{each.missing_share:.1%}", f"{each.missing_reference:.1%}", since(each.since_unix_ms, now_s), each.reason,
    )  # fmt: skip
    return f"<tr>{cells.replace('<td></td>', f'<td class={state}>{state}</td>', 1)}</tr>"


def _cells(tag: str, *texts: str) -> str:
    """The first two and the last two to the left, numbers to the right."""
    last = len(texts) - 2
    return "".join(
        f"<{tag}{' class=n' if 1 < at < last else ''}>{escape(text)}</{tag}>" for at, text in enumerate(texts)
    )


def _arms(arms: Sequence[ArmDrift]) -> str:
    if not arms:
        return ""
    rows = "".join(
        "<tr>" + _cells("td", f"{arm.name}", f"version {arm.version} beside {arm.against}", number(arm.ks_lo),
                        number(arm.ks_hi), number(arm.psi), f"{arm.rows}", f"{arm.rows_against}") + "</tr>"
        for arm in arms
    )  # fmt: skip
    head = _cells("th", "monitor", "arms", "KS from", "to", "PSI", "rows", "beside")
    return f"<h2>Arms side by side</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _calibration(each: VersionCalibration) -> str:
    state = "alarm" if each.since_unix_ms else "calm"
    return f"<p><span class={state}>{state}</span> {CALIBRATION}: {escape(each.reason)}</p>"


def _card(each: MonitorDrift, drift: Drift) -> str:
    shape = shape_of(each)
    pictures = [] if shape is None else [("share of rows", _histogram(shape)), (_gap_text(shape), _functions(shape))]
    if any(not math.isnan(point.psi) for point in each.history):
        pictures.append(
            (f"PSI over time, {len(each.history)} stretches; dashed: harmless", _line(each, drift.tolerance))
        )
    figures = "".join(f"<figure>{svg}<figcaption>{escape(text)}</figcaption></figure>" for text, svg in pictures)
    return (
        f"<article><h2>{escape(each.name)}</h2><p>{escape(each.reason)}</p>"
        f"<div class=pictures>{figures or 'nothing to draw'}</div></article>"
    )


def _gap_text(shape: Shape) -> str:
    axis = f"{shape.edges[0]:.4g} to {shape.edges[-1]:.4g}"
    return f"share below, {axis}; KS {shape.gap:.3f} at {shape.edges[shape.gap_at]:.4g}"


def _histogram(shape: Shape) -> str:
    top = max(float(shape.reference.max()), float(shape.window.max())) or 1.0
    x, wide = _across(shape.columns, shape.columns), (WIDTH - 2 * PAD) / len(shape.reference)
    bars = "".join(_bar(left, wide, share / top) for left, share in zip(x[:-1], shape.reference, strict=True))
    steps = _path(np.repeat(x, 2)[1:-1], np.repeat(shape.window, 2) / top, "wl")
    return _svg(bars + steps)


def _bar(left: float, wide: float, part: float) -> str:
    high = (HEIGHT - 2 * PAD) * part
    return f'<rect class="r" x="{left:.1f}" y="{_up(part):.1f}" width="{wide:.1f}" height="{high:.1f}"/>'


def _functions(shape: Shape) -> str:
    x, at = _across(shape.edges, shape.edges), shape.gap_at
    gap = _path(np.array([x[at], x[at]]), np.array([shape.reference_below[at], shape.window_below[at]]), "gap")
    return _svg(_path(x, shape.reference_below, "rl") + _path(x, shape.window_below, "wl") + gap)


def _line(each: MonitorDrift, tolerance: float) -> str:
    psi = np.array([point.psi for point in each.history])
    top = max(float(np.nanmax(psi)), 2 * tolerance) or 1.0
    x = _across(np.arange(len(psi), dtype=np.float64), np.array([0.0, max(1, len(psi) - 1)]))
    known = ~np.isnan(psi)
    runs = np.split(np.arange(len(psi)), np.flatnonzero(known[1:] != known[:-1]) + 1)
    lines = "".join(_path(x[run], psi[run] / top, "wl") for run in runs if len(run) and known[run[0]])
    y = _up(tolerance / top)
    return _svg(f'<line class="tolerance" x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>{lines}')


def _across(values: Numbers, ends: Numbers) -> Numbers:
    span = float(ends[-1] - ends[0]) or 1.0
    across: Numbers = PAD + (WIDTH - 2 * PAD) * (values - ends[0]) / span
    return across


def _up(part: float) -> float:
    return PAD + (HEIGHT - 2 * PAD) * (1 - part)


def _path(x: Numbers, parts: Numbers, kind: str) -> str:
    """A line through points; one point alone is a short dash."""
    points = [f"{across:.1f},{_up(float(part)):.1f}" for across, part in zip(x, parts, strict=True)]
    if len(points) == 1:
        points.append(f"{float(x[0]) + 2:.1f},{_up(float(parts[0])):.1f}")
    return f'<polyline class="{kind}" points="{" ".join(points)}"/>'


def _svg(content: str) -> str:
    return f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{content}</svg>'
