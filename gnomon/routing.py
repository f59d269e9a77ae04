"""Route and call to arm: pure, from a table built once for a route and never changed. The same in every worker, in a
gateway's Explain, and in a notebook:

    Table.build(registry.get_route("flight-delay")).explain(key="customer-7")

A call goes to the version it names; else to that of the first rule that takes it; else by its key, if it has one; else
by turn. A key falls into one of 10 000 buckets, whatever the route. Canary arms own the outermost buckets: the first
the lowest, the second the highest, and so on inwards. Raising a weight moves keys from the stable arm to the canary,
none back, and none between two canaries (between three that cannot be had). A canary that stands before the stable arm
in its route is held back: it owns the very highest, which a version that grows comes to last. Without a key, a sequence
that visits every bucket once in 10 000 calls gives each arm its weight exactly.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gnomon.asked import Asked, Described, routing_key, version_number
from gnomon.columns import Column
from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.errors import VersionNotFound
from gnomon.matching import Matcher, matchers

STRIDE = 6_181  # coprime to 10 000 and near its golden section: consecutive calls fall far apart
ROUTING_KEY = "x-routing-key"
KEY_BYTES = 64  # of a model's name, that its hash is keyed by

_make = tuple.__new__  # of a named tuple, at half the price
_from_bytes = int.from_bytes


class Choice(NamedTuple):
    """Which arm, and why."""

    version: int
    role: Role
    weight_bp: int  # the chance it had: 10 000 for a rule, 0 for a version that was named
    bucket: int  # for a rule: its place in the route
    rule: str  # pinned, rule, key, sequence, breaker
    key_hash: int


def key_hash(model: str, key: bytes) -> int:
    """64 bits of BLAKE2b, keyed by the model: one key's buckets in two models have nothing to do with each other."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8, key=model.encode()[:KEY_BYTES]).digest(), "little")


def bucket_of_sequence(number: int) -> int:
    return number * STRIDE % ALL_BP


def rule_text(rule: str, bucket: int, rules: Sequence[Any]) -> str:
    """What chose an arm, for people: with the name of the rule, which is one of its route's `rules`."""
    return f"rule:{rules[bucket].name}" if rule == "rule" and bucket < len(rules) else rule


def role_of(route: Route, version: int) -> Role:
    """Of an arm; what is only warm answers as a stable arm would."""
    return next((arm.role for arm in route.arms if arm.version == version), Role.STABLE)


def _from_below(route: Route) -> tuple[Arm, ...]:
    """The arms that answer, in the order of the buckets they own."""
    arms = [arm for arm in route.arms if arm.role is not Role.SHADOW]
    place = arms.index(route.stable)
    held, grown = arms[:place], arms[place + 1 :]
    return (*grown[::2], arms[place], *grown[1::2][::-1], *held[::-1])


def diverted(route: Route, choice: Choice) -> Choice:
    """Stable in the place of an arm whose breaker is open: outside the weights, as they did not choose it."""
    return choice._replace(version=route.stable.version, role=Role.STABLE, weight_bp=0, rule="breaker")


@dataclass(frozen=True, slots=True)
class Table:
    """A route, made ready to be asked."""

    route: Route
    bounds: tuple[tuple[int, Arm], ...]  # (first bucket past the arm, arm), ascending
    matchers: tuple[Matcher[Choice], ...]
    key_column: Column | None
    asks: bool  # whether more of a call counts than its key and the version it names
    _pinned: dict[int, Choice]  # by version, of all that are loaded
    _ends: tuple[int, ...]  # of `bounds`
    _arms: tuple[tuple[int, Role, int], ...]
    _keyed: Any  # BLAKE2b that has read the model's name: copied for each call
    diverted: frozenset[int] = frozenset()  # versions with an open breaker: stable answers for them
    tried: frozenset[int] = frozenset()  # with one half open: each of their calls is counted

    @classmethod
    def build(cls, route: Route) -> "Table":
        bounds, end = [], 0
        for arm in _from_below(route):
            end += arm.weight_bp
            bounds.append((end, arm))
        ruled = [
            (rule, Choice(rule.version, role_of(route, rule.version), ALL_BP, place, "rule", 0))
            for place, rule in enumerate(route.rules)
        ]
        return cls(
            route,
            tuple(bounds),
            matchers(ruled),
            Column.named(route.routing_key_column) if route.routing_key_column else None,
            bool(route.rules or route.routing_key_column),
            {number: Choice(number, role_of(route, number), 0, 0, "pinned", 0) for number in route.loaded},
            tuple(end for end, _ in bounds),
            tuple((arm.version, arm.role, arm.weight_bp) for _, arm in bounds),
            hashlib.blake2b(digest_size=8, key=route.model.encode()[:KEY_BYTES]),
        )

    def choose(self, key: bytes, asked: Asked) -> Choice | None:
        """The arm for a call that names no version; None: it goes by turn."""
        for matcher in self.matchers:
            choice = matcher.take(asked)
            if choice is not None:
                return diverted(self.route, choice) if choice.version in self.diverted else choice
        if not key and self.key_column is not None:
            values = asked.column(self.key_column)
            key = b"" if values is None else values.key()
        return self.by_key(key) if key else None

    def by_key(self, key: bytes) -> Choice:
        digest = self._keyed.copy()
        digest.update(key)
        hashed = _from_bytes(digest.digest(), "little")
        bucket = hashed % ALL_BP
        version, role, weight_bp = self._arms[bisect_right(self._ends, bucket)]
        choice = _make(Choice, (version, role, weight_bp, bucket, "key", hashed))
        return diverted(self.route, choice) if version in self.diverted else choice

    def by_sequence(self, number: int) -> Choice:
        bucket = bucket_of_sequence(number)
        version, role, weight_bp = self._arms[bisect_right(self._ends, bucket)]
        choice = _make(Choice, (version, role, weight_bp, bucket, "sequence", 0))
        return diverted(self.route, choice) if version in self.diverted else choice

    def pinned(self, version: int) -> Choice:
        """A version the caller named: outside the weights, under the role that the route gives it.

        Raises: VersionNotFound.
        """
        choice = self._pinned.get(version)
        if choice is None:
            served = sorted(self._pinned)
            raise VersionNotFound(f"{self.route.model} version {version} is not served; served are {served}")
        return choice

    def explain(self, *, key: str = "", headers: Mapping[str, str] | None = None, request: Any = None) -> Choice | None:
        """The arm of a call with this key, these headers and this ModelInferRequest; None: it goes by turn.

        Raises: VersionNotFound, InvalidInput: the request names a version that is not served, or what is none.
        """
        asked = Described(headers or {}, request)
        if request is not None and request.model_version:
            return self.pinned(version_number(request.model_version))
        said = key.encode() or asked.header(ROUTING_KEY) or (b"" if request is None else routing_key(request))
        return self.choose(said, asked)
