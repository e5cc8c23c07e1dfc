"""A study's database is another than the tracking store's: both want a table of one name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import create_engine, inspect, text

from experiments.study.retry import StoreError
from experiments.study.separate_databases import need_another_database
from experiments.study.storage import open_storage
from experiments.study.worker_pool import ROOT
from tests.conftest import NewDatabase


def tables(address: str) -> set[str]:
    engine = create_engine(address)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def tracking_store(address: str, folder: Path) -> None:
    """Let MLflow make its tables."""
    SqlAlchemyStore(address, str(folder)).engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_study_in_the_tracking_stores_database_is_refused(
    postgresql: NewDatabase, tmp_path: Path, kind: str
) -> None:
    """With what was found and what to do, before a table is made there."""
    sqlite = kind == "sqlite"
    address = f"sqlite:///{tmp_path / 'taken.db'}" if sqlite else postgresql("taken")
    tracking_store(address, tmp_path)
    before = tables(address)
    remedy = "taken-studies.db" if sqlite else r"createdb taken_studies.*storage=postgresql://"
    with pytest.raises(StoreError, match=f"found tables of MLflow's tracking store.*{remedy}"):
        open_storage(address)
    assert tables(address) == before


def test_another_programs_revision_is_refused(tmp_path: Path) -> None:
    """Whatever program it is; its only table is left alone."""
    address = f"sqlite:///{tmp_path / 'other.db'}"
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('1a2b3c4d5e6f')"))
    engine.dispose()
    with pytest.raises(StoreError, match="found tables of another program"):
        open_storage(address)
    assert tables(address) == {"alembic_version"}


def test_a_studys_own_database_is_opened_again(postgresql: NewDatabase) -> None:
    """Optuna's own revision is none of another program."""
    address = postgresql("own")
    for _ in range(2):
        open_storage(address).close()
    assert "studies" in tables(address)


def test_a_search_makes_no_tables_where_both_addresses_are_one(
    postgresql: NewDatabase, tmp_path: Path
) -> None:
    """Whoever came first: MLflow's tables would damage those of a study."""
    address = postgresql("for_two")
    places = {"MLFLOW_TRACKING_URI": address, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "experiments.search", "--storage", address],
        env={**os.environ, **places},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False), ended.stderr
    assert "found the database of the tracking store" in ended.stderr
    assert tables(address) == set()


def test_drivers_people_and_folders_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same database; its password is not shown."""
    monkeypatch.chdir(tmp_path)
    server = ("postgresql+psycopg://me:secret@host:5432/one", "postgresql://you@host:5432/one")
    file = ("sqlite:///one.db", f"sqlite:///{tmp_path / 'one.db'}")
    for storage, tracking in (server, file):
        with pytest.raises(StoreError, match="of the tracking store") as caught:
            need_another_database(storage, tracking)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("storage", "tracking"),
    [
        ("postgresql://host/one", "postgresql://host/two"),
        ("postgresql:///one?host=/a", "postgresql:///one?host=/b"),
        ("sqlite:///optuna.db", "sqlite:///mlflow.db"),
        ("postgresql://host/one", "http://host"),
        ("sqlite:///optuna.db", "databricks"),
    ],
)
def test_two_databases_are_two(storage: str, tracking: str) -> None:
    """Names, hosts, sockets and kinds tell them apart."""
    need_another_database(storage, tracking)
