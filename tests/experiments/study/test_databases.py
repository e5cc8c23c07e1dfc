"""Databases appear whole or not at all, and keep a log that survives a crash."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from optuna.storages import RDBStorage

from experiments.study.databases import (
    create_whole,
    prepare_tracking,
    sqlite_address,
    sqlite_path,
)
from experiments.study.retry import StoreError
from experiments.study.storage import open_storage
from segmentation.errors import SegmentationError


def create(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table t (x)")
    connection.commit()
    connection.close()


def tables(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("select name from sqlite_master").fetchall()
    connection.close()
    return [name for (name,) in rows]


def test_a_database_is_made_once_with_write_ahead_logging(tmp_path: Path) -> None:
    """The second call leaves it alone; no draft is left behind."""
    path = tmp_path / "deep" / "store.db"
    create_whole(path, create)
    create_whole(path, lambda draft: pytest.fail(f"made again: {draft}"))
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert tables(path) == ["t"]
    assert not list(path.parent.glob(".creating-*"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", "emptied"),
        (lambda _: b"not a database" * 1_000, "overwritten or cut short"),
        (lambda whole: whole[: len(whole) // 2], "overwritten or cut short"),
        (lambda whole: whole[:50], "overwritten or cut short"),
    ],
)
def test_a_damaged_database_is_never_made_anew(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    """Truncated, emptied or overwritten it is refused in a sentence, and stays as it is."""
    path = tmp_path / "studies.db"
    create_whole(path, lambda draft: RDBStorage(sqlite_address(draft)).remove_session())
    create_whole(path, lambda draft: pytest.fail(f"made again: {draft}"))
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(sqlite3.DatabaseError, match=message):
        create_whole(path, lambda draft: pytest.fail(f"made again: {draft}"))
    with pytest.raises(StoreError, match=message):
        open_storage(sqlite_address(path))
    assert path.read_bytes() == damaged


def test_the_commands_say_that_the_tracking_store_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address, the file and what to do."""
    (tmp_path / "mlflow.db").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(SegmentationError, match=r"mlflow\.db cannot be opened \(it was emptied"):
        prepare_tracking()


def test_a_failure_while_making_leaves_nothing(tmp_path: Path) -> None:
    """Half a database never gets the name."""

    def fail(draft: Path) -> None:
        create(draft)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        create_whole(tmp_path / "store.db", fail)
    assert not list(tmp_path.iterdir())


def test_many_may_make_it_at_once(tmp_path: Path) -> None:
    """One wins, the others use its database."""
    path = tmp_path / "store.db"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: create_whole(path, create), range(16)))
    assert tables(path) == ["t"]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:///a.db", Path("a.db")),
        ("sqlite:////x/a.db", Path("/x/a.db")),
        ("sqlite:////x/mit%20Gr%C3%B6%C3%9Fe/a.db", Path("/x/mit Größe/a.db")),
        ("sqlite:////x/mit Größe/a.db", Path("/x/mit Größe/a.db")),
        ("http://h", None),
    ],
)
def test_only_sqlite_has_a_file(uri: str, path: Path | None) -> None:
    """Remote stores are left alone."""
    assert sqlite_path(uri) == path
