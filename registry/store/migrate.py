"""Brings a database to this program's tables, without a file or a command of alembic's own."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0009"
MIGRATIONS = Path(__file__).parent.parent / "migrations"


def migrate(connection: Connection) -> None:
    """Runs every migration the database has not seen, inside the caller's transaction; none: one query."""
    if revision_of(connection) != HEAD:
        _upgrade(connection)


def revision_of(connection: Connection) -> str | None:
    """The last migration a database has seen; None: not one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    # Imported here: a start on an up-to-date file need not pay for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
