"""Models and their versions, inside a transaction."""

from sqlalchemy import Connection, func, insert, select, update

from gnomon.domain import Approval, Model, Stage, Version
from gnomon.errors import ModelNotFound, VersionNotFound
from registry.store import tables
from registry.store.rows import row_of_version, version_of


def has_model(connection: Connection, name: str) -> bool:
    return connection.execute(select(tables.models.c.name).where(tables.models.c.name == name)).first() is not None


def require_model(connection: Connection, name: str) -> None:
    """Raises: ModelNotFound."""
    if not has_model(connection, name):
        raise ModelNotFound(f"model {name!r} does not exist")


def ensure_model(connection: Connection, name: str, now_unix_ms: int) -> None:
    if not has_model(connection, name):
        connection.execute(insert(tables.models).values(name=name, created_unix_ms=now_unix_ms))


def list_models(connection: Connection) -> list[Model]:
    """All models by name, with how many versions each has and which one is in Production."""
    counts = select(tables.versions.c.model, func.count().label("versions"))
    production = func.max(tables.versions.c.version).filter(tables.versions.c.stage == int(Stage.PRODUCTION))
    per_model = counts.add_columns(production.label("production")).group_by(tables.versions.c.model).subquery()
    joined = tables.models.outerjoin(per_model, tables.models.c.name == per_model.c.model)
    columns = (tables.models, per_model.c.versions, per_model.c.production)
    rows = connection.execute(select(*columns).select_from(joined).order_by(tables.models.c.name))
    return [
        Model(
            name=row.name,
            created_unix_ms=row.created_unix_ms,
            production_version=row.production or 0,
            versions=row.versions or 0,
        )
        for row in rows
    ]


def find_version(connection: Connection, model: str, number: int) -> Version | None:
    query = select(tables.versions).where(tables.versions.c.model == model, tables.versions.c.version == number)
    row = connection.execute(query).first()
    return None if row is None else version_of(row)


def get_version(connection: Connection, model: str, number: int) -> Version:
    """Raises: ModelNotFound, VersionNotFound."""
    version = find_version(connection, model, number)
    if version is None:
        require_model(connection, model)
        raise VersionNotFound(f"model {model!r} has no version {number}")
    return version


def list_versions(connection: Connection, model: str) -> list[Version]:
    """Raises: ModelNotFound."""
    require_model(connection, model)
    query = select(tables.versions).where(tables.versions.c.model == model).order_by(tables.versions.c.version)
    return [version_of(row) for row in connection.execute(query)]


def next_number(connection: Connection, model: str) -> int:
    query = select(func.max(tables.versions.c.version)).where(tables.versions.c.model == model)
    return (connection.execute(query).scalar() or 0) + 1


def insert_version(connection: Connection, version: Version) -> None:
    connection.execute(insert(tables.versions).values(row_of_version(version)))


def set_approval(connection: Connection, model: str, number: int, approval: Approval) -> None:
    _update(
        connection,
        model,
        number,
        approver=approval.approver,
        approval_note=approval.note,
        approved_unix_ms=approval.approved_unix_ms,
    )


def set_profile(connection: Connection, model: str, number: int, profile_sha256: str) -> None:
    _update(connection, model, number, profile_sha256=profile_sha256)


def set_stage(connection: Connection, model: str, number: int, stage: Stage) -> None:
    _update(connection, model, number, stage=int(stage))


def production_of(connection: Connection, model: str) -> int | None:
    """The number of the version in Production."""
    where = (tables.versions.c.model == model, tables.versions.c.stage == int(Stage.PRODUCTION))
    return connection.execute(select(tables.versions.c.version).where(*where)).scalar()


def put_in_production(connection: Connection, model: str, number: int) -> int | None:
    """Makes it the one version in Production; the one before is archived, and its number returned."""
    before = production_of(connection, model)
    if before is not None and before != number:
        set_stage(connection, model, before, Stage.ARCHIVED)
    set_stage(connection, model, number, Stage.PRODUCTION)
    return before


def _update(connection: Connection, model: str, number: int, **columns: object) -> None:
    where = (tables.versions.c.model == model, tables.versions.c.version == number)
    connection.execute(update(tables.versions).where(*where).values(**columns))
