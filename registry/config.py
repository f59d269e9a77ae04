"""What a registry is told: from a TOML file, then the environment, then flags; the later wins."""

import argparse
import contextlib
import dataclasses
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, get_type_hints

from gnomon.errors import InvalidInput

ENVIRONMENT_PREFIX = "GNOMON_REGISTRY_"
PORTS = ("port", "metrics_port")
KIND_NAMES = {int: "a whole number", float: "a number", str: "text", Path: "a path"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything a registry can be told. Raises: InvalidInput: a number out of its range."""

    dir: Path = field(
        default=Path("registry-data"), metadata={"help": "folder of the database, the artifacts and the endpoint file"}
    )
    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on"})
    port: int = field(default=8501, metadata={"help": "port to listen on; 0 picks a free one"})
    metrics_port: int = field(
        default=0, metadata={"help": "port of /metrics over HTTP, on the same address; 0: there is none"}
    )
    drain_timeout_s: float = field(default=5.0, metadata={"help": "longest wait for calls in flight when stopping"})
    rollout_interval_s: float = field(default=0.25, metadata={"help": "time between two looks at the running rollouts"})
    gateway_late_s: float = field(
        default=8.0, metadata={"help": "rollouts go no further while a gateway has reported nothing for so long"}
    )
    gateway_silent_s: float = field(
        default=60.0, metadata={"help": "a gateway that reported nothing for so long is gone, and not waited for"}
    )
    artifact_limit_bytes: int = field(default=4 * 1024**3, metadata={"help": "largest artifact taken"})
    watchers_limit: int = field(default=256, metadata={"help": "most gateways that may watch at once"})
    calls_limit: int = field(
        default=1024, metadata={"help": "most calls at once, watches included; others are refused"}
    )
    drift_ticks_kept: int = field(default=720, metadata={"help": "sub-windows of drift counts kept for each version"})
    drift_alpha: float = field(
        default=1e-3, metadata={"help": "chance of a false drift mark over all monitors of a version in one question"}
    )
    drift_tolerance: float = field(
        default=0.02,
        metadata={"help": "population stability index that is harmless, for models without a policy"},
    )
    drift_interval_s: float = field(default=10.0, metadata={"help": "time between two looks at the drift of versions"})
    drift_webhook_url: str = field(default="", metadata={"help": "where drift alarms are posted to; empty: nowhere"})
    drift_webhook_secret_file: Path = field(
        default=Path(), metadata={"help": "file of the secret that signs what is posted; needed with a URL"}
    )
    log_level: str = field(default="INFO", metadata={"help": "DEBUG, INFO, WARNING or ERROR"})

    def __post_init__(self) -> None:
        for name in PORTS:
            if not 0 <= getattr(self, name) <= 65_535:
                raise InvalidInput(f"{name} {getattr(self, name)}: 0 to 65535 expected")
        if not 0 < self.drift_alpha < 1:
            raise InvalidInput(f"drift_alpha {self.drift_alpha}: between 0 and 1 expected")
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise InvalidInput(f"log_level {self.log_level!r}: DEBUG, INFO, WARNING or ERROR expected")
        if self.drift_webhook_url and not self.drift_webhook_url.startswith(("http://", "https://")):
            raise InvalidInput(f"drift_webhook_url {self.drift_webhook_url!r}: http:// or https:// expected")
        if self.drift_webhook_url and not self.drift_webhook_secret_file.is_file():
            raise InvalidInput(f"drift_webhook_secret_file {str(self.drift_webhook_secret_file)!r}: a file expected")
        for name in (option.name for option in dataclasses.fields(self) if option.name not in PORTS):
            number = getattr(self, name)
            if isinstance(number, int | float) and not 0 < number < math.inf:
                raise InvalidInput(f"{name} {number}: a positive number expected")


def load(arguments: Sequence[str], environment: Mapping[str, str]) -> Config:
    """The configuration of this process.

    Raises: InvalidInput: naming the option, its value and what would be right.
    """
    flags = vars(_parser().parse_args(arguments))
    file = flags.pop("config")
    given = {**_from_file(file), **_from_environment(environment)}
    given |= {name: _converted(name, text) for name, text in flags.items() if text is not None}
    return Config(**given)


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving the process, so that every bad option ends the same way."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m registry", description="Gnomon's control plane.")
    parser.add_argument("--config", metavar="FILE", help="TOML file with any of the options below")
    for option in dataclasses.fields(Config):
        flag = "--" + option.name.replace("_", "-")
        parser.add_argument(
            flag, metavar="VALUE", help=f"{option.metadata['help']} ({option.default})".replace("%", "%%")
        )
    return parser


def _from_file(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        table = tomllib.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"config file {path}: {error}") from None
    return {name: _converted(name, value) for name, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    ours = {key: text for key, text in environment.items() if key.startswith(ENVIRONMENT_PREFIX)}
    named = {key.removeprefix(ENVIRONMENT_PREFIX).lower(): text for key, text in ours.items()}
    return {name: _converted(name, text) for name, text in named.items()}


def _converted(name: str, value: Any) -> Any:
    kind = get_type_hints(Config).get(name)
    if kind is None:
        raise InvalidInput(f"option {name!r} is not known")
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    with contextlib.suppress(ValueError):
        if isinstance(value, str):
            return kind(value)
    raise InvalidInput(f"{name} {value!r}: {KIND_NAMES[kind]} expected")
