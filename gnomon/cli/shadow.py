"""`gnomon shadow`: what candidates answered beside the live version, and how sure one may be of it."""

from typing import Annotated

import typer

from gnomon.cli.options import (
    GATEWAY,
    REGISTRY,
    AsJson,
    Gateway,
    Registry,
    TlsCa,
    TlsCertificate,
    TlsKey,
    client_tls,
    console,
    print_json,
    table,
)
from gnomon.client import GatewayClient, RegistryClient
from gnomon.evidence import ShadowComparison, ShadowReport

app = typer.Typer(no_args_is_help=True, help="Shadows beside the live version.")

Name = Annotated[str, typer.Argument(help="The model's name.")]
COLOURS = {"pass": "green", "fail": "red"}


def _number(value: float, form: str = ".4f") -> str:
    return "-" if value != value else format(value, form)


def _where(item: ShadowComparison) -> str:
    return f"{item.slice} = {item.value}" if item.slice else "all"


def _print(report: ShadowReport) -> None:
    console.print(f"{report.model}, epochs {report.from_epoch} to {report.to_epoch}", highlight=False)
    for books in report.books:
        missing = books.shed + books.expired + books.failed
        console.print(
            f"version {books.version}: offered {books.offered} = run {books.run} + shed {books.shed} + expired "
            f"{books.expired} + failed {books.failed}; without an answer {missing}",
            highlight=False,
        )
    shown = table(
        f"pairs; at most {report.max_disagreement_share:.2%} may disagree", "shadow", "live", "where", "pairs",
        "agree", "equal", "flips ↑ ↓", "Δ p50", "Δ p99", "Δ max", "shift", "r", "rank r", "PSI", "KS", "run p50",
        "verdict",
    )  # fmt: skip
    for item in report.comparisons:
        verdict = f"need {item.need} more" if item.verdict == "need_more" else item.verdict
        colour = COLOURS.get(item.verdict, "yellow")
        shown.add_row(
            str(item.version), str(item.live_version), _where(item), str(item.pairs), _number(item.agreement, ".2%"),
            _number(item.equal / item.pairs if item.pairs else float("nan"), ".1%"),
            f"{item.flips_up} {item.flips_down}", _number(item.delta_p50), _number(item.delta_p99),
            _number(item.delta_max), _number(item.mean_shift, "+.4f"), _number(item.pearson, ".3f"),
            _number(item.rank_correlation, ".3f"), _number(item.psi, ".3f"), _number(item.ks, ".3f"),
            _number(item.run_p50_us, ".0f") + " µs", f"[{colour}]{verdict}[/{colour}]",
        )  # fmt: skip
    console.print(shown)
    for item in report.comparisons:
        if not item.slice:
            console.print(f"version {item.version}: {item.reason}", highlight=False)


@app.command()
def show(
    name: Name,
    from_epoch: Annotated[int, typer.Option(help="Pairs since this epoch; since the one in force by default.")] = 0,
    max_share: Annotated[float, typer.Option(help="Share of the pairs that may disagree.")] = 0.01,
    alpha: Annotated[float, typer.Option(help="Chance of a wrong verdict, however often one looks.")] = 0.05,
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Every shadow beside every live version it saw calls of, over all pairs and by slice."""
    with RegistryClient(registry) as client:
        report = client.get_shadow(name, from_epoch, max_disagreement_share=max_share, alpha=alpha)
    if as_json:
        print_json(report)
    else:
        _print(report)


@app.command()
def disagreements(
    name: Name,
    version: Annotated[int, typer.Option(help="Of this shadow only.")] = 0,
    limit: Annotated[int, typer.Option(help="So many at most, the newest first.")] = 20,
    gateway: Gateway = GATEWAY,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    as_json: AsJson = False,
) -> None:
    """Rows that were scored furthest apart, to be looked at (`gnomon trace ID`) and labelled."""
    with GatewayClient(gateway, tls=client_tls(tls_ca, tls_certificate, tls_key)) as client:
        found = client.disagreements(name, version)[:limit]
    if as_json:
        print_json(found)
        return
    shown = table(f"{name}: scores furthest apart", "prediction", "row", "epoch", "shadow", "live", "shadow's", "Δ")
    for item in found:
        shown.add_row(
            item.prediction_id, str(item.row), str(item.epoch), str(item.version), _number(item.live),
            _number(item.shadow), _number(item.shadow - item.live, "+.4f"),
        )  # fmt: skip
    console.print(shown)
