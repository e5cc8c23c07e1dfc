"""The study's database: opened whole, retried while it is away, with a heartbeat of its own."""

# ruff: noqa: D102 - the delegated methods are documented in optuna.storages.BaseStorage.

from __future__ import annotations

import sqlite3
import warnings
import weakref
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, ParamSpec, TypeVar

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, fail_stale_trials, get_storage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, event

from experiments.study.databases import (
    create_whole,
    one_at_a_time,
    sqlite_address,
    sqlite_path,
)
from experiments.study.retry import Store, StoreError, patience, without_password
from experiments.study.separate_databases import need_own_tables
from experiments.study.study import HEARTBEAT_SECONDS

# For how long SQLite itself waits for another process that writes.
LOCKED_SECONDS = 60.0
P = ParamSpec("P")
R = TypeVar("R")


class RetryingStorage(BaseStorage):
    """A study's database whose every call waits while the database is away.

    It passes each call on to Optuna's storage; each is one transaction, so each can be retried.

    The store has the name for messages, and how long the database has been away.
    """

    def __init__(self, database: RDBStorage, store: Store) -> None:
        self._database, self._store = database, store
        self._cached = get_storage(database)
        self._running: set[int] = set()

    def _retry(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return self._store.retried(call)(*args, **kwargs)

    def watch(self, study_name: str) -> None:
        """Let the hearts of running trials beat, and fail trials of other machines that stopped.

        As Optuna does it, but in one thread for all trials, which ends with this object.
        """
        study = optuna.load_study(study_name=study_name, storage=self._database)
        Thread(target=_watch, args=(weakref.ref(self), study), daemon=True).start()

    def beat(self) -> None:
        """Record the heartbeat of every running trial of this process."""
        for trial_id in tuple(self._running):
            self._retry(self._database.record_heartbeat, trial_id)

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.engine.dispose()

    def remove_session(self) -> None:
        """Close this thread's session."""
        self._database.remove_session()

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        return self._retry(self._cached.create_new_study, directions, study_name)

    def delete_study(self, study_id: int) -> None:
        self._retry(self._cached.delete_study, study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._retry(self._cached.set_study_user_attr, study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._retry(self._cached.set_study_system_attr, study_id, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._retry(self._cached.get_study_id_from_name, study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._retry(self._cached.get_study_name_from_id, study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._retry(self._cached.get_study_directions, study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._retry(self._cached.get_study_user_attrs, study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._retry(self._cached.get_study_system_attrs, study_id)

    def get_all_studies(self) -> list[Any]:
        return self._retry(self._cached.get_all_studies)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        trial_id = self._retry(self._cached.create_new_trial, study_id, template_trial)
        if template_trial is None or template_trial.state == TrialState.RUNNING:
            self._begin(trial_id)
        return trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        arguments = (trial_id, param_name, param_value_internal, distribution)
        self._retry(self._cached.set_trial_param, *arguments)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        call = self._cached.get_trial_id_from_study_id_trial_number
        return self._retry(call, study_id, trial_number)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        if state.is_finished():
            self._running.discard(trial_id)
        changed = self._retry(self._cached.set_trial_state_values, trial_id, state, values)
        if changed and state == TrialState.RUNNING:
            self._begin(trial_id)
        return changed

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        self._retry(self._cached.set_trial_intermediate_value, trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._retry(self._cached.set_trial_user_attr, trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._retry(self._cached.set_trial_system_attr, trial_id, key, value)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._retry(self._cached.get_trial, trial_id)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        return self._retry(self._cached.get_all_trials, study_id, deepcopy, states)

    def _begin(self, trial_id: int) -> None:
        self._retry(self._database.record_heartbeat, trial_id)
        self._running.add(trial_id)


def _watch(reference: weakref.ref[RetryingStorage], study: optuna.Study) -> None:
    """Beat until the storage is gone. What fails here, the search's next call says as well."""
    pause = Event()
    while (storage := reference()) is not None:
        with suppress(StoreError, optuna.exceptions.OptunaError):
            storage.beat()
            fail_stale(study)
        del storage
        pause.wait(HEARTBEAT_SECONDS)


def fail_stale(study: optuna.Study) -> None:
    """Fail running trials whose heart stopped."""
    with suppress(UpdateFinishedTrialError), without_warnings():
        fail_stale_trials(study)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Use what Optuna calls experimental without a warning: the version is pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def default_storage(tracking_uri: str) -> str:
    """Return the study's database beside a SQLite tracking store, else in this folder."""
    path = sqlite_path(tracking_uri)
    folder = path.parent if path else Path()
    return sqlite_address(folder / "optuna.db")


def open_storage(url: str) -> RetryingStorage:
    """Open the study's database, creating it whole if it is a missing SQLite file.

    Parameters
    ----------
    url
        ``sqlite:///<file>`` or ``postgresql://…``.

    Raises
    ------
    StoreError
        When it is another program's, or does not answer; later calls wait for it and raise the
        same.
    """
    store = Store(f"the study's database {without_password(url)}")
    if path := sqlite_path(url):
        try:
            create_whole(path, lambda draft: RDBStorage(sqlite_address(draft)).remove_session())
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{url}: {path.absolute()} cannot be opened ({error}).") from error
    timeout = {"timeout": min(LOCKED_SECONDS, patience())}
    wait = {"connect_args": timeout} if sqlite_path(url) else {"pool_pre_ping": True}

    def opened() -> RDBStorage:
        # Processes that made the tables at the same moment would be in each other's way.
        with one_at_a_time(url, "tables"):
            need_own_tables(url)
            return RDBStorage(url, heartbeat_interval=HEARTBEAT_SECONDS, engine_kwargs=wait)

    with without_warnings():
        database = store.retried(opened)()
    if sqlite_path(url):
        _lock_first(database)
    return RetryingStorage(database, store)


def _lock_first(database: RDBStorage) -> None:
    """Take SQLite's write lock at the beginning of every transaction.

    SQLite has no row locks: two workers that read the same waiting trial would both begin it.
    """

    @event.listens_for(database.engine, "connect")
    def leave_transactions_alone(connection: Any, record: Any) -> None:  # noqa: ARG001
        connection.isolation_level = None

    @event.listens_for(database.engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    database.engine.dispose()
