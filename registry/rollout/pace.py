"""How fast the running step sees calls, gate by gate: for an estimate of when a gate will have what it needs."""

import dataclasses
from collections import deque
from collections.abc import Iterable

from gnomon.rollout import GateVerdict

APART_S = 1.0  # looks closer together than this make one sample
SAMPLES = 60  # so the rate is of about the last minute


class Pace:
    """Of one step. Owner: the event loop. Known weakness: a rate that has been steady is taken to stay so."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[float, int]]] = {}

    def timed(self, verdicts: Iterable[GateVerdict], now_s: float) -> tuple[GateVerdict, ...]:
        """The verdicts, and when those that need more will have it; None while nothing comes."""
        return tuple(self._timed(verdict, now_s) for verdict in verdicts)

    def _timed(self, verdict: GateVerdict, now_s: float) -> GateVerdict:
        rate = self._rate(verdict, now_s)
        if verdict.need <= 0 or rate <= 0:
            return verdict
        return dataclasses.replace(verdict, eta_s=verdict.need / rate)

    def _rate(self, verdict: GateVerdict, now_s: float) -> float:
        """Calls a second, 0 while that is not known."""
        samples = self._samples.setdefault(verdict.gate, deque(maxlen=SAMPLES))
        if not samples or now_s - samples[-1][0] >= APART_S:
            samples.append((now_s, verdict.seen))
        then_s, seen = samples[0]
        return (verdict.seen - seen) / (now_s - then_s) if now_s > then_s else 0.0
