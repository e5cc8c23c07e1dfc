"""Databases that survive a crash: the tracking store and the study's, both SQLite by default."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from uuid import uuid4

import mlflow
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from sqlalchemy import Engine, NullPool, create_engine, event, make_url, text

from experiments.study.retry import SQLITE, patience, retry_http
from segmentation.data.atomic import appearing_whole
from segmentation.errors import SegmentationError

DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"
# How far a commit waits for the disk: of a write-ahead log, and of a file that is not there yet.
LOGGED, SYNCED_ONCE = "NORMAL", "OFF"
_until_synced: ContextVar[str] = ContextVar("synchronous", default=LOGGED)


def quiet() -> None:
    """Let the libraries report errors only: what a command prints is its result.

    A terminal whose encoding lacks a character shows a question mark in its place.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def prepare_tracking() -> str:
    """Choose the tracking store, create it if it is a missing SQLite file, and return its URI.

    ``MLFLOW_TRACKING_URI`` wins; without it the store is ``mlflow.db`` in this folder, as it is
    for ``mlflow run`` and ``mlflow ui``.

    Raises
    ------
    SegmentationError
        When a SQLite file cannot be opened.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_TRACKING_URI
    if path := sqlite_path(uri):
        # `mlflow run` percent-encodes the path; MLflow makes folders of the encoded name.
        uri = sqlite_address(path)
        try:
            create_whole(path, lambda draft: _create_tracking(sqlite_address(draft)))
        except (OSError, sqlite3.Error) as error:
            raise SegmentationError(
                f"MLFLOW_TRACKING_URI={uri!r}: {path.absolute()} cannot be opened ({error}); "
                "expected an SQLite database, or a folder in which one can be made. Name another "
                "file, or change the permissions."
            ) from error
    mlflow.set_tracking_uri(uri)
    retry_http(uri)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Two lines for every trial, through the progress bar.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    return uri


def sqlite_path(uri: str) -> Path | None:
    """Return the file behind a ``sqlite:///`` URI, percent-encoded or not, None for another."""
    return Path(make_url(uri).database or "") if uri.startswith(SQLITE) else None


def sqlite_address(path: Path) -> str:
    """Return the ``sqlite:///`` URI of a file; only what has a meaning in a URI is encoded."""
    return SQLITE + str(path).replace("%", "%25").replace("?", "%3F")


def artifacts_beside() -> str | None:
    """Return where a new experiment's files belong: beside its SQLite store, wherever that is.

    None where MLflow's own choice is right: on a server, and in the folder of the store, since
    MLflow puts files into ``mlruns`` of the working folder.
    """
    path = sqlite_path(mlflow.get_tracking_uri())
    if path is None or path.absolute().parent == Path.cwd():
        return None
    return str(path.absolute().parent / "mlruns" / uuid4().hex)


def create_whole(path: Path, create: Callable[[Path], None]) -> None:
    """Create an SQLite database elsewhere and move it into place, unless it is there.

    A process killed while MLflow or Optuna makes its tables would leave a file that can never
    be opened again; a file that appears whole or not at all cannot be broken that way.

    Parameters
    ----------
    path
        Where the database belongs.
    create
        Makes the tables in the file of that path.

    Raises
    ------
    sqlite3.DatabaseError
        When the file was overwritten, emptied, cut, or removed without its journal: it is never
        made anew in silence.
    """
    if path.exists():
        check_whole(path)
    else:
        check_no_journal(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Where another process is first, its database is as good.
        with appearing_whole(path, overwrite=False) as draft:
            token = _until_synced.set(SYNCED_ONCE)
            try:
                create(draft)
                write_ahead(draft)
            finally:
                _until_synced.reset(token)
            with draft.open("rb") as whole:
                os.fsync(whole.fileno())
    write_ahead(path)


def check_whole(path: Path) -> None:
    """Refuse a file that is no SQLite database, or only the beginning of one.

    SQLite itself takes an empty file for a new database, so that a study would begin anew. The
    rest it finds out when it reads. Nothing else may open the file: closing it would take away
    the locks that this process's connections hold, and two writers at once ruin a database
    (https://www.sqlite.org/howtocorrupt.html, 2.2).

    Raises
    ------
    sqlite3.DatabaseError
        Naming what is wrong.
    """
    remedy = "restore it, or move it away"
    if not path.stat().st_size:
        raise sqlite3.DatabaseError(f"it was emptied; {remedy}")
    try:
        with _opened(path) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        message = f"it was overwritten or cut short ({error}); {remedy}"
        raise sqlite3.DatabaseError(message) from error


def check_no_journal(path: Path) -> None:
    """Refuse to make a database beside the journal of one that was there.

    SQLite would write the journal into the new file.

    Raises
    ------
    sqlite3.DatabaseError
        Naming the journal.
    """
    journal = path.with_name(f"{path.name}-wal")
    # Another process may have made the database, and then its journal, in this moment.
    if journal.exists() and not path.exists():
        raise sqlite3.DatabaseError(
            f"it was removed, and its journal {journal.name} was not; restore it, or move the "
            "journal away"
        )


@contextmanager
def one_at_a_time(url: str, name: str) -> Iterator[None]:
    """Let one process in at a time, on whatever machine; one that dies lets the next one in.

    Parameters
    ----------
    url
        Of a database that all of them reach, SQLite or PostgreSQL.
    name
        What is done one at a time.
    """
    if path := sqlite_path(url):
        with FileLock(f"{path}.lock"):
            yield
        return
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # PostgreSQL lets go of it when the connection ends, however it ends.
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key(name)})
        yield


@contextmanager
def alone(url: str, name: str) -> Iterator[bool]:
    """Tell whether no other process does this at the moment, on whatever machine, and keep it so.

    The parameters are those of :func:`one_at_a_time`. One that dies lets the next one in.
    """
    key = _key(name)
    if path := sqlite_path(url):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.{abs(key):x}.lock", blocking=False)
        try:
            with lock:
                yield True
        except Timeout:
            yield False
        return
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}))


def _key(name: str) -> int:
    """Return the number by which PostgreSQL knows a lock."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def write_ahead(path: Path) -> None:
    """Switch a database to write-ahead logging, which stays with the file.

    It is about three times as fast for many small runs and lets readers read meanwhile.
    """
    with _opened(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _opened(path: Path) -> closing[sqlite3.Connection]:
    """Open a database until the end of a block; another process that writes is waited for."""
    return closing(sqlite3.connect(path, timeout=min(30.0, patience())))


@event.listens_for(Engine, "connect")
def _commit_to_the_log(connection: Any, _: Any) -> None:
    """Let a commit end when the system has it, not the disk: a fifth of a small study's time.

    With a write-ahead log a process that is killed loses nothing by it; when the power fails, the
    last commits may be lost, and the file stays whole (https://www.sqlite.org/pragma.html,
    synchronous).
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA synchronous={_until_synced.get()}")


def _create_tracking(uri: str) -> None:
    MlflowClient(tracking_uri=uri).search_experiments(max_results=1)


if __name__ == "__main__":
    prepare_tracking()
