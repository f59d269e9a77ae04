"""Compiling with a cache on disk where one can be written, and without where none can: numba alone refuses instead."""

import contextlib
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache

log = logging.getLogger(__name__)

Function = TypeVar("Function", bound=Callable[..., Any])


class _Cache(FunctionCache):
    """numba's cache of one function, which a full disk or a folder that went away only makes useless."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with contextlib.suppress(OSError):
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            log.warning("compiled code of %s is not kept for the next process: %s", self._name, error)


def njit(**options: Any) -> Callable[[Function], Function]:
    """`numba.njit(**options)`, and what it compiles is kept on disk for the next process.

    Where no place can be written (a read-only image, a home that is a file, a full disk) the function works all the
    same, and every process pays its seconds of compiling. The places are numba's: `NUMBA_CACHE_DIR`, else beside the
    source, else the user's cache folder.
    """

    def decorate(function: Function) -> Function:
        compiled = numba.njit(**options)(function)
        try:
            compiled._cache = _Cache(function)  # type: ignore[no-untyped-call]  # as cache=True does
        except RuntimeError as error:  # numba found no place
            log.info("%s", error)
        return compiled  # type: ignore[no-any-return]

    return decorate
