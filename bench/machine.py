"""The machine and the versions a run was made with: figures without them say nothing."""

import os
import platform
import subprocess
import time
from importlib import metadata
from pathlib import Path

LIBRARIES = ("grpcio", "ngh2", "uvloop", "numpy", "onnxruntime", "protobuf", "scikit-learn", "skl2onnx", "gnomon")


def describe() -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "commit": _commit(),
        "load_average_before": os.getloadavg(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())


def _commit() -> str | None:
    """Of the sources, with a + where they were changed; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
