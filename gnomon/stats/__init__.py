"""Statistics of served models: drift, latency, and evidence for rollouts. Pure numerics, fit for a notebook.

    from gnomon.stats import Profile, Sketch

    profile = Profile.fit(training_rows)  # an array, or a table of pandas, polars or pyarrow
    window = Sketch(profile)
    window.update(live_rows)
    window.psi(), window.ks()  # by feature
    verdicts = window.judge()

Names are imported when first used: a process that counts latencies must not pay for a compiler it does not need.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.stats.binner import Binner
    from gnomon.stats.cold_start import ColdStart
    from gnomon.stats.drift import KsResult, MonitorVerdict, PsiResult, judge, ks, missing, psi
    from gnomon.stats.latency import Histogram
    from gnomon.stats.monitor import Monitor
    from gnomon.stats.nominal import ChiSquareResult, OutsideResult, ShareResult
    from gnomon.stats.profile import Profile
    from gnomon.stats.samples import NotEnoughSamples
    from gnomon.stats.sketch import Sketch

_HOMES = {
    "Binner": "binner",
    "ChiSquareResult": "nominal",
    "ColdStart": "cold_start",
    "Histogram": "latency",
    "KsResult": "drift",
    "Monitor": "monitor",
    "MonitorVerdict": "drift",
    "NotEnoughSamples": "samples",
    "OutsideResult": "nominal",
    "Profile": "profile",
    "PsiResult": "drift",
    "ShareResult": "nominal",
    "Sketch": "sketch",
    "judge": "drift",
    "ks": "drift",
    "missing": "drift",
    "psi": "drift",
}

__all__ = [
    "Binner",
    "ChiSquareResult",
    "ColdStart",
    "Histogram",
    "KsResult",
    "Monitor",
    "MonitorVerdict",
    "NotEnoughSamples",
    "OutsideResult",
    "Profile",
    "PsiResult",
    "ShareResult",
    "Sketch",
    "judge",
    "ks",
    "missing",
    "psi",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
