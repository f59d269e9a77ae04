"""Settings: three places, checked before anything is bound."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gateway.config import Config, ConfigInvalid, load
from tests.certificates import certificate


def test_later_places_win(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('workers = 2\nhttp_port = 9000\nhost = "127.0.0.2"\n')
    config = load(file, {"GNOMON_GATEWAY_WORKERS": "3", "GNOMON_GATEWAY_HTTP_PORT": "9001"}, {"workers": "4"})
    assert (config.workers, config.http_port, config.host) == (4, 9001, "127.0.0.2")


def test_it_goes_to_the_children_and_back() -> None:
    config = Config(workers=3, drift_tick_s=0.5)
    assert Config.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"workers": "many"}, "workers = 'many'"),
        ({"workers": "0"}, "workers = 0"),
        ({"workers": "65"}, "workers = 65"),
        ({"grpc_port": "70000"}, "grpc_port = 70000"),
        ({"segment_bytes": "1000"}, "segment_bytes = 1000"),
        ({"drain_timeout_s": "-1"}, "drain_timeout_s = -1"),
        ({"colour": "red"}, "colour"),
        ({"max_connection_age_s": "-1"}, "max_connection_age_s = -1"),
        ({"max_connection_age_grace_s": "0"}, "max_connection_age_grace_s = 0"),
        ({"keepalive_s": "inf"}, "keepalive_s = inf"),
        ({"keepalive_timeout_s": "nan"}, "keepalive_timeout_s = nan"),
        ({"breaker_share": "0"}, "breaker_share = 0.0"),
        ({"breaker_pause_s": "0"}, "breaker_pause_s = 0.0"),
        ({"breaker_trials": "0"}, "breaker_trials = 0"),
        ({"tls_key": "a.key"}, "tls_certificate = '', tls_key = 'a.key'"),
        ({"tls_client_ca": "ca.pem"}, "tls_client_ca = 'ca.pem'"),
        ({"tls_certificate": "nowhere.pem", "tls_key": "nowhere.key"}, "tls_certificate = 'nowhere.pem'"),
    ],
)
def test_a_bad_setting_is_named(flags: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigInvalid, match=named.replace("(", r"\(")):
        load(None, {}, flags)


def test_a_certificate_and_a_key_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    (one, key), (other, _) = certificate(tmp_path, "one"), certificate(tmp_path, "other")
    assert load(None, {}, {"tls_certificate": str(one), "tls_key": str(key)}).tls_key == str(key)
    with pytest.raises(ConfigInvalid, match=r"other\.pem"):
        load(None, {}, {"tls_certificate": str(other), "tls_key": str(key)})


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path, "one")
    locked = serialization.load_pem_private_key(key.read_bytes(), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    key.write_bytes(locked)
    with pytest.raises(ConfigInvalid, match="tls_key"):
        load(None, {}, {"tls_certificate": str(chain), "tls_key": str(key)})


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_bytes(b"\xf4\xff")
    with pytest.raises(ConfigInvalid, match=r"gateway\.toml"):
        load(tmp_path / "gateway.toml", {}, {})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="nowhere"):
        load(tmp_path / "nowhere.toml", {}, {})
    broken = tmp_path / "broken.toml"
    broken.write_text("workers = ")
    with pytest.raises(ConfigInvalid, match="broken"):
        load(broken, {}, {})


@pytest.mark.parametrize(
    "flags",
    [["--workers", "none"], ["--no-such-flag"], ["worker"], ["--tls-certificate", "none.pem", "--tls-key", "none.key"]],
)
def test_the_process_ends_with_64_and_one_line(tmp_path: Path, flags: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *flags], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 64
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
