"""Stores that go away for a while: wait for them; where they stay away or are full, say so."""

from __future__ import annotations

import errno
import functools
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from math import inf, log2, nan
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import unquote

import click
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential_jitter

from segmentation.errors import SegmentationError

P = ParamSpec("P")
R = TypeVar("R")

RETRY_VARIABLE = "SEGMENTATION_PATIENCE"
RETRY_SECONDS = 90.0
SQLITE = "sqlite:///"
AWAY_CODES = {"TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR"}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FULL_TEXTS = ("database or disk is full", "No space left on device", "Disk quota exceeded")
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
MEGABYTE = 1_000_000


class StoreError(SegmentationError):
    """The tracking store or the study's database does not work; the message says which and why."""


def patience() -> float:
    """Return for how many seconds a store that is away is waited for.

    Raises
    ------
    StoreError
        When ``SEGMENTATION_PATIENCE`` is no number of seconds.
    """
    text = os.environ.get(RETRY_VARIABLE) or str(RETRY_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not 0 <= seconds < inf:
        raise StoreError(f"{RETRY_VARIABLE}={text!r}: expected seconds, 0 or more, such as 90.")
    return seconds


def retry_http(uri: str) -> None:
    """Let MLflow's calls to a server wait as long as all others, and say once that they do."""
    # MLflow sleeps 0, 4, 8, 16, … s before its retries, with some jitter.
    retries = int(log2(patience() + 4)) - 1
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(retries))
    logger = logging.getLogger("urllib3.connectionpool")
    if not any(isinstance(one, _Waiting) for one in logger.filters):
        logger.addFilter(_Waiting(f"the tracking store {uri}"))


class _Waiting(logging.Filter):
    """Turns the warnings about every attempt into one sentence about the wait."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say that the server is waited for; let every other record pass."""
        if not record.getMessage().startswith("Retrying"):
            return True
        say_waiting(self.name)
        return False


_waited_for: dict[str, float] = {}


def say_waiting(place: str) -> None:
    """Say that a store is waited for, once an outage."""
    now, before = time.monotonic(), _waited_for.get(place, -inf)
    _waited_for[place] = now
    if now - before > patience():
        click.echo(
            f"{place} does not answer; waiting up to {patience():g} s ({RETRY_VARIABLE}).", err=True
        )


class Store:
    """A store that may be away; how long it has been away counts for all calls together.

    `place` says in messages what it is and where.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._away_since: float | None = None

    def retried(self, call: Callable[P, R]) -> Callable[P, R]:
        """Return a call that is tried again while the store is away; that must do no harm.

        Raises
        ------
        StoreError
            After as many seconds as ``SEGMENTATION_PATIENCE`` says (90), or at once where a disk
            is full. Every other error passes.
        """

        @functools.wraps(call)
        def retrying(*args: P.args, **kwargs: P.kwargs) -> R:
            attempts = Retrying(
                retry=retry_if_exception(_may_come_back),
                stop=self._stays_away,
                wait=wait_exponential_jitter(multiplier=0.2, max=5),
                before_sleep=lambda _: say_waiting(self.place),
                reraise=True,
            )
            try:
                result = attempts(call, *args, **kwargs)
            except (MlflowException, StorageInternalError, DBAPIError, OSError) as error:
                if message := _message(error, self.place):
                    raise StoreError(message) from error
                raise
            self._away_since = None
            return result

        return retrying

    def _stays_away(self, _: RetryCallState) -> bool:
        now = time.monotonic()
        self._away_since = self._away_since or now
        return now - self._away_since > patience()


class _Retrying:
    """Passes every call on to another object; retries while the store is away."""

    def __init__(self, inner: object, store: Store) -> None:
        self._inner, self._store = inner, store

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        return self._store.retried(attribute) if callable(attribute) else attribute


def retrying_client(uri: str) -> MlflowClient:
    """Return a client of the tracking store whose every call waits while the store is away."""
    return cast(MlflowClient, _Retrying(MlflowClient(uri), tracking_store(uri)))


def tracking_store(uri: str) -> Store:
    """Return the tracking store as it is named to people."""
    return Store(f"the tracking store {uri}")


def without_password(url: str) -> str:
    """Return a database's address as it may be shown."""
    start, at, rest = url.rpartition("@")
    if not at:
        return url
    scheme, slashes, login = start.partition("://")
    return f"{scheme}{slashes}{login.partition(':')[0]}@{rest}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _may_come_back(error: BaseException) -> bool:
    """Whether a database is away or busy; a full disk and an unreadable file stay as they are."""
    away = any(isinstance(cause, OperationalError | InterfaceError) for cause in _causes(error))
    return away and not _is_full(error) and not _cannot_open(error)


def _cannot_open(error: BaseException) -> bool:
    """Whether SQLite cannot open its file: the folder is missing, or it is no file."""
    return any(
        isinstance(cause, sqlite3.OperationalError)
        and cause.sqlite_errorcode == sqlite3.SQLITE_CANTOPEN
        for cause in _causes(error)
    )


def _damage(error: BaseException) -> str:
    """Return what SQLite says of a file that was overwritten or cut; empty for another error."""
    damages = (
        str(cause)
        for cause in _causes(error)
        if isinstance(cause, sqlite3.DatabaseError)
        and getattr(cause, "sqlite_errorcode", None) in DAMAGED
    )
    return next(damages, "")


def _is_full(error: BaseException) -> bool:
    return any(
        getattr(cause, "errno", None) in FULL or any(text in str(cause) for text in FULL_TEXTS)
        for cause in _causes(error)
    )


def _message(error: Exception, place: str) -> str:
    """Return what a person can do about it; empty where the error is none of the store's."""
    if _is_full(error):
        return (
            f"{place} is full{_where(error, place)}. Nothing recorded before is lost: free some "
            "space, then run the same command again; it goes on where it stopped."
        )
    if damage := _damage(error):
        return f"{place} is damaged: {damage}. Restore it from a backup, or move it away."
    if isinstance(error, MlflowException) and error.error_code not in AWAY_CODES:
        return ""
    lasting = not _may_come_back(error) and not _cannot_open(error)
    if isinstance(error, StorageInternalError | DBAPIError) and lasting:
        return ""
    reason = str(next(reversed(list(_causes(error)))) or error).strip().splitlines()[0]
    return (
        f"{place} does not work: {reason[:300]}. Nothing recorded before is lost: when it works "
        "again, run the same command; it goes on where it stopped."
    )


def _where(error: BaseException, place: str) -> str:
    """Return path and size of what is full, as far as error and store know."""
    names = [name for cause in _causes(error) for name in _files(cause)]
    names += [unquote(place.partition(SQLITE)[2])]
    for name in filter(None, names):
        path = Path(name).absolute()
        size = shutil.disk_usage(next(one for one in [path, *path.parents] if one.exists()))
        free, total = size.free / MEGABYTE, size.total / MEGABYTE
        return f" ({path}: {free:,.1f} MB of {total:,.1f} MB are free)"
    return ""


def _files(error: BaseException) -> list[str]:
    """Return the files that could not be written."""
    # shutil collects (source, target, reason) of every file it could not copy.
    copies = error.args[0] if isinstance(error, shutil.Error) and error.args else ()
    targets = [copy[1] for copy in copies if isinstance(copy, tuple) and len(copy) == 3]
    names = [*targets, getattr(error, "filename2", None), getattr(error, "filename", None)]
    return [os.fsdecode(name) for name in names if name]
