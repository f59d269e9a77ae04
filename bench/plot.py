"""The plot of a run, bench.png."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from bench.verdicts import GNOMON, RUNTIME

Result = dict[str, Any]
SHAPES = (
    ("one", "1 in flight"),
    ("headline", "16 in flight"),
    ("headline", "64 in flight"),
    ("clients", "16 x 1"),
    ("clients", "64 x 1"),
)


def draw(report: dict[str, Any], path: Path) -> None:
    """Four panels: calls/s and CPU by server, rows/s by model, latencies of the gateway."""
    results = report["results"]
    figure, axes = plt.subplots(2, 2, figsize=(14, 9), layout="constrained")
    _by_server(axes[0, 0], results, "calls/s, one row a call", lambda row: row.get("calls_per_s"))
    _by_server(axes[0, 1], results, "CPU µs a call", lambda row: row.get("server_cpu_us_per_call"))
    _rows(axes[1, 0], results)
    _latencies(axes[1, 1], results)
    machine = report["machine"]
    figure.suptitle(f"{machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}, {machine['time']}")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _by_server(axes: Axes, results: Sequence[Result], title: str, read: Callable[[Result], Any]) -> None:
    chosen = [row for row in results if (row["scenario"], row["label"]) in SHAPES]
    servers = list(dict.fromkeys(row["server"] for row in chosen))
    width = 0.8 / max(len(servers), 1)
    for place, server in enumerate(servers):
        found = {(row["scenario"], row["label"]): read(row) or 0.0 for row in chosen if row["server"] == server}
        at = [index + place * width for index in range(len(SHAPES))]
        axes.bar(at, [found.get(shape, 0.0) for shape in SHAPES], width, label=server)
    axes.set_xticks([index + 0.4 - width / 2 for index in range(len(SHAPES))], [label for _, label in SHAPES])
    axes.set_yscale("log")
    axes.set_title(title)
    axes.legend()


def _rows(axes: Axes, results: Sequence[Result]) -> None:
    chosen = [row for row in results if row["scenario"] == "rows"]
    for model in dict.fromkeys(row["model"] for row in chosen):
        ours = [(row["rows"], row["rows_per_s"]) for row in chosen if (row["server"], row["model"]) == (GNOMON, model)]
        (drawn,) = axes.loglog(*zip(*ours, strict=True), marker="o", label=model) if ours else (None,)
        bare = [(row["rows"], row["rows_per_s"]) for row in chosen if (row["server"], row["model"]) == (RUNTIME, model)]
        if bare and drawn is not None:
            axes.loglog(*zip(*bare, strict=True), marker="x", color=drawn.get_color(), linestyle="none")
    axes.set_title("rows/s by rows a call (x: bare onnxruntime)")
    if chosen:
        axes.legend()


def _latencies(axes: Axes, results: Sequence[Result]) -> None:
    chosen = [row for row in results if row["server"] == GNOMON and row.get("latency_us") and row["scenario"] != "rows"]
    names = [f"{row['scenario']}: {row['label']}" for row in chosen]
    for percentile, marker in (("p50", "o"), ("p99", "s"), ("p999", "^")):
        axes.semilogx([row["latency_us"][percentile] for row in chosen], names, marker, label=percentile)
    axes.invert_yaxis()
    axes.set_title("latency of the gateway, µs")
    axes.legend()
