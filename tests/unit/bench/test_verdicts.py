"""Ratios and verdicts of a made-up run."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import plot, report
from bench.verdicts import Verdict, verdicts


def row(scenario: str, label: str, server: str = "gnomon", model: str = "trees", **found: Any) -> dict[str, Any]:
    return {"scenario": scenario, "label": label, "server": server, "model": model, "rows": 1} | found


def times(p50: float, p99: float) -> dict[str, float]:
    return {"p50": p50, "p99": p99, "p999": 2 * p99, "max": 3 * p99}


AT_THE_LIMIT = {"loop": "closed", "client_busy": 0.9, "server_busy": 0.5}
RUN = [
    row("headline", "64 in flight", calls_per_s=20_000, server_cpu_us_per_call=44.0, **AT_THE_LIMIT),
    row("headline", "64 in flight", "grpcio_echo", calls_per_s=2_500, server_cpu_us_per_call=400.0),
    row("headline", "16 in flight", calls_per_s=10_000, server_cpu_us_per_call=46.0),
    row("headline", "16 in flight", "grpcio_echo", calls_per_s=2_500),
    row("one", "1 in flight", latency_us=times(90, 200)),
    row("one", "1 in flight", "grpcio_echo", latency_us=times(100, 200)),
    row("rows", "256 rows", rows_per_s=80_000),
    row("rows", "256 rows", "onnxruntime", rows_per_s=100_000),
    row("guests", "off", calls_per_s=1_000),
    row("guests", "off", calls_per_s=2_000),
    row("guests", "on", calls_per_s=1_900),
    row("guests", "on", calls_per_s=1_500),
    row("guests", "off, half load", calls_per_s=900, latency_us=times(100, 400)),
    row("guests", "off, half load", calls_per_s=900, latency_us=times(100, 9_000)),
    row("guests", "on, half load", calls_per_s=900, latency_us=times(100, 500)),
    row("reload", "switch warm", failed=0, latency_us=times(1, 1)),
    row("reload", "load and unload", failed=3, latency_us=times(1, 1)),
]


def found(name: str) -> Verdict:
    return next(verdict for verdict in verdicts(RUN) if verdict.name == name)


@pytest.mark.parametrize(
    ("name", "value", "met"),
    [
        ("64 in flight: calls/s, times the grpcio echo's", 8.0, True),
        ("64 in flight: calls a CPU second, times the grpcio echo's", 400 / 44, None),
        ("64 in flight: CPU µs a call", 44.0, True),
        ("16 in flight: calls/s, times the grpcio echo's", 4.0, False),
        ("16 in flight: CPU µs a call", 46.0, False),
        ("1 in flight: p50, times the grpcio echo's", 0.9, True),
        ("256 rows, trees: rows/s, times bare onnxruntime's", 0.8, False),
        ("shadow and drift on: calls/s, times all off", 0.95, True),
        ("shadow and drift on: p99 at half load, times all off", 1.25, False),
        ("switch warm: failed calls", 0.0, True),
        ("load and unload: failed calls", 3.0, False),
    ],
)
def test_a_ratio_is_taken_within_the_run_and_held_against_its_limit(name: str, value: float, met: bool | None) -> None:
    assert found(name).value == pytest.approx(value)
    assert found(name).met is met


def test_of_several_rounds_the_best_counts() -> None:
    assert found("shadow and drift on: calls/s, times all off").value == pytest.approx(1_900 / 2_000)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    verdict = found("2 workers: calls/s, times 1 worker")
    assert (verdict.value, verdict.met, verdict.word) == (None, None, "not measured")


def test_a_run_without_any_result_has_every_promise_as_not_measured() -> None:
    assert {verdict.word for verdict in verdicts([])} == {"not measured"}


def test_the_table_tells_notes_and_runs_in_which_the_generator_was_the_bottleneck() -> None:
    text = report.table(report.document(RUN, ["MLServer is left out"], {"cores": 2}))
    assert "8      ≥ 8  met" in text
    assert "note: MLServer is left out" in text
    assert "note: headline, 64 in flight, gnomon: server 50% busy, generator 90%" in text


def test_a_report_is_written_whole_and_drawn(tmp_path: Path) -> None:
    machine = {"processor": "none", "cores": 2, "kernel": "6", "time": "now"}
    written = report.document(RUN, [], machine)
    report.write(written, tmp_path / "bench.json")
    assert report.read(tmp_path / "bench.json") == json.loads(json.dumps(written))
    plot.draw(written, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
