"""Route and key to arm: pure, from a table built once for a route and never changed.

A key falls into one of 10 000 buckets, whatever the route. Canary arms own the lowest buckets, in the order the route
names them, so raising a weight moves keys towards the canary and none back. Without a key, a sequence that visits every
bucket once in 10 000 calls gives each arm its weight exactly.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from gnomon.domain import ALL_BP, Arm, Role, Route

STRIDE = 6_181  # coprime to 10 000 and near its golden section: consecutive calls fall far apart


class Choice(NamedTuple):
    """Which arm, and why."""

    version: int
    role: Role
    weight_bp: int
    bucket: int
    rule: str  # pinned, key, sequence, breaker
    key_hash: int


def key_hash(model: str, key: bytes) -> int:
    """64 bits of BLAKE2b, keyed by the model: one key's buckets in two models have nothing to do with each other."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8, key=model.encode()[:64]).digest(), "little")


def bucket_of_sequence(number: int) -> int:
    return number * STRIDE % ALL_BP


@dataclass(frozen=True, slots=True)
class Table:
    """A route, made ready to be asked."""

    route: Route
    bounds: tuple[tuple[int, Arm], ...]  # (first bucket past the arm, arm), ascending
    diverted: frozenset[int] = frozenset()  # versions with an open breaker: stable answers for them
    tried: frozenset[int] = frozenset()  # with one half open: each of their calls is counted

    @classmethod
    def build(cls, route: Route) -> "Table":
        bounds, end = [], 0
        for arm in (*route.canaries, route.stable):
            end += arm.weight_bp
            bounds.append((end, arm))
        return cls(route, tuple(bounds))

    def by_key(self, key: bytes) -> Choice:
        hashed = key_hash(self.route.model, key)
        return self._choice(hashed % ALL_BP, "key", hashed)

    def by_sequence(self, number: int) -> Choice:
        return self._choice(bucket_of_sequence(number), "sequence", 0)

    def pinned(self, version: int) -> Choice:
        """A version the caller named: outside the weights, under the role the route gives it, if any."""
        role = next((arm.role for arm in self.route.arms if arm.version == version), Role.STABLE)
        return Choice(version, role, 0, 0, "pinned", 0)

    def _choice(self, bucket: int, rule: str, hashed: int) -> Choice:
        arm = next(arm for end, arm in self.bounds if bucket < end)
        choice = Choice(arm.version, arm.role, arm.weight_bp, bucket, rule, hashed)
        return diverted(self.route, choice) if arm.version in self.diverted else choice


def diverted(route: Route, choice: Choice) -> Choice:
    """Stable in the place of an arm whose breaker is open: outside the weights, as they did not choose it."""
    return choice._replace(version=route.stable.version, role=Role.STABLE, weight_bp=0, rule="breaker")
