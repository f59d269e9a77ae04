"""Options that several commands share, and how each prints what it found."""

import dataclasses
import enum
import getpass
import json
import math
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from gnomon.channel import ClientTls
from gnomon.errors import InvalidInput

console = Console()

Registry = Annotated[str, typer.Option("--registry", envvar="GNOMON_REGISTRY", help="HOST:PORT of the registry.")]
Gateway = Annotated[str, typer.Option("--gateway", envvar="GNOMON_GATEWAY", help="HOST:PORT of the gateway.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Actor = Annotated[
    str, typer.Option("--actor", help="Who does this; kept in the record.", default_factory=getpass.getuser)
]
TlsCa = Annotated[
    Path | None,
    typer.Option("--tls-ca", envvar="GNOMON_TLS_CA", help="PEM file of who signs the gateway's certificate."),
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option("--tls-certificate", envvar="GNOMON_TLS_CERTIFICATE", help="PEM file of ours, where it asks for one."),
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", envvar="GNOMON_TLS_KEY", help="PEM file of its key.")]

REGISTRY = "127.0.0.1:8501"
GATEWAY = "127.0.0.1:8500"


def client_tls(ca: Path | None, certificate: Path | None, key: Path | None) -> ClientTls | None:
    """None: without TLS. Raises: InvalidInput."""
    if ca is not None:
        return ClientTls(ca=ca, certificate=certificate, key=key)
    if certificate is not None or key is not None:
        raise InvalidInput("--tls-ca is missing: it says whose word is believed about who the gateway is")
    return None


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses and messages as objects, enums by name."""
    if isinstance(value, Message):
        return MessageToDict(value, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, float) and math.isnan(value):
        return None  # JSON has no such number
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def print_json(value: Any) -> None:
    """To standard output, nothing else: it may be piped."""
    print(json.dumps(plain(value), indent=2))


def table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)


def route_text(arms: Any) -> str:
    """`stable 1 99 % · canary 2 1 %`."""
    return " · ".join(f"{arm.role.name.lower()} {arm.version} {arm.weight_bp / 100:g} %" for arm in arms)


def read_toml(file: Path) -> dict[str, Any]:
    """Raises: InvalidInput for a file that cannot be read or is no TOML."""
    try:
        return tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"{file}: {error}") from None


def without_nan(value: Any) -> Any:
    """For programs: JSON has no NaN, so what could not be told is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    return [without_nan(item) for item in value] if isinstance(value, list) else value
