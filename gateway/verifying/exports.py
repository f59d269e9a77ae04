"""What the exports hold, by their own footers: rows of each journal's segments."""

import json
from collections import Counter
from pathlib import Path

from gateway.layout import Layout

NAME = "[!.]*-[0-9]*-v*.parquet"


def export_url(layout: Layout) -> str:
    """Where a gateway sends its exports, as its supervisor last wrote down; empty: to its own folder."""
    try:
        return str(json.loads(layout.config.read_text()).get("export_url", ""))
    except FileNotFoundError:
        return ""  # no supervisor has run yet


class Exports:
    """Rows of the Parquet files under a folder, by (journal, sequence the segment begins with)."""

    def __init__(self, root: Path) -> None:
        self.files = 0
        self.problems: list[str] = []
        self.rows: Counter[tuple[str, int]] = Counter()
        for path in sorted(root.rglob(NAME)):
            self._take(path)

    def _take(self, path: Path) -> None:
        import pyarrow as pa  # only who looks at exports needs it
        import pyarrow.parquet as pq

        try:
            rows = int(pq.read_metadata(path).num_rows)
        except FileNotFoundError:
            return
        except (OSError, pa.ArrowException) as error:
            self.problems.append(f"{path}: {error}")
            return
        journal, base = path.name.split("-")[:2]
        self.files += 1
        self.rows[journal, int(base)] += rows

    def of(self, journal: str, before: int) -> int:
        """Rows of a journal's segments that begin before a sequence."""
        return sum(rows for (name, base), rows in self.rows.items() if name == journal and base < before)
