"""Writes what is made from the metrics that exist: rules, dashboards, docs/metrics.md; with --check, only compares.

python -m deploy.generate [--check]
"""

import argparse
import sys
from pathlib import Path

from deploy import dashboards, reference, rules

ROOT = Path(__file__).resolve().parents[1]


def made() -> dict[str, str]:
    """What each file should hold, by its path under the root."""
    files = {f"deploy/grafana/{item.name}.json": dashboards.text(item) for item in dashboards.ALL}
    return {"deploy/prometheus/rules.yml": rules.text(), "docs/metrics.md": reference.text(), **files}


def stale(root: Path = ROOT) -> list[str]:
    """Names of the files that are not what they should be."""
    return [name for name, text in made().items() if not (root / name).exists() or (root / name).read_text() != text]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    if parser.parse_args().check:
        different = stale()
        for name in different:
            print(f"{name}: differs from what deploy/ makes; run `make generate`", file=sys.stderr)
        return 1 if different else 0
    for name, text in made().items():
        (ROOT / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
