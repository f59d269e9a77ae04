"""Rules and dashboards name only metrics and labels that exist, and are what is committed."""

import itertools
import json
import re

import pytest
import yaml

from deploy import dashboards, generate, rules
from deploy.promql import names_in
from gateway.metrics import METRICS as OF_GATEWAY
from gnomon.exposition import HISTOGRAM
from registry.metrics import METRICS as OF_REGISTRY

OF_PROMETHEUS = {"instance", "job"}  # labels that a scrape adds
EXISTING = {**OF_GATEWAY, **OF_REGISTRY}


def labels_of() -> dict[str, set[str]]:
    """Every series there is, and its labels."""
    found = {"up": set(OF_PROMETHEUS)}
    for name, item in EXISTING.items():
        labels = {*item.labels, *OF_PROMETHEUS}
        if item.kind == HISTOGRAM:
            found |= {f"{name}_bucket": {*labels, "le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            found[name] = labels
    for recording in rules.RECORDINGS:
        found[recording.record] = set(recording.by)
    return found


SERIES = labels_of()


def asked() -> dict[str, str]:
    """Every expression, by where it is."""
    found = {recording.record: recording.expr for recording in rules.RECORDINGS}
    found |= {alert.alert: alert.expr for alert in rules.ALERTS}
    for board in dashboards.ALL:
        for panel in itertools.chain(*board.rows):
            found |= {f"{board.name}: {panel.title} {index}": ask for index, (ask, _) in enumerate(panel.asks)}
    return found


@pytest.mark.parametrize(("where", "expression"), asked().items(), ids=asked())
def test_an_expression_names_only_what_exists(where, expression):
    named = names_in(expression)
    assert named.metrics
    unknown = named.metrics.keys() - SERIES.keys()
    assert not unknown, f"{where} asks for {unknown}"
    for metric, labels in named.metrics.items():
        assert labels <= SERIES[metric], f"{metric} has no {labels - SERIES[metric]}"
    there = set().union(*(SERIES[metric] for metric in named.metrics))
    assert named.grouped <= there, f"nothing in {where} has {named.grouped - there}"


@pytest.mark.parametrize("recording", rules.RECORDINGS, ids=lambda recording: recording.record)
def test_a_recorded_series_is_named_after_its_labels_which_its_metrics_have(recording):
    assert recording.record.split(":")[0] == "_".join(recording.by)
    assert set(recording.by) <= set().union(*(SERIES[metric] for metric in names_in(recording.expr).metrics))


@pytest.mark.parametrize("alert", rules.ALERTS, ids=lambda alert: alert.alert)
def test_a_summary_names_only_labels_that_its_alert_has(alert):
    there = set().union(*(SERIES[metric] for metric in names_in(alert.expr).metrics))
    used = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.remedy))
    assert used <= there
    assert alert.severity in ("page", "ticket", "note")


@pytest.mark.parametrize("board", dashboards.ALL, ids=lambda board: board.name)
def test_legends_and_variables_name_labels_that_exist(board):
    for panel in itertools.chain(*board.rows):
        for ask, legend in panel.asks:
            there = set().union(*(SERIES[metric] for metric in names_in(ask).metrics))
            assert set(re.findall(r"{{(\w+)}}", legend)) <= there, panel.title
    for _, query in board.variables:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups()
        assert label in SERIES[metric]


@pytest.mark.parametrize("board", dashboards.ALL, ids=lambda board: board.name)
def test_panels_do_not_overlap_and_have_ids_of_their_own(board):
    panels = json.loads(dashboards.text(board))["panels"]
    places = [panel["gridPos"] for panel in panels]
    cells = [(place["x"] + i, place["y"]) for place in places for i in range(place["w"])]
    assert len(cells) == len(set(cells))
    assert max(place["x"] + place["w"] for place in places) <= dashboards.WIDTH
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_what_is_committed_is_what_would_be_made_now():
    assert generate.stale() == []


def test_a_file_that_was_edited_by_hand_is_found(tmp_path):
    for name, text in generate.made().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert generate.stale(tmp_path) == []
    (tmp_path / "docs" / "metrics.md").write_text("edited")
    assert generate.stale(tmp_path) == ["docs/metrics.md"]


def test_the_rules_file_holds_every_rule_as_it_is_written():
    groups = {group["name"]: group["rules"] for group in yaml.safe_load(rules.text())["groups"]}
    assert {rule["record"]: rule["expr"] for rule in groups["gnomon-recordings"]} == {
        recording.record: recording.expr for recording in rules.RECORDINGS
    }
    for alert, rule in zip(rules.ALERTS, groups["gnomon-alerts"], strict=True):
        assert (rule["alert"], rule["expr"], rule["for"]) == (alert.alert, alert.expr, alert.wait)
        assert rule["annotations"]["summary"] == alert.summary


def test_the_runbook_that_alerts_point_to_is_there():
    assert (generate.ROOT / rules.PAGE).read_text().count("\n## Metrics\n") == 1
