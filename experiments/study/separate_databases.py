"""The study's database and the tracking store's are two: Optuna and MLflow share a table's name."""

from __future__ import annotations

from sqlalchemy import NullPool, String, column, create_engine, inspect, make_url, select, table

from experiments.study.databases import sqlite_address, sqlite_path
from experiments.study.retry import StoreError, without_password

# Both libraries keep the revision of their tables here; Optuna's begin with v: v3.2.0.a.
REVISIONS, OPTUNA = "alembic_version", "v"
MLFLOW_TABLES = {"experiments", "runs"}


def need_another_database(storage: str, tracking: str) -> None:
    """Refuse a study in the database of the tracking store, before either makes its tables.

    Raises
    ------
    StoreError
        When both addresses lead to one database.
    """
    if "://" in tracking and _place(storage) == _place(tracking):
        raise StoreError(
            _refusal(storage, "the database of the tracking store (MLFLOW_TRACKING_URI)")
        )


def need_own_tables(storage: str) -> None:
    """Refuse a database in which another program keeps the revision of its tables.

    Raises
    ------
    StoreError
        When there is one; Optuna would make half of its tables and then blame its own version.
    """
    engine = create_engine(storage, poolclass=NullPool)
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        if REVISIONS not in tables:
            return
        revisions = select(column("version_num", String)).select_from(table(REVISIONS))
        heads = connection.execute(revisions).scalars().all()
    if heads and not any(head.startswith(OPTUNA) for head in heads):
        owner = "MLflow's tracking store" if tables >= MLFLOW_TABLES else "another program"
        raise StoreError(_refusal(storage, f"tables of {owner}"))


def _place(address: str) -> object:
    """Return where a database is, whatever the driver and whoever asks."""
    if path := sqlite_path(address):
        return path.resolve()
    url = make_url(address)
    return url.get_backend_name(), url.host, url.port, url.database, url.query


def _refusal(storage: str, owner: str) -> str:
    if path := sqlite_path(storage):
        other = path.with_name(f"{path.stem}-studies.db")
        remedy = f"Name another file: storage={sqlite_address(other)}"
    else:
        url = make_url(storage)
        own = url.set(database=f"{url.database}_studies")
        address = without_password(own.render_as_string(hide_password=False))
        remedy = f"Create one (createdb {own.database}) and name it: storage={address}"
    return (
        f"storage={without_password(storage)!r}: found {owner}; expected a database of the "
        f"studies' own. {remedy}."
    )
