"""A log policy is followed before anything leaves: what it masks is in no file and no message, however it is named."""

import io
from datetime import UTC, datetime
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.desired import effective
from gateway.journal.format import ANSWERED, INPUT, LIVE_OUTPUT, OUTPUT
from gateway.journal.writer import Record, TensorRecord
from gateway.publisher import Publisher
from gateway.shipper import Shipper
from gateway.shipping.digests import digest
from gateway.shipping.expiry import expired_days, is_expired
from gateway.shipping.policy import KEY_VARIABLE
from gateway.shipping.stores import Folder
from gateway.tensors import bytes_raw
from gateway.verifying.report import verify
from gnomon.domain import ColumnRule, DesiredState, LogPolicy, ModelState, Treatment, Version
from gnomon.evidence import LoadFailure
from gnomon.profile.v1 import profile_pb2
from gnomon.wire import message_of
from tests.journals import config_in, put_version, route, schema, writer_of
from tests.servers import nats_server, nats_url, started
from tests.streams import stored

KEY = "a key of sixteen bytes and more"
SECRET = 4711.25  # a feature of every call
WORD = b"TAX-ID-DE811871080"
CALLER = b"caller-of-the-secret"
TRACE = bytes(range(200, 216))
CALLS = 200
SCHEMA = schema() | {
    "inputs": [
        {"name": "x", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "words", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "image", "datatype": "FP32", "shape": [-1, 2, 2]},
    ]
}
PROFILE = profile_pb2.Profile(monitors=[profile_pb2.Monitor(name="income", tensor="x", column=1)])


def exported(tmp_path, monkeypatch, *rules, journal_shape=(1, 3), **fields):
    """A gateway whose policy has these rules, with calls that carry the secrets, exported: its folder."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    config = config_in(tmp_path / "gateway")
    put_policy(config, *rules, **fields)
    journal(config, journal_shape)
    shipper = Shipper(config)
    while shipper.step():
        pass
    return config


def put_policy(config, *rules, profile=PROFILE, **fields):
    version = put_version(config.layout, 1, b"artifact", profile=profile.SerializeToString())
    policy = LogPolicy(model="flights", rules=tuple(ColumnRule(column=c, treatment=t) for c, t in rules), **fields)
    state = ModelState(route=route(), versions=(version,), log_policy=policy)
    message = message_of(DesiredState(revision=2, models=(state,)))
    config.layout.snapshot.write_bytes(message.SerializeToString())


def journal(config, shape=(1, 3)):
    writer = writer_of(config)
    number = writer.schema(SCHEMA)
    for call in range(CALLS):
        x = np.array([call, SECRET, -call], np.float32).reshape(shape)
        tensors = [
            TensorRecord(INPUT, 0, "FP32", shape, x.tobytes()),
            TensorRecord(INPUT, 1, "BYTES", (1, 1), bytes_raw([WORD])),
            TensorRecord(INPUT, 2, "FP32", (1, 2, 2), np.full(4, SECRET, np.float32).tobytes()),
            TensorRecord(OUTPUT, 0, "FP32", (1, 3), x.tobytes()),
        ]
        written = Record(
            writer.next_id(5), ANSWERED, 5, number, version=1, role=1, epoch=1, rows=1, tensors=tensors,
            request_id=CALLER, key_hash=1 << 40, trace_id=TRACE,
        )  # fmt: skip
        assert writer.append(written)
    writer.close()


def files(config):
    return [path for path in config.layout.root.rglob("*.parquet") if path.is_file()]


def table_of(config):
    (path,) = files(config)
    return pq.read_table(path, partitioning=None)


def everywhere(data, table):
    """Bytes as they are stored, and all of them once more without compression or dictionaries."""
    plain = io.BytesIO()
    pq.write_table(table, plain, compression="none", use_dictionary=False)
    return data + plain.getvalue()


FLOAT = np.float32(SECRET).tobytes()
MASK_ALL = [("x[1]", "MASK"), ("words", "MASK"), ("image", "MASK"), ("score[1]", "MASK"), ("request_id", "MASK")]


def test_without_a_policy_the_secrets_are_in_the_file(tmp_path, monkeypatch):
    config = exported(tmp_path, monkeypatch)
    data = everywhere(files(config)[0].read_bytes(), table_of(config))
    assert all(secret in data for secret in (FLOAT, WORD, CALLER, TRACE.hex().encode()))


@pytest.mark.parametrize("treatment", [Treatment.DROP, Treatment.MASK, Treatment.HASH])
@pytest.mark.parametrize("names", [("x[1]", "score[1]"), ("input.x[1]", "output.score[1]"), ("income", "score")])
def test_what_is_not_kept_is_in_no_byte_of_any_file(tmp_path, monkeypatch, treatment, names):
    columns = [*names, "words[0]", "image", "request_id", "trace_id"]
    config = exported(tmp_path, monkeypatch, *((column, treatment) for column in columns))
    (path,) = files(config)
    table = table_of(config)
    data = everywhere(path.read_bytes(), table)
    assert not [secret for secret in (FLOAT, WORD, CALLER, TRACE.hex().encode(), KEY.encode()) if secret in data]
    assert table["input.x[0]"].to_pylist() == [[float(call)] for call in range(CALLS)]
    assert table["status"].to_pylist() == ["answered"] * CALLS
    if treatment is Treatment.MASK:
        assert table["input.x[1]"].to_pylist() == [[None]] * CALLS
        assert set(table["request_id"].to_pylist()) == set(table["trace_id"].to_pylist()) == {"***"}
    if treatment is Treatment.DROP:
        assert not {"input.x[1]", "input.image", "input.words[0]"} & set(table.column_names)
        assert table["request_id"].null_count == table["trace_id"].null_count == CALLS
    if treatment is Treatment.HASH:
        expected = digest(FLOAT, KEY.encode()).hex()
        assert table["input.x[1]"].to_pylist() == [[expected]] * CALLS
        assert table["input.words[0]"].to_pylist() == [[digest(WORD, KEY.encode()).hex()]] * CALLS
        assert set(table["request_id"].to_pylist()) == {digest(CALLER, KEY.encode()).hex()}


def test_a_masked_value_is_in_no_message_of_the_stream(tmp_path, monkeypatch):
    server = nats_server(tmp_path)
    config = config_in(tmp_path / "gateway", nats_url=nats_url(server))
    put_policy(config, *((column, Treatment[what]) for column, what in MASK_ALL))
    journal(config)
    with started(server):
        publisher = Publisher(config)
        assert publisher.step()
        publisher.close()
        found = stored(server)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "nats").rglob("*.blk"))
    assert found
    for _, headers, table in found:
        data = everywhere(kept + repr(headers).encode(), table)
        assert not [secret for secret in (FLOAT, WORD, CALLER) if secret in data]
        assert b"prediction_id" in data


def test_a_call_of_another_shape_hides_no_masked_feature(tmp_path, monkeypatch):
    config = exported(tmp_path, monkeypatch, *((c, Treatment[w]) for c, w in MASK_ALL), journal_shape=(3, 1))
    table = table_of(config)
    assert table["input.x"].to_pylist() == [[None] * 3] * CALLS
    assert FLOAT not in everywhere(files(config)[0].read_bytes(), table)


def test_a_rule_that_names_nothing_masks_everything(tmp_path, monkeypatch, caplog):
    config = exported(tmp_path, monkeypatch, ("incmoe", Treatment.MASK), profile=profile_pb2.Profile())
    table = table_of(config)
    tensors = [name for name in table.column_names if name.startswith(("input", "output")) and "shape" not in name]
    assert tensors
    assert all(value is None for name in tensors for row in table[name].to_pylist() for value in row)
    assert "version 1 has nothing called incmoe" in caplog.text


def test_only_what_is_kept_leaves_where_all_others_are_dropped(tmp_path, monkeypatch):
    config = exported(tmp_path, monkeypatch, ("x[0]", Treatment.KEEP), otherwise=Treatment.DROP)
    names = [name for name in table_of(config).column_names if name.startswith(("input.", "output."))]
    assert [name for name in names if not name.endswith(".shape")] == ["input.x[0]"]


@pytest.mark.parametrize("share_bp", [0, 2_000, 10_000])
def test_of_calls_that_are_not_sampled_the_tensors_stay_and_the_rest_leaves(tmp_path, monkeypatch, share_bp):
    config = exported(tmp_path, monkeypatch, sample_bp=share_bp)
    table = table_of(config)
    assert table.num_rows == CALLS
    sampled = table["sampled"].to_pylist()
    assert [row is not None for row in table["input.x[0]"].to_pylist()] == sampled
    assert [row is not None for row in table["input.image"].to_pylist()] == sampled
    assert set(table["request_id"].to_pylist()) == {CALLER.decode()}
    expected = CALLS * share_bp / 10_000
    assert abs(sum(sampled) - expected) <= 4 * (expected * (1 - share_bp / 10_000)) ** 0.5


def test_a_shadows_call_is_sampled_with_its_parent(tmp_path, monkeypatch):
    config = exported(tmp_path, monkeypatch, sample_bp=5_000)
    live = dict(zip(*(table_of(config)[name].to_pylist() for name in ("prediction_id", "sampled")), strict=True))
    writer = writer_of(config, slot=4095)
    number = writer.schema(SCHEMA | {"live_outputs": SCHEMA["outputs"]})
    tensors = [TensorRecord(side, 0, "FP32", (1, 3), bytes(12)) for side in (OUTPUT, LIVE_OUTPUT)]
    for text in live:
        parent = bytes.fromhex(text.replace("-", ""))
        written = Record(writer.next_id(9), ANSWERED, 5, number, version=1, role=3, tensors=tensors, parent_id=parent)
        assert writer.append(written)
    writer.close()
    writer.folder.rename(config.layout.shadow_journal)
    assert Shipper(config).step()
    (path,) = (config.layout.parquet / "shadow").rglob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    assert dict(zip(*(table[name].to_pylist() for name in ("parent_id", "sampled")), strict=True)) == live


def test_a_rule_for_an_output_is_also_for_what_the_live_version_had_answered(tmp_path, monkeypatch):
    config = config_in(tmp_path)
    put_policy(config, ("output.score", Treatment.MASK))
    writer = writer_of(config, slot=4095)
    number = writer.schema(schema() | {"live_outputs": schema()["outputs"]})
    tensors = [TensorRecord(side, 0, "FP32", (1, 3), FLOAT * 3) for side in (OUTPUT, LIVE_OUTPUT)]
    assert writer.append(Record(writer.next_id(1), ANSWERED, 5, number, version=1, tensors=tensors))
    writer.close()
    writer.folder.rename(config.layout.shadow_journal)
    assert Shipper(config).step()
    assert FLOAT not in everywhere(files(config)[0].read_bytes(), table_of(config))


def test_nothing_leaves_while_the_policies_are_not_known(tmp_path, monkeypatch):
    config = config_in(tmp_path)
    put_policy(config, ("x", Treatment.MASK))
    journal(config)
    good = config.layout.snapshot.read_bytes()
    config.layout.snapshot.write_bytes(b"\xff\xff")
    shipper = Shipper(config)
    assert not shipper.step()
    assert not files(config)
    config.layout.snapshot.rename(config.layout.snapshot.with_suffix(".corrupt"))  # as a supervisor puts it aside
    shipper._again = 0.0
    assert not shipper.step()
    config.layout.snapshot.write_bytes(good)
    shipper._again = 0.0
    assert shipper.step()
    assert FLOAT not in table_of(config)["input.x[1]"].combine_chunks().values.to_numpy(zero_copy_only=False).tobytes()


def test_nothing_leaves_that_is_to_be_hashed_without_a_key(tmp_path, monkeypatch, caplog):
    config = config_in(tmp_path)
    put_policy(config, ("x", Treatment.HASH))
    journal(config)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    shipper = Shipper(config)
    assert not shipper.step()
    monkeypatch.setenv(KEY_VARIABLE, "short")
    shipper._again = 0.0
    assert not shipper.step()
    assert not files(config)
    assert "GNOMON_HASH_KEY has 5 bytes: 16 to 64 expected" in caplog.text
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    shipper._again = 0.0
    assert shipper.step()


def test_a_changed_policy_is_followed_from_the_next_segment_on(tmp_path, monkeypatch):
    config = exported(tmp_path, monkeypatch)
    put_policy(config, ("x", Treatment.DROP))
    journal(config)
    assert Shipper(config).step()
    columns = [set(pq.read_schema(path).names) for path in sorted(files(config))]
    assert ["input.x[0]" in names for names in columns] == [True, False]


def test_a_tighter_policy_holds_at_once_for_a_model_that_cannot_be_loaded():
    def state(*rules):
        policy = LogPolicy(model="flights", rules=rules)
        version = Version(model="flights", version=1, artifact_sha256="a" * 64)
        return DesiredState(models=(ModelState(route=route(), versions=(version,), log_policy=policy),))

    wanted = state(ColumnRule(column="x", treatment=Treatment.DROP))
    found = effective(wanted, state(), [LoadFailure(model="flights", version=1, reason="broken")])
    assert found.models[0].log_policy == wanted.models[0].log_policy


@pytest.mark.parametrize(
    ("name", "retention_s", "gone"),
    [
        ("date=2026-01-29", 86_400, True), ("date=2026-01-30", 86_400, False), ("date=2026-01-31", 1, False),
        ("date=2020-01-01", 10 * 365 * 86_400, False), ("hour=07", 1, False), ("date=2026-13-01", 1, False),
    ],
)  # fmt: skip
def test_a_day_goes_when_all_of_it_is_older_than_the_policy_keeps(name, retention_s, gone):
    assert is_expired(name, retention_s, datetime(2026, 1, 31, 12, tzinfo=UTC)) is gone


def test_expired_days_of_a_model_are_removed_and_nothing_else(tmp_path, monkeypatch):
    config = exported(tmp_path, monkeypatch, retention_s=86_400)  # its calls are of 1970
    other = PurePosixPath("predictions/model=other/date=1970-01-01/hour=00/a.parquet")
    Folder(config.layout.parquet).put(other, pa.table({"request_id": ["x"]}))
    assert Shipper(config).totals["segments"] == 1
    store = Folder(config.layout.parquet)
    gone = expired_days(store, {"flights": 86_400}, datetime.now(UTC))
    assert [str(path) for path in gone] == ["predictions/model=flights/date=1970-01-01"]
    store.remove(gone[0])
    assert [path.parts[-4] for path in files(config)] == ["model=other"]


def test_the_shipper_removes_what_the_policy_in_force_keeps_no_longer(tmp_path, monkeypatch):
    config = exported(tmp_path, monkeypatch)
    assert len(files(config)) == 1
    put_policy(config, retention_s=86_400)
    shipper = Shipper(config)
    shipper.step()
    assert not files(config)
    assert shipper.totals["expired_days"] == 1
    report = verify(config.layout)
    assert report.problems == []
    assert any("a log policy has had days of them removed" in note for note in report.notes)
