"""Bare onnxruntime in a loop: the rows a second of one thread without any server around it.

`python -m bench.peers.ort_loop MODEL.onnx ROWS SECONDS CORE` prints one line of JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from bench.call import INPUT
from bench.models import FEATURES, OUTPUTS, session


def measure(model: bytes, rows: int, seconds: float) -> dict[str, float]:
    """Runs of `rows` rows, both outputs, until the time is up."""
    running = session(model)
    block = np.random.default_rng(1).normal(size=(rows, FEATURES)).astype(np.float32)
    for _ in range(10):
        running.run(list(OUTPUTS), {INPUT: block})
    runs, start_s = 0, time.perf_counter()
    while (took_s := time.perf_counter() - start_s) < seconds:
        running.run(list(OUTPUTS), {INPUT: block})
        runs += 1
    return {"calls_per_s": runs / took_s, "rows_per_s": runs * rows / took_s, "run_us": 1e6 * took_s / max(runs, 1)}


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[4])})
    print(json.dumps(measure(Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), float(sys.argv[3]))))
