"""Simulated rollouts: do the sequential tests keep their promises, and what do the usual rules do on the same traffic?

    python -m bench.simulate [--quick] [--only aa|power|harm|paired] [--docs docs/simulations.md]

Seeds are fixed: a run gives the same figures again. Prints tables, writes bench-results/simulations.json (scenarios
that were not run keep what is in it), and with --docs puts the tables between the marks of that page.
"""

import argparse
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import simulate_aa, simulate_harm, simulate_paired, simulate_power
from bench.simulate_table import Table

RESULTS = Path("bench-results")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is simulated, in full and in outline: each a call that makes tables."""

    full: Callable[[], Iterable[Table]]
    quick: Callable[[], Iterable[Table]]


SCENARIOS = {
    "aa": Scenario(full=lambda: simulate_aa.run(2_000, 3_600), quick=lambda: simulate_aa.run(100, 1_200)),
    "power": Scenario(full=lambda: simulate_power.run(4_000), quick=lambda: simulate_power.run(200)),
    "harm": Scenario(full=lambda: simulate_harm.run(4_000), quick=lambda: simulate_harm.run(300)),
    "paired": Scenario(full=lambda: simulate_paired.run(1_000), quick=lambda: simulate_paired.run(60)),
}


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser("python -m bench.simulate", description="Simulate rollouts.")
    found.add_argument("--quick", action="store_true", help="the outline, in half a minute")
    found.add_argument("--only", action="append", choices=sorted(SCENARIOS), help="only this one; repeatable")
    found.add_argument("--results", type=Path, default=RESULTS, help=f"folder for what is written (default {RESULTS})")
    found.add_argument("--docs", type=Path, help="page whose marked places the tables are put into")
    return found


def document(page: str, name: str, tables: Sequence[Table]) -> str:
    """The page with the tables between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not between.search(page):
        raise ValueError(f"no marks {begin} and {end} on the page")
    body = "\n\n".join(table.markdown() for table in tables)
    return between.sub(lambda _: f"{begin}\n{body}\n{end}", page)


def _keep(path: Path, name: str, tables: Sequence[Table], taken_s: float) -> None:
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    found[name] = {"seconds": round(taken_s, 1), "tables": [asdict(table) for table in tables]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))


def main(arguments: Sequence[str] | None = None, scenarios: Mapping[str, Scenario] = SCENARIOS) -> None:
    options = parser().parse_args(arguments)
    for name in options.only or scenarios:
        began, scenario = time.monotonic(), scenarios[name]
        tables = list((scenario.quick if options.quick else scenario.full)())
        taken_s = time.monotonic() - began
        print("\n\n".join(table.markdown() for table in tables), f"\n\n{name}: {taken_s:.0f} s\n", flush=True)
        _keep(options.results / "simulations.json", name, tables, taken_s)
        if options.docs:
            options.docs.write_text(document(options.docs.read_text(), name, tables))


if __name__ == "__main__":
    main()
