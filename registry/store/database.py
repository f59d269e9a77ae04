"""The SQLite file: opened, migrated, and entered one transaction at a time.

Write-ahead log with full synchronisation: a change that was acknowledged survives a loss of power. Cost: one fsync a
change. All calls come from one thread, the registry's `store`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from registry.store.migrate import migrate

BUSY_TIMEOUT_MS = 5_000


class Database:
    """One SQLite file. `open()` before the first transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _on_connect)
        event.listen(self._engine, "begin", _on_begin)

    def open(self) -> None:
        """Brings the tables to this program's version. A file that is there already costs one query."""
        with self._engine.begin() as connection:
            migrate(connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Everything done in it happens, or, when it is left by an exception, nothing."""
        with self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self._engine.dispose()


def _on_connect(raw: Any, record: Any) -> None:
    """The driver's own transactions start too late for compare-and-set; ours begin with BEGIN IMMEDIATE below."""
    raw.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        raw.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
