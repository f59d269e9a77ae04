"""Statistics of served models: drift, latency, and evidence for rollouts. Pure numerics, fit for a notebook.

    from gnomon.stats import Profile, Sketch

    profile = Profile.fit(training_rows)
    sketch = Sketch(profile)
    sketch.update(live_rows)
    verdicts = judge(profile, sketch.counts)

Names are imported when first used: a process that counts latencies must not pay for a compiler it does not need.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.stats.binner import Binner
    from gnomon.stats.drift import KsResult, MonitorVerdict, PsiResult, judge, ks, missing, psi
    from gnomon.stats.latency import Histogram
    from gnomon.stats.profile import Monitor, Profile
    from gnomon.stats.samples import NotEnoughSamples
    from gnomon.stats.sketch import Sketch
    from gnomon.stats.windows import Level, Windows

_HOMES = {
    "Binner": "binner",
    "Histogram": "latency",
    "KsResult": "drift",
    "Level": "windows",
    "Monitor": "profile",
    "MonitorVerdict": "drift",
    "NotEnoughSamples": "samples",
    "Profile": "profile",
    "PsiResult": "drift",
    "Sketch": "sketch",
    "Windows": "windows",
    "judge": "drift",
    "ks": "drift",
    "missing": "drift",
    "psi": "drift",
}

__all__ = [
    "Binner",
    "Histogram",
    "KsResult",
    "Level",
    "Monitor",
    "MonitorVerdict",
    "NotEnoughSamples",
    "Profile",
    "PsiResult",
    "Sketch",
    "Windows",
    "judge",
    "ks",
    "missing",
    "psi",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
