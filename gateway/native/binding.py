"""libnghttp2 as the wheel of ngh2 carries it: a shared library that exports its C interface. No Python of ngh2 runs."""

import ctypes
import importlib.util
from pathlib import Path


def library_path() -> Path:
    """Raises: ImportError where ngh2 is not installed as expected."""
    found = importlib.util.find_spec("ngh2")
    places = (found.submodule_search_locations if found else None) or []
    for place in places:
        for path in sorted(Path(place).glob("_core*.so")):
            return path
    raise ImportError("ngh2 is not installed: it carries libnghttp2")


def library() -> ctypes.PyDLL:
    """With the interpreter lock kept: no call waits for anything. Raises: ImportError, OSError."""
    return ctypes.PyDLL(str(library_path()))
