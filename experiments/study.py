"""The Optuna study behind a search: one per data, space and seed; resumed, never restarted."""

from __future__ import annotations

import hashlib
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState

from experiments.space import Space
from experiments.store import SQLITE, create_whole, sqlite_path

STARTUP_TRIALS = 12
HEARTBEAT_SECONDS = 20
ERROR = "error"
WORKER = "worker"

Objective = Callable[[optuna.Trial], float]


def default_storage(tracking_uri: str) -> str:
    """Return the study's database beside a SQLite tracking store, else in this folder."""
    path = sqlite_path(tracking_uri)
    folder = path.parent if path else Path()
    return f"{SQLITE}{folder / 'optuna.db'}"


def open_storage(url: str) -> BaseStorage:
    """Open the study's database, creating it whole if it is a missing SQLite file."""
    if path := sqlite_path(url):
        create_whole(path, lambda draft: RDBStorage(f"{SQLITE}{draft}").remove_session())
    arguments = {"connect_args": {"timeout": 60}} if sqlite_path(url) else {}
    with _experimental():
        return RDBStorage(url, heartbeat_interval=HEARTBEAT_SECONDS, engine_kwargs=arguments)


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
    study = optuna.create_study(
        study_name=name, storage=storage, direction="maximize", load_if_exists=True
    )
    if storage is not None:
        fail_interrupted(study)
    return study


def settled(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: finished, or failed for a reason of their own.

    A trial whose process was killed failed too, but left no reason; it does not count.
    """
    states = (TrialState.COMPLETE, TrialState.FAIL)
    trials = study.get_trials(deepcopy=False, states=states)
    return [t for t in trials if t.state == TrialState.COMPLETE or ERROR in t.user_attrs]


def optimise(
    study: optuna.Study,
    objective: Objective,
    space: Space,
    *,
    n_trials: int,
    stop: Callable[[], bool],
) -> None:
    """Run trials until `n_trials` are settled in all, or `stop` says so.

    What a trial tries depends on the space, its seed and the settled trials only: an
    interrupted study goes on exactly as an undisturbed one would have.

    Parameters
    ----------
    study
        From :func:`open_study`.
    objective
        Judges one trial; an exception fails that trial and the study goes on.
    space
        Where the first trials come from; its seed seeds the sampler.
    n_trials
        Wanted in all, those of earlier sessions included.
    stop
        Asked before each trial.
    """
    first = list(space.first())
    while (count := len(settled(study))) < n_trials and not stop():
        study.sampler = _sampler(space.seed * 1_000_003 + count)
        waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if count < len(first) and not waiting:
            study.enqueue_trial(first[count])
        study.optimize(_signed(objective), n_trials=1, catch=(Exception,))


def fail_interrupted(study: optuna.Study) -> None:
    """Fail trials whose process is gone; those of other machines fail by their heartbeat."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, _, process = str(trial.user_attrs.get(WORKER, "")).rpartition(":")
        if host == socket.gethostname() and not _alive(int(process)):
            study.tell(trial.number, state=TrialState.FAIL)


def _sampler(seed: int) -> optuna.samplers.BaseSampler:
    with _experimental():
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True
        )


@contextmanager
def _experimental() -> Iterator[None]:
    """Use what Optuna calls experimental without a warning: the version is pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def _signed(objective: Objective) -> Objective:
    def signed(trial: optuna.Trial) -> float:
        trial.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}")
        try:
            return objective(trial)
        except Exception as error:
            trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}")
            raise

    return signed


def _alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
