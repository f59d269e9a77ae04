"""`gnomon model log-policy`: what of a model's predictions leaves the gateways' hosts."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from gnomon.cli.options import REGISTRY, Actor, AsJson, Registry, console, print_json, read_toml, table
from gnomon.client import RegistryClient
from gnomon.domain import ALL_BP, ColumnRule, LogPolicy, Treatment
from gnomon.errors import InvalidInput

DAY_S = 86_400
SETTINGS = ("sample", "others", "retention_days", *(one.name.lower() for one in Treatment))
Columns = list[str]


def log_policy(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    actor: Actor,
    sample: Annotated[float | None, typer.Option(help="Share of the calls whose tensors leave, 0 to 1.")] = None,
    keep: Annotated[Columns | None, typer.Option(help="Column that leaves as it is: features[3], features, …")] = None,
    drop: Annotated[Columns | None, typer.Option(help="Column that does not leave.")] = None,
    mask: Annotated[Columns | None, typer.Option(help="Column that leaves without values.")] = None,
    hash: Annotated[Columns | None, typer.Option(help="Column that leaves as keyed digests.")] = None,  # noqa: A002
    others: Annotated[str | None, typer.Option(help="keep, drop, mask or hash: tensors that no rule names.")] = None,
    retention_days: Annotated[float | None, typer.Option(help="Exported files go after this; 0: never.")] = None,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="TOML with these settings.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = "",
    registry: Registry = REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Show a model's log policy or, with any setting, replace it, whole. Columns are features[3], features (all of a
    tensor), a feature's name in the profile, request_id, trace_id, reason or key_hash.
    """
    flags = {"sample": sample, "keep": keep, "drop": drop, "mask": mask, "hash": hash, "others": others}
    flags |= {"retention_days": retention_days}
    settings = _of_file(file) | {setting: value for setting, value in flags.items() if value is not None}
    with RegistryClient(registry) as client:
        if settings:
            policy = client.set_log_policy(policy_of(name, settings, actor, reason))
        else:
            policy = client.get_log_policy(name)
    if as_json:
        print_json(policy)
    else:
        _show(policy)


def policy_of(name: str, settings: dict[str, Any], actor: str, reason: str) -> LogPolicy:
    """Raises: InvalidInput for a setting that no policy can have."""
    unknown = sorted(set(settings) - set(SETTINGS))
    if unknown:
        raise InvalidInput(f"unknown settings {unknown}; known are {list(SETTINGS)}")
    rules = [
        ColumnRule(column=column, treatment=treatment)
        for treatment in Treatment
        for column in settings.get(treatment.name.lower(), ())
    ]
    return LogPolicy(
        model=name,
        sample_bp=round(_number("sample", settings.get("sample", 1.0)) * ALL_BP),
        rules=tuple(rules),
        otherwise=_treatment(settings.get("others", "keep")),
        retention_s=round(_number("retention_days", settings.get("retention_days", 0)) * DAY_S),
        actor=actor,
        reason=reason,
    )


def _number(setting: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{setting} = {value!r}: a number expected")
    return float(value)


def _treatment(text: Any) -> Treatment:
    try:
        return Treatment[str(text).upper()]
    except KeyError:
        known = ", ".join(one.name.lower() for one in Treatment)
        raise InvalidInput(f"others = {text!r}: one of {known} expected") from None


def _of_file(file: Path | None) -> dict[str, Any]:
    return {} if file is None else read_toml(file)


def _show(policy: LogPolicy) -> None:
    kept = f"{policy.retention_s / DAY_S:g} days" if policy.retention_s else "for ever"
    console.print(f"{policy.model}: tensors of {policy.sample_bp / 100:g} % of the calls, files kept {kept}")
    console.print(f"  set by {policy.actor or '-'}: {policy.reason or '-'}", highlight=False, markup=False)
    shown = table("", "column", "")
    for rule in policy.rules:
        shown.add_row(escape(rule.column), rule.treatment.name.lower())
    shown.add_row("all other tensors", policy.otherwise.name.lower())
    console.print(shown)
