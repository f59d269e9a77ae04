"""How a model's drift is watched, and what came of it: policies and events."""

import enum
import math
from dataclasses import dataclass

from gnomon.domain import check_model_name
from gnomon.errors import InvalidInput

MONTH_S = 30 * 86_400.0
WEEK_S = 7 * 86_400.0
TOLERANCES = ("psi_tolerance", "ks_tolerance", "missing_tolerance", "calibration_tolerance")
FROM_NOW_ON = -1  # after which event a watcher goes on


class DriftEventKind(enum.IntEnum):
    """What became of an alarm."""

    RAISED = 1
    CLEARED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """So many false alarms in `per_s` seconds over everything watched of a version, and the drift that is harmless.

    Raises: InvalidInput: a number out of its range.
    """

    model: str
    false_alarms: float = 1.0
    per_s: float = MONTH_S
    psi_tolerance: float = 0.02
    ks_tolerance: float = 0.05
    missing_tolerance: float = 0.02
    window_s: float = 3_600.0
    clear: float = 0.5  # an alarm may end below this part of the tolerances
    raise_after_s: float = 60.0
    clear_after_s: float = 600.0
    design_effect: float = 0.0  # how many rows are worth one, where a call brings many; 0: estimated from calls
    min_rows: int = 200
    muted: bool = False
    actor: str = ""
    reason: str = ""
    set_unix_ms: int = 0
    calibration_tolerance: float = 0.1  # of what scores foretold: the part that may come true less, or more

    def __post_init__(self) -> None:
        check_model_name(self.model)
        for name in ("false_alarms", "per_s"):
            self._check(name, 0 < getattr(self, name) < math.inf, "a positive number")
        for name in (*TOLERANCES, "raise_after_s", "clear_after_s"):
            self._check(name, 0 <= getattr(self, name) < math.inf, "a number from 0")
        self._check("window_s", 1 <= self.window_s <= WEEK_S, "1 s to a week")
        self._check("clear", 0 <= self.clear <= 1, "0 to 1")
        stated = 1 <= self.design_effect < math.inf
        self._check("design_effect", stated or self.design_effect == 0, "1 or more, or 0")
        self._check("min_rows", self.min_rows >= 1, "1 or more")

    def _check(self, name: str, holds: bool, right: str) -> None:
        if not holds:
            raise InvalidInput(f"{name} {getattr(self, name)} of the drift policy: {right} expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftEvent:
    """One monitor's alarm raised or cleared, with the numbers it was judged on; NaN where there were too few values."""

    id: int = 0
    kind: DriftEventKind
    model: str
    version: int
    slice: str = ""
    monitor: str
    at_unix_ms: int
    since_unix_ms: int
    rows: int = 0
    psi: float = math.nan
    psi_lower: float = math.nan
    ks: float = math.nan
    ks_lower: float = math.nan
    missing_share: float = math.nan
    missing_reference: float = math.nan
    p_value: float = math.nan
    level: float = math.nan
    reason: str = ""
