"""A judged span as a registry answers it, with names nobody should trust."""

import math

import numpy as np

from gnomon.evidence import ArmDrift, Drift, DriftPoint, MonitorDrift
from gnomon.stats import Profile, Sketch, judge

HOSTILE = "<script>alert(1)</script> & [red]$x_1$"
NOW_S = 1_700_000_000.0


def drift() -> Drift:
    """Four monitors: one drifted with a standing alarm and a hostile name, one calm, one of few values, one unseen."""
    rng = np.random.default_rng(2)
    reference = rng.normal(size=(4_000, 4)).astype(np.float32)
    reference[:, 2] = rng.integers(0, 5, 4_000)
    profile = Profile.fit(reference, names=[HOSTILE, "calm", "few values", "unseen"])
    window = rng.normal([1.0, 0, 0, 0], size=(1_500, 4)).astype(np.float32)
    window[:, 2] = rng.integers(0, 5, 1_500)
    window[:, 3] = np.nan
    sketch = Sketch(profile)
    sketch.update(window)
    monitors = [
        MonitorDrift(
            **{name: getattr(verdict, name) for name in verdict.__slots__},
            history=tuple(_point(number) for number in range(6)),
            since_unix_ms=int(NOW_S * 1000) - 7_200_000 if verdict.name == HOSTILE else 0,
            p_value=verdict.psi_p_value,
            edges=tuple(monitor.edges.tolist()),
            reference=tuple(monitor.counts.tolist()),
            window=tuple(counts.tolist()),
        )
        for verdict, monitor, counts in zip(
            judge(profile, sketch.counts), profile.monitors, profile.split(sketch.snapshot()), strict=True
        )
    ]
    arm = ArmDrift(name=HOSTILE, version=2, against=1, rows=10, rows_against=1_500)
    now_ms = int(NOW_S * 1000)
    return Drift(
        model="flights", version=1, from_unix_ms=now_ms - 3_600_000, to_unix_ms=now_ms, rows=1_500,
        alpha=1e-4, tolerance=0.02, ks_tolerance=0.05, monitors=tuple(monitors), silent=("gateway-2",), arms=(arm,),
    )  # fmt: skip


def _point(number: int) -> DriftPoint:
    """Calm, no traffic, too few rows, then more and more."""
    psi = (0.0, math.nan, math.nan, 0.02, 0.05, 0.4)[number]
    rows = (500, 0, 3, 500, 500, 500)[number]
    return DriftPoint(from_unix_ms=number, rows=rows, psi=psi, ks=psi, missing_share=0.0)
