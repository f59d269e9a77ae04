"""Every call of a sealed segment is in the stream once, whatever is killed: publisher, server, a node of three."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time

import nats
import numpy as np
import pytest

from gateway import retention
from gateway.config import ConfigInvalid
from gateway.journal.cursor import Checkpoint
from gateway.journal.format import id_text
from gateway.journal.segments import segments
from gateway.pages import read_page
from gateway.publisher import Publisher
from gateway.shipping.books import Books
from gateway.shipping.jetstream import Stream, StreamUnavailable, Tail
from gateway.shipping.messages import Message
from tests.journals import config_in, record, schema, writer_of
from tests.servers import nats_cluster, nats_server, nats_url, started
from tests.streams import ids, stored
from tests.waiting import until

X = np.arange(6, dtype=np.float32).reshape(2, 3)
GATEWAY = "00000000deadbeef"
SUBJECT = f"gnomon.predictions.flights.{GATEWAY}.w00"
PUBLISH = """
import sys
from pathlib import Path
from gateway.config import Config
from gateway import exporter, publisher
from gateway.shipping import jetstream
exporter.LONGEST_RETRY_S = jetstream.REPLY_TIMEOUT_S = 1.0  # tests do not wait as long as operators
publisher.run(Config.from_json(Path(sys.argv[1]).read_text()))
"""


def gateway(tmp_path, *servers, **settings):
    config = config_in(tmp_path / "gateway", nats_url=nats_url(*servers), **settings)
    config.layout.identity.write_text(GATEWAY)
    config.layout.config.write_text(config.to_json())
    return config


def journaled(config, count=1, calls=50, **fields):
    """Sealed segments; the ids of their calls."""
    writer = writer_of(config, segment_bytes=1 << 16)
    number = writer.schema(schema())
    written = set()
    for _ in range(count):
        for _ in range(calls):
            call = record(writer, number, x=X, score=X, **fields)
            assert writer.append(call)
            written.add(id_text(call.prediction_id))
        assert writer._rotate(wait_s=5)
    writer.close()
    return written


def drained(config):
    publisher = Publisher(config)
    while publisher.step():
        pass
    publisher.close()
    return publisher


@pytest.fixture
def broker(tmp_path):
    server = nats_server(tmp_path)
    with started(server):
        yield server


def test_a_segment_becomes_record_batches_under_its_models_subject(tmp_path, broker):
    config = gateway(tmp_path, broker)
    written = journaled(config)
    publisher = drained(config)
    ((subject, headers, table),) = stored(broker)
    assert subject == SUBJECT
    assert headers["Gnomon-Sequence"] == "0-49"
    assert headers["Nats-Msg-Id"] == f"{SUBJECT}/0-49"
    assert set(table["prediction_id"].to_pylist()) == written
    assert table["input.x[2]"].to_pylist() == [[2.0, 5.0]] * 50
    assert table.schema.field("input.x[2]").metadata[b"datatype"] == b"FP32"
    assert publisher.rows["predictions", "flights", "answered"] == 50
    shown = {item.name: item.value for item in read_page(config.layout.page("publisher"))}
    assert (shown["gnomon_published_rows_total"], shown["gnomon_published_messages_total"]) == (50, 1)
    assert shown["gnomon_consumer_pending"] == 0


def test_versions_take_turns_and_models_with_dots_have_subjects_of_their_own(tmp_path, broker):
    config = gateway(tmp_path, broker)
    writer = writer_of(config)
    numbers = [writer.schema(schema("a.b", version)) for version in (1, 2)]
    for call in range(20):
        assert writer.append(record(writer, numbers[call % 2], x=X, score=X, version=1 + call % 2))
    assert writer.append(record(writer, 0))
    writer.close()
    drained(config)
    by_subject = {subject: table for subject, _, table in stored(broker)}
    named = by_subject[f"gnomon.predictions.a%2Eb.{GATEWAY}.w00"]
    assert named["sequence"].to_pylist() == list(range(20))
    assert named["version"].to_pylist() == [1, 2] * 10
    assert by_subject[f"gnomon.predictions._unknown.{GATEWAY}.w00"].num_rows == 1


def test_what_is_published_again_long_after_the_duplicate_window_is_not_there_twice(tmp_path, broker):
    async def make():
        client = await nats.connect(nats_url(broker))
        await client.jsm().add_stream(name="gnomon", subjects=["gnomon.>"], duplicate_window=0.1)
        await client.close()

    asyncio.run(make())
    config = gateway(tmp_path, broker)
    written = journaled(config, count=3)
    drained(config)
    config.layout.checkpoint("publisher").unlink()
    time.sleep(0.3)  # past the window: the server has forgotten the ids
    more = journaled(config)
    publisher = drained(config)
    assert ids(stored(broker)) == dict.fromkeys(written | more, 1)
    assert publisher.books()["w00"] == Books(journaled=200, delivered=200)


def test_a_message_that_comes_late_after_its_repetition_is_refused(tmp_path, broker):
    streams = [Stream(gateway(tmp_path, broker)) for _ in range(2)]
    data = Message(0, 9, b"x")
    assert [stream.tail(SUBJECT) for stream in streams] == [Tail(), Tail()]  # both believe to be the next
    streams[0].publish(SUBJECT, data)
    with pytest.raises(StreamUnavailable, match="wrong last sequence"):
        streams[1].publish(SUBJECT, Message(0, 4, b"y"))
    assert streams[1].tail(SUBJECT) == Tail(1, 9)  # it looked again
    for stream in streams:
        stream.close()


def test_messages_fit_the_server_and_a_call_that_fits_none_goes_without_its_tensors(tmp_path, broker):
    config = gateway(tmp_path, broker, segment_bytes=8 << 20)
    writer = writer_of(config)
    number = writer.schema(schema())
    noise = np.random.default_rng(1).normal(size=(120_000, 3)).astype(np.float32)
    for size in (20_000, 20_000, 120_000, 20_000, 20_000):
        assert writer.append(record(writer, number, x=noise[:size], request_id=b"%d" % size))
    writer.close()
    publisher = drained(config)
    found = stored(broker)
    assert [headers["Gnomon-Sequence"] for _, headers, _ in found][-1].endswith("4")
    rows = [row for _, _, table in found for row in table.to_pylist()]
    assert [row["request_id"] for row in rows] == ["20000", "20000", "120000", "20000", "20000"]
    assert [row["input.x[0]"] is None for row in rows] == [False, False, True, False, False]
    assert publisher.totals["bare"] == 1


def test_without_a_server_segments_wait_and_show_until_retention_ends_it(tmp_path):
    server = nats_server(tmp_path)
    config = gateway(tmp_path, server, retention_bytes=30_000)
    journaled(config, count=8)
    publisher = Publisher(config)
    assert not publisher.step()
    assert publisher._again > time.monotonic()
    shown = {item.name: item.value for item in read_page(config.layout.page("publisher"))}
    assert shown["gnomon_published_errors_total"] == 1
    assert shown["gnomon_consumer_pending"] == 400
    left = segments(config.layout.worker_journal(0))
    gone = retention.apply(config)
    assert 0 < len(gone) < len(left)
    assert publisher.books()["w00"] == Books(journaled=400, pending=400 - 50 * len(gone), expired=50 * len(gone))
    with started(server):
        publisher._again = 0.0
        while publisher.step():
            pass
        books = publisher.books()["w00"]
        assert books == Books(journaled=400, delivered=400 - 50 * len(gone), expired=50 * len(gone))
        assert ids(stored(server)).total() == books.delivered
        publisher.close()


def test_retention_waits_for_the_publisher_only_where_there_is_one(tmp_path):
    for url, removed in (("", 1), ("nats://127.0.0.1:1", 0)):
        config = config_in(tmp_path / f"of-{removed}", nats_url=url, retention_s=-1.0)
        journaled(config, count=2)
        ends = {"w00": [50, 0, 100]}
        for name in ("observer", "shadow", "shipper"):
            Checkpoint(config.layout.checkpoint(name)).save(ends, {})
        assert len(retention.apply(config)) == removed


def run_publisher(config):
    return subprocess.Popen([sys.executable, "-c", PUBLISH, str(config.layout.config)], stderr=subprocess.DEVNULL)


def published(config):
    """Rows that the publisher has counted."""
    page = config.layout.page("publisher")
    found = read_page(page) if page.exists() else []
    return sum(item.value for item in found if item.name == "gnomon_published_rows_total")


def test_every_call_is_in_the_stream_once_when_publisher_and_server_are_killed_at_any_instant(tmp_path):
    server = nats_server(tmp_path)
    config = gateway(tmp_path, server)
    chance = random.Random(6)
    written = set()
    with started(server):
        process = run_publisher(config)
        for round_number in range(4):
            before = published(config)
            written |= journaled(config, count=20, calls=30)
            until(lambda: published(config) > before)  # noqa: B023
            time.sleep(chance.uniform(0.0, 0.05))
            if round_number % 2:
                server.kill()
                time.sleep(chance.uniform(0.0, 0.5))
                server.start()
            else:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                process = run_publisher(config)
        until(lambda: published(config) == len(written), timeout_s=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert ids(stored(server)) == dict.fromkeys(written, 1)


def test_every_call_is_in_the_stream_once_when_the_server_hangs_and_answers_late(tmp_path):
    """As in a partition: what was given up meanwhile lies in the socket, and arrives after all."""
    server = nats_server(tmp_path)
    config = gateway(tmp_path, server)
    written = set()
    with started(server):
        process = run_publisher(config)
        for _ in range(2):
            before = published(config)
            written |= journaled(config, count=20, calls=30)
            until(lambda: published(config) > before)  # noqa: B023
            server.signal(signal.SIGSTOP)
            time.sleep(2.5)  # the publisher gives up, and sends again
            server.signal(signal.SIGCONT)
        until(lambda: published(config) == len(written), timeout_s=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert ids(stored(server)) == dict.fromkeys(written, 1)


def leader_of(cluster, stream="gnomon"):
    """The node that leads the stream, as it tells."""

    async def ask():
        client = await nats.connect(nats_url(*cluster).split(","), connect_timeout=5)
        try:
            return (await client.jsm().stream_info(stream)).cluster.leader
        finally:
            await client.close()

    return int(asyncio.run(ask()).removeprefix("n"))


@pytest.mark.parametrize("ill", [signal.SIGKILL, signal.SIGSTOP])
def test_every_call_is_in_a_stream_of_three_copies_once_when_its_leader_is_killed_or_cut_off(tmp_path, ill):
    """One that is stopped is as one behind a partition: it leads on in its own eyes, until it hears of the others."""
    cluster = nats_cluster(tmp_path)
    config = gateway(tmp_path, *cluster, nats_replicas=3)
    with started(*cluster):
        process = run_publisher(config)
        written = journaled(config, count=10, calls=30)
        until(lambda: published(config) == len(written), timeout_s=120)  # three nodes elect first
        victim = cluster[leader_of(cluster)]
        before = published(config)
        written |= journaled(config, count=30, calls=30)
        until(lambda: published(config) > before)
        victim.signal(ill)
        written |= journaled(config, count=5, calls=30)
        until(lambda: published(config) == len(written), timeout_s=90)
        if ill == signal.SIGKILL:
            victim.process.wait()
            victim.start()
        else:
            victim.signal(signal.SIGCONT)
        written |= journaled(config, count=5, calls=30)
        until(lambda: published(config) == len(written), timeout_s=90)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert ids(stored(*cluster)) == dict.fromkeys(written, 1)


@pytest.mark.parametrize(
    ("name", "value"), [("nats_stream", "a.b"), ("nats_subject", "a.*"), ("nats_subject", ""), ("nats_replicas", 6)]
)
def test_a_setting_that_no_stream_can_have_is_refused(tmp_path, name, value):
    with pytest.raises(ConfigInvalid, match=f"{name} = "):
        config_in(tmp_path, **{name: value})
