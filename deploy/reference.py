"""docs/metrics.md: every metric, its kind, its labels and what it says, from the tables that the collectors go by."""

from gateway.metrics import METRICS as OF_GATEWAY
from gnomon.exposition import Catalogue
from registry.metrics import METRICS as OF_REGISTRY

HEAD = """# Metrics

Made by `python -m deploy.generate` from `gateway/metrics.py` and `registry/metrics.py`. How they come about, and what
to do when one of them rises, is on [operations.md](operations.md#metrics); rules and dashboards are in `deploy/`.

A histogram is three: `_bucket` (with `le`, its upper edge), `_sum` and `_count`.
"""


def text() -> str:
    """The page."""
    return "\n".join([HEAD, "## Gateway", "", *_table(OF_GATEWAY), "", "## Registry", "", *_table(OF_REGISTRY), ""])


def _table(catalogue: Catalogue) -> list[str]:
    rows = [f"| `{name}` | {item.kind} | {', '.join(item.labels)} | {item.text} |" for name, item in catalogue.items()]
    return ["| metric | kind | labels | |", "|---|---|---|---|", *rows]
