"""What a run of a version takes, by its number of rows: learned from every run, asked before the next."""

from itertools import pairwise

BUCKETS = 20  # 1, 2, 3–4, 5–8, … rows
WEIGHT = 0.1  # of a new run in the average of its bucket
OUTLIER = 4.0  # a run that took more times its average counts as that: somebody else had the core
FRESH_RUNS = 32  # how many runs the answer to `rows_within` may be old


def bucket_of(rows: int) -> int:
    """Sizes between two powers of two share a bucket."""
    return min(max(rows - 1, 0).bit_length(), BUCKETS - 1)


class RunCost:
    """Microseconds a run, per bucket of rows. Written by: the worker's event loop.

    A size never seen is taken from the nearest smaller one as if time grew with the rows, from a larger one as it is:
    both err on the slow side. Known weakness: an average follows a machine that slows down over some ten runs.
    """

    def __init__(self, single_us: float = 0.0) -> None:
        self._known: dict[int, float] = {0: single_us} if single_us else {}
        self._within: dict[float, tuple[int, int]] = {}  # bound → rows, and the number of runs then
        self._runs = 0

    def update(self, rows: int, taken_us: float) -> None:
        bucket = bucket_of(rows)
        before = self._known.get(bucket)
        if before is None:
            self._known[bucket] = taken_us
            self._within.clear()
        else:
            self._known[bucket] = before + WEIGHT * (min(taken_us, OUTLIER * before) - before)
        self._runs += 1

    def expected_us(self, rows: int) -> float:
        """0 before anything is known."""
        bucket = bucket_of(rows)
        if bucket in self._known:
            return self._known[bucket]
        smaller = [known for known in self._known if known < bucket]
        if smaller:
            return self._known[max(smaller)] * 2.0 ** (bucket - max(smaller))
        return self._known[min(self._known)] if self._known else 0.0

    def least_us(self, rows: int) -> float:
        """What a run of so many rows takes at least, as far as is known: for whoever would refuse a call by it."""
        return max((taken for bucket, taken in self._known.items() if bucket <= bucket_of(rows)), default=0.0)

    def row_ns(self) -> int:
        """What a row takes at least, in the best of the runs that are known."""
        return int(min((taken * 1e3 / (1 << bucket) for bucket, taken in self._known.items()), default=0.0))

    @property
    def sizes(self) -> int:
        """How many sizes of runs are known."""
        return len(self._known)

    def rows_within(self, bound_us: float) -> int:
        """The most rows whose run is expected to stay within `bound_us`; at least 1."""
        rows, runs = self._within.get(bound_us, (0, 0))
        if rows == 0 or self._runs - runs >= FRESH_RUNS:
            rows = self._rows_within(bound_us)
            self._within[bound_us] = rows, self._runs
        return rows

    def _rows_within(self, bound_us: float) -> int:
        fitting = [bucket for bucket in range(BUCKETS) if self.expected_us(1 << bucket) <= bound_us]
        together = [bucket for bucket, after in pairwise([*fitting, -1]) if after != bucket + 1]
        return 1 << together[0] if fitting and fitting[0] == 0 else 1
