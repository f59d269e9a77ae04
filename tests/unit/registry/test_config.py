"""Configuration from file, environment and flags, and what is refused."""

from pathlib import Path

import pytest

from gnomon.errors import InvalidInput
from registry.config import Config, load


def test_nothing_given_is_the_default() -> None:
    assert load([], {}) == Config()


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text('port = 1\nhost = "::1"\ndrain_timeout_s = 7\n')
    config = load(
        ["--config", str(file), "--port", "3"],
        {"GNOMON_REGISTRY_PORT": "2", "GNOMON_REGISTRY_HOST": "0.0.0.0", "HOME": "/"},
    )
    assert (config.port, config.host, config.drain_timeout_s) == (3, "0.0.0.0", 7.0)


BAD = {
    "a port that is no number": (["--port", "http"], "port 'http': a whole number expected"),
    "a port out of range": (["--port", "70000"], "port 70000: 0 to 65535 expected"),
    "a negative time": (["--drain-timeout-s", "-1"], "drain_timeout_s -1.0: a positive number expected"),
    "a time that is not one": (["--drain-timeout-s", "nan"], "drain_timeout_s nan"),
    "an option nobody knows": (["--prot", "1"], "unrecognized arguments: --prot 1"),
    "a level nobody knows": (["--log-level", "LOUD"], "log_level 'LOUD'"),
    "a share above 1": (["--drift-alpha", "2"], "drift_alpha 2.0"),
    "a webhook that is no address": (["--drift-webhook-url", "ftp://x"], "drift_webhook_url 'ftp://x': http:// or"),
    "a webhook without a secret": (
        ["--drift-webhook-url", "http://x"],
        "drift_webhook_secret_file '.': a file expected",
    ),
    "a file that is not there": (["--config", "/nonexistent.toml"], "config file /nonexistent.toml"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_a_bad_option_is_named(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(arguments, {})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = true", "port True"),
        ("port = 1.5", "port 1.5"),
        ("prot = 1", "'prot' is not known"),
        ("port =", "Invalid value"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load(["--config", str(file)], {})
    assert message in str(caught.value)


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(InvalidInput, match="port 'x'"):
        load([], {"GNOMON_REGISTRY_PORT": "x"})


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        load(["--help"], {})
    assert left.value.code == 0
    assert "longest wait for calls in flight" in capsys.readouterr().out
