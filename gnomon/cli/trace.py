"""`gnomon trace`: one prediction, from the row that came in to who approved what answered it."""

import datetime
import struct
from typing import Annotated, Any

import numpy as np
import typer

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
    table,
)
from gnomon.client import GatewayClient
from gnomon.domain import Role

WIDTHS = {
    "BOOL": "?", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "u1", "UINT16": "<u2",
    "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
SHOWN_VALUES = 64


def values(tensor: Any) -> list[Any]:
    """A traced tensor's elements, flat."""
    if tensor.datatype in WIDTHS:
        numbers: list[Any] = np.frombuffer(tensor.raw, WIDTHS[tensor.datatype]).tolist()
        return numbers
    found: list[Any] = []
    at = 0
    while at < len(tensor.raw):
        (size,) = struct.unpack_from("<I", tensor.raw, at)
        found.append(tensor.raw[at + 4 : at + 4 + size].decode("utf-8", "replace"))
        at += 4 + size
    return found


def _tensor_text(tensor: Any) -> str:
    flat = values(tensor)
    if tensor.columns and len(tensor.columns) == len(flat):
        return ", ".join(f"{name} {value:g}" for name, value in zip(tensor.columns, flat, strict=True))
    more = f" … {len(flat)} values" if len(flat) > SHOWN_VALUES else ""
    return f"{flat[:SHOWN_VALUES]}{more}"


def _decision_text(decision: Any) -> str:
    at = datetime.datetime.fromtimestamp(decision.decided_unix_ms / 1e3, datetime.UTC).isoformat(timespec="seconds")
    verdicts = "; ".join(f"{each.gate}: {each.verdict}, {each.reason}" for each in decision.verdicts)
    why = " ".join(part for part in (decision.gate, decision.reason) if part)
    return " · ".join(part for part in (f"{at} {decision.action}, epoch {decision.epoch}", why, verdicts) if part)


def _print(found: Any) -> None:
    version, why = found.version, found.why
    arrived = datetime.datetime.fromtimestamp(found.arrived_unix_ns / 1e9, datetime.UTC).isoformat(
        timespec="milliseconds"
    )
    shown = table(f"prediction {found.prediction_id}", "", "")
    rows = {
        "status": f"{found.status} {found.reason}".strip(),
        "arrived": f"{arrived}, in {found.total_us} µs (model {found.run_us} µs)",
        "found in": f"{found.source} of {found.journal}, sequence {found.sequence}",
    }
    if found.trace_id:
        rows["in trace"] = found.trace_id
    if why.version:
        rows["answered by"] = f"{why.model} version {why.version}, {Role(why.role).name.lower()}"
        rows["because"] = f"epoch {why.epoch}, rule {why.rule}, bucket {why.bucket}, weight {why.weight_bp / 100:g} %"
        rows["artifact"] = found.artifact_sha256
        rows["trained on"] = f"{version.lineage.data_description} ({version.lineage.data_sha256[:16] or 'no digest'})"
        rows["by code"] = version.lineage.git_commit or "-"
        rows["approved by"] = (
            f"{version.approval.approver}: {version.approval.note}" if version.HasField("approval") else "-"
        )
    for number, decision in enumerate(found.decisions):
        rows["decided" if not number else f"decided ({number + 1})"] = _decision_text(decision)
    if found.others:
        rows["same request id"] = ", ".join(found.others)
    for tensor in found.inputs:
        rows[f"in: {tensor.name}"] = _tensor_text(tensor)
    for tensor in found.outputs:
        rows[f"out: {tensor.name}"] = _tensor_text(tensor)
    if found.HasField("rescore"):
        rows["scored again"] = "the same bytes" if found.rescore.equal else "[red]DIFFERENT bytes[/red]"
    for name, text in rows.items():
        shown.add_row(name, text)
    console.print(shown)


def trace(
    prediction_id: Annotated[str, typer.Argument(help="The id that came with the answer.")] = "",
    request_id: Annotated[
        str, typer.Option("--request-id", help="Instead: the id the client gave its call; the newest is shown.")
    ] = "",
    rescore: Annotated[bool, typer.Option("--rescore", help="Run the row again and compare the bytes.")] = False,
    gateway: Gateway = GATEWAY,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    as_json: AsJson = False,
) -> None:
    """What became of one prediction: the row, the score, the version and why it, its lineage and approver."""
    if bool(prediction_id) == bool(request_id):
        raise typer.BadParameter("a prediction id, or --request-id; one of both")
    with GatewayClient(gateway, timeout_s=60.0, tls=client_tls(tls_ca, tls_certificate, tls_key)) as client:
        found = client.trace(prediction_id, rescore=rescore, request_id=request_id)
    print_json(found) if as_json else _print(found)
    if found.HasField("rescore") and not found.rescore.equal:
        raise typer.Exit(1)
