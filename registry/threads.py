"""Named threads for calls that block: the database has one to itself, files and arithmetic share two."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Lane:
    """A few threads of one name. How much waits for them is bounded by the server's limit of calls."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls `function` on one of the threads; other tasks go on meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, functools.partial(function, *args, **kwargs)
        )

    def close(self) -> None:
        """Waits for what is running."""
        self._pool.shutdown()
