"""Databases appear whole or not at all, and keep a log that survives a crash."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage

from experiments.faults import ending_in_a_sentence
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


def test_a_database_is_not_made_beside_the_journal_of_another(tmp_path: Path) -> None:
    """SQLite would write what is left of a removed study into the new one."""
    path = tmp_path / "studies.db"
    create_whole(path, create)
    (tmp_path / "studies.db-wal").write_bytes(b"left")
    path.unlink()
    with pytest.raises(StoreError, match=r"it was removed, and its journal studies\.db-wal"):
        open_storage(sqlite_address(path))
    assert not path.exists()


def test_damage_that_shows_when_trials_are_read_is_a_sentence(tmp_path: Path) -> None:
    """The tables are there, a page of one is not: no trace, and the remedy."""
    path = tmp_path / "studies.db"
    study = optuna.create_study(storage=open_storage(sqlite_address(path)), study_name="s")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trials'")
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    whole = bytearray(path.read_bytes())
    whole[(page[0] - 1) * size : page[0] * size] = b"x" * size
    path.write_bytes(whole)
    with pytest.raises(StoreError, match=r"studies\.db is damaged: .*malformed\. Restore it"):
        optuna.load_study(storage=open_storage(sqlite_address(path)), study_name="s").get_trials()


def test_a_database_that_stays_locked_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Waited for as long as set, and told so; then what is wrong and what to do, exit code 2."""
    monkeypatch.setenv("SEGMENTATION_PATIENCE", "1")
    path = tmp_path / "studies.db"
    create_whole(path, lambda draft: RDBStorage(sqlite_address(draft)).remove_session())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SystemExit) as ended, ending_in_a_sentence():
        optuna.create_study(storage=open_storage(sqlite_address(path)), study_name="s")
    other.execute("ROLLBACK")
    other.close()
    assert ended.value.code == 2
    messages = capsys.readouterr().err
    assert "studies.db does not answer; waiting up to 1 s (SEGMENTATION_PATIENCE)." in messages
    assert "studies.db does not work: database is locked. Nothing recorded before" in messages
    assert "Traceback" not in messages
    study = optuna.create_study(storage=open_storage(sqlite_address(path)), study_name="s")
    assert study.get_trials() == []


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
