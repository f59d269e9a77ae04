"""What a simulation found: a table for people and for the documentation, rows for programs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Cell = str | float | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One question and its answers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError(f"{self.title}: every row needs {len(self.header)} cells")

    def markdown(self) -> str:
        lines = [f"**{self.title}**", "", _line(self.header), _line(["---"] * len(self.header)), *map(_line, self.rows)]
        return "\n".join([*lines, "", self.note] if self.note else lines)


def _line(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join("–" if cell is None else str(cell) for cell in cells) + " |"


def upper_bound(found: int, runs: int) -> float:
    """The one-sided 95 % upper bound of a probability (Clopper & Pearson 1934), from how often it was found."""
    return 1.0 if found == runs else float(special.betaincinv(found + 1, runs - found, 0.95))


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def often(firsts: NDArray[np.float64], unit: str = "s") -> str:
    """How often a rule spoke, and after how long where it did: the median."""
    spoke = firsts[np.isfinite(firsts)]
    return percent(len(spoke) / len(firsts)) + (f" ({np.median(spoke):.0f} {unit})" if len(spoke) else "")
