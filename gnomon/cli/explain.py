"""`gnomon route explain`: which arm a call goes to, and why."""

from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf import json_format

from gnomon.cli.options import (
    GATEWAY,
    AsJson,
    Gateway,
    TlsCa,
    TlsCertificate,
    TlsKey,
    client_tls,
    console,
    print_json,
    route_text,
)
from gnomon.client import GatewayClient
from gnomon.domain import ALL_BP, Role, Route
from gnomon.errors import InvalidInput
from gnomon.gateway.v1.gateway_pb2 import Explanation
from gnomon.oip import ModelInferRequest
from gnomon.wire import decode


def explain(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    key: Annotated[str, typer.Option(help="A routing key, as the header x-routing-key.")] = "",
    header: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the call's metadata; once for each.")] = None,
    request: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A ModelInferRequest as JSON, as grpcurl takes it.")
    ] = None,
    gateway: Gateway = GATEWAY,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    as_json: AsJson = False,
) -> None:
    """Which arm a call goes to, and why: one with a key, with headers, or a whole request."""
    headers = dict(_header(text) for text in header or ())
    message = None if request is None else _message(request)
    with GatewayClient(gateway, tls=client_tls(tls_ca, tls_certificate, tls_key)) as client:
        found = client.explain(name, key, headers=headers, request=message)
        routes = [] if found.version or as_json else [decode(route, Route) for route in client.status().routes]
    if as_json:
        print_json(found)
        return
    by_turn = "".join(f"any of {route_text(route.arms)}" for route in routes if route.model == name)
    to = f"version {found.version}, {Role(found.role).name.lower()}" if found.version else by_turn
    console.print(f"{name}: {to}: {_why(found)}, epoch {found.epoch}", highlight=False, markup=False)


def _why(found: Explanation) -> str:
    share = f"{found.weight_bp / 100:g} %"
    why = {
        "key": f"the key's bucket is {found.bucket} of {ALL_BP}, the arm has {share}",
        "sequence": "without a key calls take turns",
        "pinned": "the call names it",
        "breaker": "in the place of an arm that was tripped",
    }
    return why.get(found.rule, f"{found.rule} takes it")


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"header {text!r}: KEY=VALUE expected")
    return name, value


def _message(path: Path) -> Any:
    """Raises: InvalidInput."""
    try:
        return json_format.Parse(path.read_text(), ModelInferRequest())
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: no ModelInferRequest as JSON: {error}") from None
