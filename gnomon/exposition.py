"""Metrics as text, in Prometheus's format (0.0.4) and in OpenMetrics (1.0.0). Pure, and needs no library.

A line of a sample is the same in both; they differ in how a counter's family is called, in the word for a metric
without a type, and in the last line. So whoever makes lines makes them once, and may keep them.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/, https://openmetrics.io (specification 1.0).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

COUNTER, GAUGE, HISTOGRAM, UNKNOWN = "counter", "gauge", "histogram", "unknown"
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_LABEL: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


class Described(NamedTuple):
    """What a metric is: its kind, a line for people (without quotes and backslashes), and the labels it has."""

    kind: str
    text: str
    labels: tuple[str, ...] = ()


Catalogue = Mapping[str, Described]


@dataclass(slots=True)
class Family:
    """All samples of one metric, as lines without their ends. A histogram's are cumulative, `le` ascending."""

    name: str
    described: Described
    lines: list[str] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> None:
        self.lines.append(f"{sample(self.name, labels)} {number(value)}")


def sample(name: str, labels: Mapping[str, str]) -> str:
    """What stands before a sample's value."""
    if not labels:
        return name
    pairs = [f'{key}="{text.translate(_LABEL)}"' for key, text in labels.items()]
    return f"{name}{{{','.join(pairs)}}}"


def number(value: float) -> str:
    """A value as both formats spell it."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def families(catalogue: Catalogue, samples: Iterable[tuple[str, Mapping[str, str], float]]) -> list[Family]:
    """(name, labels, value) of counters and gauges, put together by name. Raises: KeyError: not in the catalogue."""
    found: dict[str, Family] = {}
    for name, labels, value in samples:
        family = found.setdefault(name, Family(name, catalogue[name]))
        family.add(value, **labels)
    return list(found.values())


def is_openmetrics(accept: str) -> bool:
    """Whether who sent this Accept header prefers OpenMetrics, as Prometheus does."""
    return "application/openmetrics-text" in accept


def render(found: Iterable[Family], ready: bytes = b"", *, openmetrics: bool = False) -> bytes:
    """The whole answer to a scrape: families, and others that are text already. Every metric may be there once."""
    parts: list[str] = []
    for family in found:
        kind, name = family.described.kind, family.name
        if openmetrics:
            name = name.removesuffix("_total") if kind == COUNTER else name
        elif kind == UNKNOWN:
            kind = "untyped"
        parts += [f"# HELP {name} {family.described.text}", f"# TYPE {name} {kind}", *family.lines]
    text = "".join(part + "\n" for part in parts).encode()
    return text + ready + (b"# EOF\n" if openmetrics else b"")
