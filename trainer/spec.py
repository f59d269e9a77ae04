"""TrainSpec: everything that decides what a version is, but the data's bytes and the code."""

from dataclasses import dataclass, field

from trainer.errors import UnknownSpec

ALGORITHMS = ("logistic", "boosted_trees", "kriged_logistic")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """How to train one version. Equal specs on equal data give equal artifacts.

    Raises:
        ValueError: months not ascending from 1 to 11 (the next one evaluates), an unknown algorithm, or a share that
            leaves nothing to train on.
    """

    name: str
    months: tuple[int, ...]
    algorithm: str
    parameters: dict[str, float | int] = field(default_factory=dict)
    model: str = "flight-delay"
    seed: int = 2013
    held_out_share: float = 0.1  # of the labelled flights of the months, drawn by the seed
    reference_share: float = 0.2  # of the same, drawn next: what the profile is of
    celsius: tuple[str, ...] = ()  # columns the trainer reads in Celsius, while callers send Fahrenheit
    profile_rows: int = 1_000_000  # at most so many reference rows make the profile
    by_hour: bool = False  # whether the profile has each hour of the week by itself: of departures, taken for UTC
    slices: tuple[str, ...] = ("origin",)  # features each of whose frequent values the profile has by itself

    def __post_init__(self) -> None:
        if not self.months or list(self.months) != sorted({*self.months} & {*range(1, 12)}):
            raise ValueError(f"spec {self.name!r}: months {self.months} must ascend from 1 to 11")
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"spec {self.name!r}: algorithm {self.algorithm!r}, expected one of {ALGORITHMS}")
        if not 0 <= self.held_out_share < 1:
            raise ValueError(f"spec {self.name!r}: held_out_share {self.held_out_share} must be in [0, 1)")
        if not 0 < self.reference_share < 1 - self.held_out_share:
            raise ValueError(
                f"spec {self.name!r}: reference_share {self.reference_share} must be above 0 and leave rows to train on"
            )

    @property
    def evaluation_month(self) -> int:
        """The month after the last one trained on."""
        return self.months[-1] + 1

    def described(self) -> dict[str, str]:
        """The spec as strings, for the lineage."""
        return {
            "spec": self.name,
            "algorithm": self.algorithm,
            "months": ",".join(str(month) for month in self.months),
            "seed": str(self.seed),
            "held_out_share": str(self.held_out_share),
            "reference_share": str(self.reference_share),
            "celsius": ",".join(self.celsius),
            "slices": ",".join(self.slices),
            "by_hour": str(self.by_hour),
            "evaluated_on": f"2013-{self.evaluation_month:02}",
        } | {name: str(value) for name, value in self.parameters.items()}


# The demo's versions. A logistic model extrapolates, so a unit mistaken is a score mistaken; trees would answer all
# that lies beyond the training range alike, in Fahrenheit and in Celsius.
V1 = TrainSpec(name="v1", months=(1, 2), algorithm="logistic", parameters={"C": 1.0})
V2 = TrainSpec(name="v2", months=(1, 2, 3), algorithm="logistic", parameters={"C": 1.0})
# V2 with one mistake: the training data had the temperature converted, the callers' rows did not.
V3 = TrainSpec(name="v3", months=(1, 2, 3), algorithm="logistic", parameters={"C": 1.0}, celsius=("temp",))
# V2 and an ensemble of processes that correct it from 10 000 remembered flights, each looked at in every call.
V4 = TrainSpec(
    name="v4",
    months=(1, 2, 3),
    algorithm="kriged_logistic",
    parameters={"C": 1.0, "members": 8, "member_rows": 1250, "length_scale": 3.0, "noise": 30.0},
    profile_rows=8000,
)
SPECS = {spec.name: spec for spec in (V1, V2, V3, V4)}


def find_spec(name: str) -> TrainSpec:
    """The demo's spec of this name.

    Raises:
        UnknownSpec: none bears it.
    """
    if name not in SPECS:
        raise UnknownSpec(f"no spec {name!r}; there are {', '.join(SPECS)}")
    return SPECS[name]
