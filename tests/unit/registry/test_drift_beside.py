"""Arms side by side: names are told by their rows alone, for KS would order them."""

import math

import numpy as np

from gnomon.evidence import DriftTick
from gnomon.stats.profile import Profile
from registry.drift import Span
from registry.drift_detail import Told, beside

SPAN = Span(from_unix_ms=0, to_unix_ms=10_000)


def told(version: int, carriers: list[str]) -> Told:
    rng = np.random.default_rng(version)
    profile = Profile.fit({"delay": rng.normal(size=600), "carrier": rng.choice(carriers, 600).tolist()})
    tick = DriftTick(
        model="m", version=version, tick=0, tick_s=5.0, rows=600, counts=profile.counts().astype("<i8").tobytes()
    )
    return Told(model="m", version=version, profile=profile.to_bytes(), ticks=(tick,))


def test_names_have_no_distance_between_arms() -> None:
    one, other = told(1, ["UA", "B6"]), told(2, ["UA", "B6", "new"])
    delay, carrier = beside(other, 1, one.filled(one.counted(SPAN)), SPAN)
    assert (delay.name, carrier.name) == ("delay", "carrier")
    assert 0 <= delay.ks_lo <= delay.ks_hi <= 1
    assert (carrier.rows, carrier.rows_against) == (600, 600)
    assert all(math.isnan(each) for each in (carrier.ks_lo, carrier.ks_hi, carrier.ks_p_value, carrier.psi))
