"""The Optuna study behind a search: one per data, space and seed; resumed, never restarted."""

from __future__ import annotations

import hashlib
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import psutil
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, event

from experiments.search.proposals import Plan
from experiments.search.search_space import Space
from experiments.study.databases import (
    create_whole,
    one_at_a_time,
    sqlite_address,
    sqlite_path,
)
from experiments.study.retry import Store, make_patient, without_password
from experiments.study.separate_databases import need_own_tables
from experiments.study.worker_pool import EvaluationError

HEARTBEAT_SECONDS = 20
ERROR = "error"
WORKER = "worker"
PLACE = "place"
POLL_SECONDS = 0.2
UNSIGNED = timedelta(seconds=3 * HEARTBEAT_SECONDS)
UNSETTLED = (TrialState.WAITING, TrialState.RUNNING)

Objective = Callable[[optuna.Trial], float]


def default_storage(tracking_uri: str) -> str:
    """Return the study's database beside a SQLite tracking store, else in this folder."""
    path = sqlite_path(tracking_uri)
    folder = path.parent if path else Path()
    return sqlite_address(folder / "optuna.db")


def open_storage(url: str) -> RDBStorage:
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
        create_whole(path, lambda draft: RDBStorage(sqlite_address(draft)).remove_session())
    wait = {"connect_args": {"timeout": 60}} if sqlite_path(url) else {"pool_pre_ping": True}

    def opened() -> RDBStorage:
        # Processes that made the tables at the same moment would be in each other's way.
        with one_at_a_time(url, "tables"):
            need_own_tables(url)
            return RDBStorage(url, heartbeat_interval=HEARTBEAT_SECONDS, engine_kwargs=wait)

    with _experimental():
        storage = store.patient(opened)()
    if sqlite_path(url):
        _lock_first(storage)
    return make_patient(storage, store)


def _lock_first(storage: RDBStorage) -> None:
    """Take SQLite's write lock at the beginning of every transaction.

    SQLite has no row locks: two workers that read the same waiting trial would both begin it.
    """

    @event.listens_for(storage.engine, "connect")
    def leave_transactions_alone(connection: Any, record: Any) -> None:  # noqa: ARG001
        connection.isolation_level = None

    @event.listens_for(storage.engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    storage.engine.dispose()


def study_name(experiment: str, data_digest: str, space: Space) -> str:
    """Return the name that the same data, space and seed always give."""
    digest = hashlib.sha256(f"{data_digest} {space.fingerprint()}".encode()).hexdigest()
    return f"{experiment}-{digest[:10]}"


def open_study(storage: BaseStorage | None, name: str, *, new: bool = False) -> optuna.Study:
    """Open the study of that name, or with `new` the next one of its kind.

    Parameters
    ----------
    storage
        Where it is kept; None for memory.
    name
        From :func:`study_name`.
    new
        Whether to leave an existing study alone and begin another.
    """
    if storage is not None:
        taken = set(optuna.get_all_study_names(storage=storage))
        number = 1
        while (numbered := f"{name}-{number}") in taken:
            number += 1
        latest = f"{name}-{number - 1}"
        name = latest if latest in taken and not new else numbered
    # The plan proposes; the study's own sampler is never asked.
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        sampler=sampler,
        direction="maximize",
        load_if_exists=True,
    )
    if storage is not None:
        fail_interrupted(study)
    return study


def settled(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: finished, or failed for a reason of their own.

    A trial whose process was killed failed too, but left no reason; it does not count.
    """
    states = (TrialState.COMPLETE, TrialState.FAIL)
    return [t for t in study.get_trials(deepcopy=False, states=states) if is_settled(t)]


def optimise(
    study: optuna.Study,
    objective: Objective,
    plan: Plan,
    *,
    n_trials: int,
    jobs: int = 1,
    deadline: float = float("inf"),
) -> None:
    """Run trials until `n_trials` are settled in all, or the deadline is over.

    Trials have numbered places, and the plan proposes them batch by batch: what a trial tries
    depends on its place and on the settled trials of earlier batches only. However many
    processes work on a study, and however often they are interrupted, the same is tried.

    Parameters
    ----------
    study
        From :func:`open_study`.
    objective
        Judges one trial; an :class:`EvaluationError` fails that trial and the study goes on. Any
        other exception ends the search, and the trial is tried again when it goes on.
    plan
        What to try.
    n_trials
        Wanted in all, those of earlier sessions included.
    jobs
        Trials judged at the same time.
    deadline
        By :func:`time.monotonic`; no trial begins after it.
    """
    start = 0
    while start < n_trials:
        places = plan.batch(start)
        wanted = range(start, min(places.stop, n_trials))
        while (missing := _missing(study, wanted)) and time.monotonic() < deadline:
            _enqueue(study, plan, places, missing)
            waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            if waiting:
                left = deadline - time.monotonic()
                study.optimize(
                    _signed(objective),
                    n_trials=len(waiting),
                    timeout=left if left < float("inf") else None,
                    n_jobs=jobs,
                    catch=(EvaluationError,),
                )
            else:
                _await_others(study)
        if missing:
            return
        start = places.stop


def _missing(study: optuna.Study, places: range) -> set[int]:
    """Return the places without a settled trial."""
    return set(places) - {trial.user_attrs.get(PLACE) for trial in settled(study)}


def _enqueue(study: optuna.Study, plan: Plan, places: range, missing: set[int]) -> None:
    """Put what is missing and not yet under way into the study's queue."""
    under_way = study.get_trials(deepcopy=False, states=(TrialState.WAITING, TrialState.RUNNING))
    fresh = missing - {trial.user_attrs.get(PLACE) for trial in under_way}
    if not fresh:
        return
    before = {trial.user_attrs[PLACE]: trial for trial in settled(study)}
    history = [before[place] for place in sorted(before) if place < places.start]
    proposed = plan.propose(history, places)
    for place in sorted(fresh):
        study.enqueue_trial(proposed[place - places.start], user_attrs={PLACE: place})


def _await_others(study: optuna.Study) -> None:
    """Wait a moment for the trials of other processes, and free those of dead ones."""
    time.sleep(POLL_SECONDS)
    fail_interrupted(study)
    with _experimental():
        optuna.storages.fail_stale_trials(study)


def fail_interrupted(study: optuna.Study) -> None:
    """Fail trials whose process is gone; those of other machines fail by their heartbeat."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if WORKER in trial.user_attrs:
            gone = not maybe_alive(str(trial.user_attrs[WORKER]))
        else:
            # A process signs a trial, and its heart beats, at once or never.
            began = trial.datetime_start
            gone = began is not None and datetime.now() - began > UNSIGNED
        if gone:
            # Another process may have seen the same and be first.
            with suppress(optuna.exceptions.UpdateFinishedTrialError):
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


@contextmanager
def _experimental() -> Iterator[None]:
    """Use what Optuna calls experimental without a warning: the version is pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def _signed(objective: Objective) -> Objective:
    def signed(trial: optuna.Trial) -> float:
        trial.set_user_attr(WORKER, worker())
        if _taken(trial):
            raise optuna.TrialPruned
        try:
            return objective(trial)
        except EvaluationError as error:
            trial.set_user_attr(ERROR, str(error))
            raise

    return signed


def _taken(trial: optuna.Trial) -> bool:
    """Whether an older trial has this one's place: two processes may queue the same batch."""
    place = trial.user_attrs.get(PLACE)
    others = trial.study.get_trials(deepcopy=False)
    return place is None or any(
        other.number < trial.number
        and other.user_attrs.get(PLACE) == place
        and (other.state in UNSETTLED or is_settled(other))
        for other in others
    )


def is_settled(trial: FrozenTrial) -> bool:
    """Whether a trial counts, see :func:`settled`."""
    return trial.state == TrialState.COMPLETE or ERROR in trial.user_attrs


def worker() -> str:
    """Return what tells this process from all others: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def maybe_alive(signature: str) -> bool:
    """Whether another process may be at work still; of other machines nobody here can tell."""
    host, _, process = signature.rpartition(":")
    if host != socket.gethostname():
        return True
    return int(process) != os.getpid() and psutil.pid_exists(int(process))
