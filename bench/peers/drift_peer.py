"""Nanoseconds a value of another drift library, printed as JSON. Run by the Python of its own environment:

    python -m bench.peers.drift_peer kll|evidently|whylogs ROWS

Each is called as its documentation calls it, with a table of 30 features, and with what it does not need left out.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from bench.drift_data import table

REPEATS = 5


def best_ns(run: Callable[[], Any], values: int, repeats: int = REPEATS) -> float:
    """Processor nanoseconds a value of the fastest run, after one that does not count."""
    run()
    taken = []
    for _ in range(repeats):
        began = time.process_time_ns()
        run()
        taken.append(time.process_time_ns() - began)
    return min(taken) / values


def kll(rows: int) -> dict[str, float]:
    import datasketches  # type: ignore[import-not-found]

    columns = [column.copy() for column in table(rows, seed=1).T]

    def update() -> None:
        for column in columns:
            datasketches.kll_floats_sketch(200).update(column)

    return {"KLL sketch of 200, update(array)": best_ns(update, rows * len(columns))}


def evidently(rows: int) -> dict[str, float]:
    import pandas
    from evidently import Report  # type: ignore[import-not-found]
    from evidently.metrics import ValueDrift  # type: ignore[import-not-found]

    reference, current = (pandas.DataFrame(table(rows, seed=seed)).rename(columns=str) for seed in (0, 1))
    found = {}
    for method in ("psi", "ks"):
        report = Report([ValueDrift(column=name, method=method) for name in current])

        def run(report: Any = report) -> None:
            report.run(current, reference).dict()

        found[f"Evidently, Report of {method.upper()}"] = best_ns(run, current.size, repeats=1)
    return found


def whylogs(rows: int) -> dict[str, float]:
    import pandas
    import whylogs as why  # type: ignore[import-not-found]

    current = pandas.DataFrame(table(rows, seed=1)).rename(columns=str)
    return {"whylogs, log(pandas)": best_ns(lambda: why.log(current), current.size, repeats=2)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps({"kll": kll, "evidently": evidently, "whylogs": whylogs}[sys.argv[1]](int(sys.argv[2]))))
