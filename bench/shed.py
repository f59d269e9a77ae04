"""What refusals took in the gateway, out of its journal: from their calls' arrival until they were answered.

A client's time has its own waiting for a core in it, too.
"""

from pathlib import Path

import numpy as np

from gateway.journal.format import SHED
from gateway.journal.walk import JournalReader

SHARES = {"p50": 50, "p90": 90, "p99": 99}


def shed_us(journal: Path, since_unix_ns: int) -> dict[str, float]:
    """Percentiles over the calls of all workers that were shed and came since then; none where none was."""
    found = [np.zeros(0, np.uint64)]
    for folder in sorted(path for path in journal.iterdir() if path.is_dir()):
        reader = JournalReader(folder)
        while (batch := reader.read(16_384)) is not None:
            headers = batch.headers
            shed = (headers["status"] == SHED) & (headers["arrived_unix_ns"] >= since_unix_ns)
            found.append(headers["total_ns"][shed])
    taken_us = np.concatenate(found) / 1e3
    return {name: float(np.percentile(taken_us, share)) for name, share in SHARES.items()} if len(taken_us) else {}
