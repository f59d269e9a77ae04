"""Every alert fires on what it is for, and on nothing else: promtool plays series against the rules."""

import json
import subprocess

from deploy import rules
from deploy.generate import ROOT
from tests.prometheus import tools

AT = "40m"
ARM = 'instance="a",process="observer",model="m",version="1",arm="stable"'
BUCKET = "gnomon_call_latency_seconds_bucket{%s,le=%s}"

# A house that is well: what the alerts look at, minute by minute.
CALM = {
    'up{job="gnomon-gateway",instance="a"}': "1x60",
    'gnomon_worker_ready{instance="a",process="w00"}': "1x60",
    'gnomon_process_restarts_total{instance="a",process="w00"}': "1x60",
    'gnomon_worker_journal_failing{instance="a",process="w00"}': "0x60",
    'gnomon_worker_journal_lost_total{instance="a",process="w00",status="answered"}': "3x60",
    'gnomon_disk_free_bytes{instance="a"}': "1000000-1x60",
    'gnomon_consumer_missed_total{instance="a",process="shipper",consumer="shipper",journal="w00"}': "5x60",
    'gnomon_consumer_pending{instance="a",process="shipper",consumer="shipper",journal="w00"}': "200000-10x60",
    'gnomon_shipped_errors_total{instance="a",process="shipper"}': "0x60",
    'gnomon_worker_shed_total{instance="a",process="w00",reason="wait"}': "0+1x60",
    'gnomon_worker_received_total{instance="a",process="w00"}': "0+1000x60",
    f'gnomon_calls_total{{{ARM},status="answered"}}': "0+1000x60",
    f'gnomon_calls_total{{{ARM},status="failed"}}': "0+1x60",
    BUCKET % (ARM, '"0.04"'): "0+995x60",
    BUCKET % (ARM, '"+Inf"'): "0+1000x60",
    'gnomon_route_budget_seconds{instance="a",model="m",le="0.04"}': "0.04x60",
    'gnomon_registry_drift_alarms{instance="r",model="m",version="1",slice=""}': "0x60",
    'gnomon_drift_judged_timestamp_seconds{instance="a",model="m",version="1"}': "0+60x60",
    'gnomon_registry_connected{instance="a"}': "1x60",
    'gnomon_applied_revision{instance="a"}': "7x60",
    'gnomon_registry_revision{instance="r"}': "7x60",
    'gnomon_load_failures{instance="a"}': "0x60",
    'gnomon_registry_gateway_age_seconds{instance="r",gateway="g"}': "1x60",
    'gnomon_gate_verdict{instance="r",model="m",version="2",gate="errors"}': "0x60",
    'gnomon_page_refused_total{instance="a",process="observer"}': "0x60",
}

# What is different when it is not.
ILL = {
    "GnomonDown": {'up{job="gnomon-gateway",instance="a"}': "0x60"},
    "GnomonWorkerNotReady": {'gnomon_worker_ready{instance="a",process="w00"}': "0x60"},
    "GnomonProcessRestarts": {'gnomon_process_restarts_total{instance="a",process="w00"}': "0+1x60"},
    "GnomonJournalDiskFull": {'gnomon_worker_journal_failing{instance="a",process="w00"}': "1x60"},
    "GnomonJournalLosing": {'gnomon_worker_journal_lost_total{instance="a",process="w00",status="answered"}': "0+1x60"},
    "GnomonDiskFillsUp": {'gnomon_disk_free_bytes{instance="a"}': "1000000-10000x60"},
    "GnomonConsumerMissed": {
        'gnomon_consumer_missed_total{instance="a",process="shipper",consumer="shipper",journal="w00"}': "0+9x60"
    },
    "GnomonConsumerBehind": {
        'gnomon_consumer_pending{instance="a",process="shipper",consumer="shipper",journal="w00"}': "200000+99x60"
    },
    "GnomonExportFails": {'gnomon_shipped_errors_total{instance="a",process="shipper"}': "0+1x60"},
    "GnomonShedding": {'gnomon_worker_shed_total{instance="a",process="w00",reason="wait"}': "0+20x60"},
    "GnomonErrors": {f'gnomon_calls_total{{{ARM},status="failed"}}': "0+20x60"},
    "GnomonOverBudget": {BUCKET % (ARM, '"0.04"'): "0+985x60"},
    "GnomonDrift": {'gnomon_registry_drift_alarms{instance="r",model="m",version="1",slice=""}': "1x60"},
    "GnomonDriftNotJudged": {'gnomon_drift_judged_timestamp_seconds{instance="a",model="m",version="1"}': "60x60"},
    "GnomonRegistryGone": {'gnomon_registry_connected{instance="a"}': "0x60"},
    "GnomonStale": {'gnomon_registry_revision{instance="r"}': "8x60"},
    "GnomonLoadFails": {'gnomon_load_failures{instance="a"}': "1x60"},
    "GnomonGatewaySilent": {'gnomon_registry_gateway_age_seconds{instance="r",gateway="g"}': "0+60x60"},
    "GnomonGateFails": {'gnomon_gate_verdict{instance="r",model="m",version="2",gate="errors"}': "-1x60"},
    "GnomonCountsRefused": {'gnomon_page_refused_total{instance="a",process="observer"}': "0+1x60"},
}


def played(name, series, firing):
    """One test of promtool: with these series, these alerts and no others fire."""
    fires = 'count by (alertname) (ALERTS{alertstate="firing"})'
    expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing]
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": labels, "values": values} for labels, values in series.items()],
        "promql_expr_test": [{"expr": fires, "eval_time": AT, "exp_samples": expected}],
    }


def test_every_alert_fires_on_what_it_is_for_and_none_when_all_is_well(tmp_path):
    assert ILL.keys() == {alert.alert for alert in rules.ALERTS}
    tests = [played("calm", CALM, [])]
    tests += [played(alert, CALM | changed, [alert]) for alert, changed in ILL.items()]
    file = tmp_path / "alerts.json"  # JSON is YAML
    rules_file = str(ROOT / "deploy" / "prometheus" / "rules.yml")
    file.write_text(json.dumps({"rule_files": [rules_file], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([tools()[1], "test", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_is_wrong_would_be_told(tmp_path):
    file = tmp_path / "wrong.json"
    rules_file = str(ROOT / "deploy" / "prometheus" / "rules.yml")
    wrong = played("calm", CALM, ["GnomonDown"])
    file.write_text(json.dumps({"rule_files": [rules_file], "evaluation_interval": "1m", "tests": [wrong]}))
    done = subprocess.run([tools()[1], "test", "rules", file], capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
