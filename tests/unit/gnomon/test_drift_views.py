"""Drift for eyes: a line of blocks, a picture, a page that fetches nothing; and for programs."""

import builtins
import dataclasses
import json
import math
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnomon.cli import drift_table
from gnomon.cli.drift_plot import draw
from gnomon.cli.drift_report import report
from gnomon.cli.drift_shape import NAMES, named, shape_of
from gnomon.cli.options import plain, without_nan
from gnomon.errors import InvalidInput, Precondition
from gnomon.evidence import MonitorDrift, VersionCalibration
from tests.unit.gnomon.drifted import HOSTILE, NOW_S, drift

DRIFT = drift()
MOVED, CALM, DISCRETE, UNSEEN = DRIFT.monitors


def test_a_sparkline_tells_no_traffic_from_too_few_rows() -> None:
    assert drift_table.sparkline(MOVED, top=0.4) == "▁· ▁▂█"
    assert drift_table.sparkline(MOVED, top=0.8) == "▁· ▁▁▅"


@pytest.mark.parametrize(("ago_s", "said"), [(30, "30 s"), (90, "2 min"), (7_200, "2 h"), (200_000, "2 d")])
def test_how_long_ago(ago_s: int, said: str) -> None:
    assert drift_table.since(int((NOW_S - ago_s) * 1000), NOW_S) == said
    assert drift_table.since(0, NOW_S) == ""


def test_standing_alarms_come_first_and_unknown_numbers_last() -> None:
    assert [each.name for each in drift_table.order([CALM, UNSEEN, DISCRETE, MOVED])] == [
        HOSTILE, "unseen", "calm", "few values"
    ]  # fmt: skip


def test_the_largest_gap_of_the_distribution_functions_is_the_ks_distance() -> None:
    for monitor in (MOVED, CALM, DISCRETE):
        shape = shape_of(monitor)
        assert shape is not None
        assert shape.gap == pytest.approx(monitor.ks_lo)
        assert shape.reference.sum() == pytest.approx(1)
        assert shape.window.sum() == pytest.approx(1)
    assert shape_of(UNSEEN) is None


def test_columns_have_the_shares_of_the_rows_between_them() -> None:
    shape = shape_of(MOVED)
    assert shape is not None
    values = np.random.default_rng(2).normal(size=(4_000, 4)).astype(np.float32)[:, 0]
    inner = np.histogram(values, shape.columns)[0] / len(values)
    assert np.abs(inner - shape.reference)[3:-3].max() < 0.006  # a bin holds 1/240


class Page(HTMLParser):
    """Collects tags and what they point to, and checks that they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attributes if name in ("src", "href", "action", "data")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_is_whole_by_itself_and_trusts_no_name() -> None:
    text = report(DRIFT, NOW_S)
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.links == []
    assert {"script", "iframe", "img", "link"}.isdisjoint(page.tags)
    assert "url(" not in text
    assert page.tags.count("article") == 4
    assert page.tags.count("svg") == 1 + 3 * 3 + 1  # the legend; three pictures a monitor; the unseen one's history
    assert "&lt;script&gt;" in text
    assert "not yet told by gateway-2" in text
    assert "nan" not in text


def test_what_became_of_predictions_is_told_below_the_monitors() -> None:
    found = VersionCalibration(
        version=3, outcomes=900, mean_score=0.2, share=0.4, error=0.2, brier=0.2, p_value=1e-9, since_unix_ms=1,
        reason="<scores> said 0.2",
    )  # fmt: skip
    assert drift_table.calibration_lines([found]) == ["[red]●[/red] score calibration: <scores> said 0.2"]
    assert drift_table.calibration_lines([dataclasses.replace(found, reason="")]) == [], "in no route, and not judged"
    page = report(dataclasses.replace(DRIFT, calibration=(found,)), NOW_S)
    assert "<span class=alarm>alarm</span> score calibration: &lt;scores&gt; said 0.2" in page


def test_a_picture_is_a_png_whatever_the_name(tmp_path: Path) -> None:
    for monitor in (MOVED, DISCRETE):
        draw(DRIFT, monitor, tmp_path / "picture.png")
        assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(Precondition, match="'unseen' of 'flights': no values to draw"):
        draw(DRIFT, UNSEEN, tmp_path / "none.png")
    with pytest.raises(InvalidInput, match="nowhere"):
        draw(DRIFT, MOVED, tmp_path / "nowhere" / "picture.png")


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Precondition, match=r"pip install 'gnomon\[plots\]'"):
        draw(DRIFT, MOVED, tmp_path / "picture.png")


def test_programs_get_null_for_what_could_not_be_told() -> None:
    text = json.dumps(without_nan(plain(DRIFT)), allow_nan=False)
    unseen = json.loads(text)["monitors"][3]
    assert math.isnan(UNSEEN.psi)
    assert (unseen["psi"], unseen["missing_share"]) == (None, 1.0)


def of_names(count: int) -> MonitorDrift:
    """So many names, the last of them seen in the window only; one row in ten is missing."""
    return MonitorDrift(
        name="carrier", rows=1_100, labels=tuple(f"$n{number}$" for number in range(count)),
        reference=(*range(count - 1, -1, -1), 7), window=(*[0] * (count - 1), 1_000, 100),
    )  # fmt: skip


def test_names_are_drawn_by_their_shares_and_the_rest_together(tmp_path: Path) -> None:
    few, many = named(of_names(3)), named(of_names(40))
    assert few is not None
    assert few.names == ("$n2$", "$n0$", "$n1$")
    assert few.reference == pytest.approx((0, 2 / 3, 1 / 3))
    assert few.window == (1, 0, 0)
    assert many is not None
    assert (len(many.names), many.names[-1]) == (NAMES, "17 more")
    assert sum(many.reference) == pytest.approx(sum(many.window)) == pytest.approx(1)
    assert named(MOVED) is None
    for count in (3, 40):
        draw(DRIFT, of_names(count), tmp_path / "names.png")
        assert (tmp_path / "names.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
