"""Weights and stickiness of the gateway's router, on a hundred million draws; and what a decision costs.

    python -m bench.micro_router [--draws 100000000] [--keys 10000000]

An arm depends on a bucket alone, so draws are of buckets: through the same numbers as `gnomon.routing`, vectorised, and
checked against its own functions on a part. Keys are hashed by the router's own BLAKE2b, one by one, so they are fewer.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gnomon.domain import ALL_BP, Arm, Role, Route
from gnomon.routing import STRIDE, Choice, Table, bucket_of_sequence, key_hash

MODEL = "pricing"
WEIGHTS = (1, 100, 500, 2_500, 5_000, 9_999)
_PART = 10_000_000
_CHECKED = 100_000


def table_of(weight_bp: int) -> Table:
    stable = Arm(version=1, role=Role.STABLE, weight_bp=ALL_BP - weight_bp)
    canary = Arm(version=2, role=Role.CANARY, weight_bp=weight_bp)
    return Table.build(Route(model=MODEL, revision=1, arms=(stable, canary)))


def canary_of(table: Table) -> NDArray[np.bool_]:
    """Whether each bucket is the canary's, (ALL_BP,), as the router itself decides."""
    found = np.zeros(ALL_BP, np.bool_)
    for number in range(ALL_BP):
        choice = table.by_sequence(number)
        found[choice.bucket] = choice.role is Role.CANARY
    return found


def sequence(draws: int) -> Iterator[str]:
    """Calls without a key: each weight within one of exact in every 10 000 consecutive calls, wherever they begin."""
    if any(bucket_of_sequence(number) != number * STRIDE % ALL_BP for number in range(_CHECKED)):
        raise AssertionError("the sequence is not what is drawn here")
    for weight in WEIGHTS:
        ours, counts = canary_of(table_of(weight)), []
        for start in range(0, draws, _PART):
            numbers = np.arange(max(start - ALL_BP + 1, 0), min(start + _PART, draws), dtype=np.int64)
            so_far = np.concatenate([[0], ours[numbers * STRIDE % ALL_BP].cumsum()])
            windows = so_far[ALL_BP:] - so_far[:-ALL_BP]
            counts += [int(windows.min()), int(windows.max())]
        if not weight - 1 <= min(counts) <= max(counts) <= weight + 1:
            raise AssertionError(f"weight {weight}: {min(counts)} to {max(counts)} of 10 000 consecutive calls")
        yield f"sequence, weight {weight:4}: {min(counts)} to {max(counts)} of any 10 000 consecutive calls of {draws}"


def sticky(draws: int) -> Iterator[str]:
    """A key's bucket, a weight and a higher one: who had the canary keeps it."""
    rng, moved = np.random.default_rng(10), 0
    weights = np.unique([1, *range(50, ALL_BP, 50), ALL_BP - 1])
    for weight in weights:
        if not np.array_equal(canary_of(table_of(int(weight))), np.arange(ALL_BP) < weight):
            raise AssertionError(f"weight {weight}: the canary does not own the lowest buckets")
    for start in range(0, draws, _PART):
        count = min(_PART, draws - start)
        buckets = rng.integers(0, ALL_BP, count, dtype=np.int32)
        lower, higher = np.sort(weights[rng.integers(0, len(weights), (2, count))], axis=0)
        before, after = buckets < lower, buckets < higher
        if (before & ~after).any():
            raise AssertionError("a higher weight took the canary away")
        moved += int((after & ~before).sum())
    yield f"sticky: of {draws} (bucket, weight, higher of {len(weights)} weights) none moved back, {moved} moved on"


def keys(count: int) -> Iterator[str]:
    """Real keys through the router's hash: shares as their weights, within what chance allows."""
    hashes = (key_hash(MODEL, b"user-%d" % number) for number in range(count))
    buckets = np.fromiter((hashed % ALL_BP for hashed in hashes), np.int64, count)
    for weight in WEIGHTS:
        table = table_of(weight)
        ours = canary_of(table)
        for number in range(0, min(count, _CHECKED), 1_000):
            chosen = table.by_key(b"user-%d" % number)
            if (chosen.role is Role.CANARY) != ours[buckets[number]]:
                raise AssertionError(f"key user-{number} has another arm in the router")
        found, share = int(ours[buckets].sum()), weight / ALL_BP
        away = (found - count * share) / (count * share * (1 - share)) ** 0.5
        if abs(away) > 5:
            raise AssertionError(f"weight {weight}: {found} of {count} keys, {away:.1f} standard deviations off")
        yield f"keys, weight {weight:5}: {found} of {count}, {away:+.2f} standard deviations from its share"
    spread = np.bincount(buckets, minlength=ALL_BP)
    chi = float(((spread - count / ALL_BP) ** 2).sum() * ALL_BP / count)
    yield f"keys: chi-square of the 10 000 buckets {chi:.0f}, expected 9999 ± 141"


def cost() -> Iterator[str]:
    """Best of five, in processor time."""
    table = table_of(100)
    for what, decide in (("sequence", table.by_sequence), ("key", lambda _: table.by_key(b"user-4711"))):
        yield f"a decision by {what} {1e9 * min(_timed(decide) for _ in range(5)):.0f} ns"


def _timed(decide: Callable[[int], Choice], calls: int = 200_000) -> float:
    began = time.thread_time()
    for number in range(calls):
        decide(number)
    return (time.thread_time() - began) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description="Weights and stickiness of the router.")
    parser.add_argument("--draws", type=int, default=100_000_000)
    parser.add_argument("--keys", type=int, default=10_000_000)
    flags = parser.parse_args()
    for part in (sequence(flags.draws), sticky(flags.draws), keys(flags.keys), cost()):
        for line in part:
            print(line, flush=True)


if __name__ == "__main__":
    main()
