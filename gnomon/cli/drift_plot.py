"""One monitor as a picture: reference and window as histograms and distribution functions, the KS gap marked; of names,
as bars."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.cli.drift_shape import Named, Shape, named, shape_of
from gnomon.cli.drift_table import title
from gnomon.errors import InvalidInput, Precondition
from gnomon.evidence import Drift, MonitorDrift

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REFERENCE, WINDOW, GAP = "#7a8aa0", "#d1603d", "#1b1b1b"


def draw(drift: Drift, monitor: MonitorDrift, path: Path) -> None:
    """Writes a PNG.

    Raises: Precondition: no matplotlib here, or nothing to draw; InvalidInput: a file that cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise Precondition("a picture needs matplotlib: pip install 'gnomon[plots]'") from None
    shape, names = shape_of(monitor), named(monitor)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(_title(drift, monitor), fontsize=11)
    if names is not None:
        drawn = (figure.subplots(),)
        _bars(drawn[0], names)
    elif shape is not None:
        drawn = figure.subplots(1, 2)
        _histograms(drawn[0], shape)
        _functions(drawn[1], shape)
    else:
        raise Precondition(f"{monitor.name!r} of {drift.model!r}: no values to draw ({monitor.rows} rows)")
    for axes in drawn:
        axes.set_xlabel(_literal(monitor.name))
        axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, dpi=130, format="png")
    except OSError as error:
        raise InvalidInput(f"file {str(path)!r}: {error.strerror}") from None


def _title(drift: Drift, monitor: MonitorDrift) -> str:
    ks = "" if monitor.labels else f", KS {monitor.ks_lo:.3f} to {monitor.ks_hi:.3f}"  # names have no order
    numbers = f"PSI {monitor.psi:.3f} (at least {monitor.psi_lower:.3f}){ks}"
    missing = f"missing {monitor.missing_share:.1%}, trained on {monitor.missing_reference:.1%}"
    where = f"{title(drift)}: {monitor.name}, {monitor.rows} rows"
    return _literal(f"{where}\n{numbers}; {missing}")


def _literal(text: str) -> str:
    """A dollar sign in a name is a dollar sign, and no formula."""
    return text.replace("$", r"\$")


def _bars(axes: "Axes", names: Named) -> None:
    places = range(len(names.names))
    axes.bar(places, names.reference, width=0.8, color=REFERENCE, alpha=0.55, label="reference")
    axes.bar(places, names.window, width=0.45, color=WINDOW, label="window")
    axes.set_xticks(list(places), [_literal(each) for each in names.names], rotation=45, ha="right", fontsize=8)
    axes.set_ylabel("share of rows")
    axes.legend(frameon=False)


def _histograms(axes: "Axes", shape: Shape) -> None:
    style: dict[str, Any] = {"align": "edge", "width": shape.columns[1] - shape.columns[0]}
    axes.bar(shape.columns[:-1], shape.reference, color=REFERENCE, alpha=0.55, label="reference", **style)
    axes.stairs(shape.window, shape.columns, color=WINDOW, linewidth=1.8, label="window")
    axes.set_ylabel("share of rows")
    axes.legend(frameon=False)


def _functions(axes: "Axes", shape: Shape) -> None:
    axes.step(shape.edges, shape.reference_below, color=REFERENCE, where="post", label="reference")
    axes.step(shape.edges, shape.window_below, color=WINDOW, where="post", label="window")
    at, pair = shape.edges[shape.gap_at], (shape.reference_below[shape.gap_at], shape.window_below[shape.gap_at])
    axes.plot([at, at], pair, color=GAP, linewidth=2.2, marker="_", markersize=9)
    where: dict[str, Any] = {"xytext": (10, 0), "textcoords": "offset points", "va": "center"}
    paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    axes.annotate(f"KS {shape.gap:.3f} at {at:.4g}", (at, sum(pair) / 2), bbox=paper, **where)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("share of rows below")
    axes.legend(frameon=False, loc="upper left")
