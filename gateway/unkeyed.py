"""Calls without a routing key, by model."""

import ctypes


class Unkeyed:
    """Counts by model. Written by: the worker's event loop, in Python and in compiled code, so that each call takes the
    next place in its route's sequence whichever way it goes."""

    def __init__(self) -> None:
        self._counts: dict[str, ctypes.c_int64] = {}

    def next(self, model: str) -> int:
        count = self._counts.get(model)
        if count is None:
            count = self._counts[model] = ctypes.c_int64()
        count.value = number = count.value + 1
        return number

    def address(self, model: str) -> int:
        return ctypes.addressof(self._counts.setdefault(model, ctypes.c_int64()))
