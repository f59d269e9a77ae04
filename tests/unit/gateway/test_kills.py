"""kill -9 of the exporters at random instants while calls are journaled: no row lost, none twice, the books balance.

GNOMON_KILLS=300 makes it as many times as the targets ask; a few by default.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from gateway.journal.format import id_text
from gateway.publisher import Publisher
from gateway.shipper import Shipper
from gateway.shipping.books import Books
from tests.journals import config_in, record, schema, writer_of
from tests.servers import nats_server, nats_url, started
from tests.streams import ids, stored

KILLS = int(os.environ.get("GNOMON_KILLS", "8"))
X = np.arange(30, dtype=np.float32).reshape(10, 3)

# Starts the process again and again, by a fork of one that has everything loaded, and kills it a moment later.
KILLER = """
import importlib, os, random, signal, sys, time
from pathlib import Path
from gateway.config import Config

role, path, kills = importlib.import_module(f"gateway.{sys.argv[1]}"), Path(sys.argv[2]), int(sys.argv[3])
if sys.argv[1] == "publisher":
    import nats
chance = random.Random(5)
for _ in range(kills):
    child = os.fork()
    if not child:
        role.run(Config.from_json(path.read_text()))
        os._exit(0)
    time.sleep(chance.uniform(0.0, 1.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def killed(config, role):
    """The ids of calls that were journaled meanwhile."""
    config.layout.config.write_text(config.to_json())
    writer = writer_of(config, segment_bytes=1 << 17)
    number = writer.schema(schema())
    written = set()
    process = subprocess.Popen([sys.executable, "-c", KILLER, role, str(config.layout.config), str(KILLS)])
    while process.poll() is None:
        call = record(writer, number, x=X, score=X)
        if writer.append(call):
            written.add(id_text(call.prediction_id))
        time.sleep(0.0005)
    assert process.returncode == 0
    writer.close()
    return written


def drained(exporter):
    assert exporter.totals["segments"] > KILLS / 4  # they were killed at work
    while exporter.step():
        pass
    exporter.close()
    return exporter.books()["w00"]


def test_every_call_is_in_one_file_once(tmp_path):
    config = config_in(tmp_path)
    written = killed(config, "shipper")
    books = drained(Shipper(config))
    paths = [path for path in config.layout.parquet.rglob("*.parquet") if not path.name.startswith(".")]
    found = Counter(value for path in paths for value in pq.read_table(path, columns=["prediction_id"])[0].to_pylist())
    assert found == dict.fromkeys(written, 1)
    assert books == Books(journaled=len(written), delivered=len(written), lost=books.lost)


def test_every_call_is_in_the_stream_once_while_the_server_is_killed_too(tmp_path):
    server = nats_server(tmp_path)
    with started(server):
        config = config_in(tmp_path / "gateway", nats_url=nats_url(server))
        config.layout.identity.write_text("00000000deadbeef")
        written = killed(config, "publisher")
        server.signal(signal.SIGKILL)
        server.process.wait()
        server.start()
        books = drained(Publisher(config))
        assert ids(stored(server)) == dict.fromkeys(written, 1)
    assert books == Books(journaled=len(written), delivered=len(written), lost=books.lost)


def holds(process, number):
    """Whether the process keeps a signal for later (Linux)."""
    (line,) = [line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "SigBlk" in line]
    return bool(int(line.split()[1], 16) >> (number - 1) & 1)


def test_an_exporter_told_to_stop_while_it_is_still_starting_delivers_what_is_sealed(tmp_path):
    config = config_in(tmp_path)
    config.layout.config.write_text(config.to_json())
    writer = writer_of(config)
    assert writer.append(record(writer, writer.schema(schema()), x=X))
    writer.close()
    whose = ["--config", str(config.layout.config), "--parent", str(os.getpid())]
    process = subprocess.Popen([sys.executable, "-m", "gateway", "shipper", *whose])
    while not holds(process, signal.SIGTERM):
        assert process.poll() is None
    process.terminate()
    assert process.wait(60) == 0
    assert Shipper(config).books()["w00"] == Books(journaled=1, delivered=1)
