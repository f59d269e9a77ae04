"""Exports into a store that speaks S3, over a real socket: whole files, each once, whatever is killed or gone."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import PurePosixPath

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.config import ConfigInvalid
from gateway.finder import Finder
from gateway.journal.format import id_text
from gateway.journal.segments import segments
from gateway.pages import read_page
from gateway.shipper import Shipper
from gateway.shipping.stores import Folder, Remote, StoreUnavailable, store_of
from gnomon.errors import PredictionNotFound, Unavailable
from tests.journals import config_in, record, schema, writer_of
from tests.servers import S3_ENVIRONMENT, make_bucket, s3_server, started
from tests.waiting import until

X = np.arange(6, dtype=np.float32).reshape(2, 3)
SHIP = """
import sys
from pathlib import Path
from gateway.config import Config
from gateway import shipper
shipper.run(Config.from_json(Path(sys.argv[1]).read_text()))
"""
URL = "s3://exports/of/gateways"


@pytest.fixture
def s3(tmp_path, monkeypatch):
    server = s3_server(tmp_path)
    for name, value in (S3_ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}"}).items():
        monkeypatch.setenv(name, value)
    with started(server):
        yield server


def stored():
    files = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    return {path: files.cat_file(path) for path in files.find("exports")}


def rows(objects):
    return [row for data in objects.values() for row in pq.read_table(pa.BufferReader(data)).to_pylist()]


def journaled(config, segments=1, calls=50):
    writer = writer_of(config, segment_bytes=1 << 16)
    number = writer.schema(schema())
    written = set()
    for _ in range(segments):
        for _ in range(calls):
            call = record(writer, number, x=X, score=X, arrived_unix_ns=5)
            assert writer.append(call)
            written.add(id_text(call.prediction_id))
        assert writer._rotate(wait_s=5)
    writer.close()
    return written


def test_a_segment_becomes_objects_named_after_journal_segment_and_gateway(tmp_path, s3):
    make_bucket(s3, "exports")
    config = config_in(tmp_path, export_url=URL)
    config.layout.identity.write_text("00000000deadbeef")
    written = journaled(config)
    shipper = Shipper(config)
    assert shipper.step()
    objects = stored()
    folder = "exports/of/gateways/predictions/model=flights/date=1970-01-01/hour=00"
    assert set(objects) == {f"{folder}/w00-{0:016d}-v1-00000000deadbeef.parquet"}
    assert {row["prediction_id"] for row in rows(objects)} == written
    assert not list(config.layout.parquet.rglob("*.parquet"))
    assert shipper.totals["bytes"] == sum(map(len, objects.values()))
    config.layout.checkpoint("shipper").unlink()
    assert Shipper(config).step()
    assert stored() == objects


def test_what_has_left_the_host_is_traced_in_the_store(tmp_path, s3):
    make_bucket(s3, "exports")
    config = config_in(tmp_path, export_url=URL)
    config.layout.identity.write_text("00000000deadbeef")
    written = journaled(config)
    assert Shipper(config).step()
    for path in segments(config.layout.worker_journal(0)):
        path.unlink()
    finder = Finder(config.layout, store_of(URL, config.layout.parquet, "00000000deadbeef"))
    traces = [finder.by_prediction(text) for text in written]
    assert [(trace.prediction_id, trace.source) for trace in traces] == [(text, "parquet") for text in written]
    assert finder.by_request(traces[0].request_id).source == "parquet"
    other = Finder(config.layout, store_of(URL, config.layout.parquet, "another"))  # whose journals have the same names
    with pytest.raises(PredictionNotFound):
        other.by_prediction(traces[0].prediction_id)
    s3.kill()
    with pytest.raises(Unavailable, match=r"cannot be looked into: s3://exports"):
        finder.by_prediction(traces[0].prediction_id)


def test_folders_are_listed_and_removed(tmp_path, s3):
    make_bucket(s3, "exports")
    for store in (Remote(URL, "g"), Folder(tmp_path / "local")):
        assert store.folders(PurePosixPath("predictions")) == []
        for day in (1, 2):
            store.put(PurePosixPath(f"predictions/date={day}/hour=00/a.parquet"), pa.table({"request_id": ["x"]}))
        assert [path.name for path in store.folders(PurePosixPath("predictions"))] == ["date=1", "date=2"]
        store.remove(PurePosixPath("predictions/date=1"))
        assert [path.name for path in store.folders(PurePosixPath("predictions"))] == ["date=2"]


def test_a_store_that_is_gone_is_tried_again_with_a_growing_pause_and_shows(tmp_path, s3):
    config = config_in(tmp_path, export_url=URL)
    journaled(config)
    shipper = Shipper(config)
    pauses = []
    for _ in range(3):
        shipper._again = 0.0
        assert not shipper.step()  # there is no such bucket
        pauses.append(shipper._again - time.monotonic())
    assert pauses == sorted(pauses)
    assert not shipper.step()  # not yet
    shown = {item.name: item.value for item in read_page(config.layout.page("shipper"))}
    assert shown["gnomon_shipped_errors_total"] == 3
    assert shown["gnomon_consumer_pending"] == 50
    make_bucket(s3, "exports")
    shipper._again = 0.0
    assert shipper.step()
    assert len(rows(stored())) == 50


def test_a_store_behind_a_dead_port_says_so_in_a_line(tmp_path, s3):
    s3.kill()
    with pytest.raises(StoreUnavailable, match=r"^s3://exports/of/gateways: .*onnect"):
        Remote(URL, "g").put(PurePosixPath("a.parquet"), pa.table({"request_id": ["x"]}))


def test_every_call_is_in_the_store_once_when_the_shipper_is_killed_and_the_store_pauses(tmp_path, s3):
    make_bucket(s3, "exports")
    config = config_in(tmp_path, export_url=URL)
    config.layout.identity.write_text("00000000deadbeef")
    config.layout.config.write_text(config.to_json())
    written = journaled(config, segments=30)
    chance = random.Random(4)
    for round_number in range(4):
        process = subprocess.Popen([sys.executable, "-c", SHIP, str(config.layout.config)])
        enough = min(30, len(stored()) + 4)
        until(lambda: len(stored()) >= enough)  # noqa: B023
        time.sleep(chance.uniform(0.0, 0.05))
        if round_number == 1:
            s3.signal(signal.SIGSTOP)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if round_number == 1:
            s3.signal(signal.SIGCONT)
    shipper = Shipper(config)
    while shipper.step():
        pass
    found = Counter(row["prediction_id"] for row in rows(stored()))
    assert set(found) == written
    assert found.total() == len(written) == shipper.rows.total()


def test_a_file_system_that_is_no_object_store_gets_whole_files_too(tmp_path):
    store = Remote(f"dir://{tmp_path}/there", "g")
    with pytest.raises(StoreUnavailable):  # no such protocol without a target
        store.put(PurePosixPath("a.parquet"), pa.table({"request_id": ["x"]}))
    local = store_of(f"file://{tmp_path}/there", tmp_path / "unused", "g")
    assert local.put(PurePosixPath("b/a.parquet"), pa.table({"request_id": ["x"]})) > 0
    assert [path.name for path in (tmp_path / "there").rglob("*.parquet")] == ["a.parquet"]


def test_a_url_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigInvalid, match="export_url = 'bucket': a URL"):
        config_in(tmp_path, export_url="bucket")
