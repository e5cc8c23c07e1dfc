"""The Optuna study behind a search: one per data, space and seed; resumed, never restarted."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from abc import abstractmethod
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

import optuna
import psutil
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from experiments.search.search_space import Space
from experiments.study.worker_pool import EvaluationError
from segmentation.errors import SegmentationError
from segmentation.evaluation.constraints import Constraints

HEARTBEAT_SECONDS = 20
ERROR = "error"
WORKER = "worker"
PLACE = "place"
# On a study: the MLflow experiment that records it.
EXPERIMENT = "experiment"
POLL_SECONDS = 0.2
UNSIGNED = timedelta(seconds=3 * HEARTBEAT_SECONDS)
UNSETTLED = (TrialState.WAITING, TrialState.RUNNING)

Objective = Callable[[optuna.Trial], float]


class MissingStudyError(SegmentationError):
    """A study whose trials are recorded is not in its database."""


class BatchSampler(BaseSampler):
    """Proposes trials by their numbered places, which are divided into batches."""

    @abstractmethod
    def batch(self, start: int) -> range:
        """Return the places of the batch that begins at `start`."""


def study_name(experiment: str, data_digest: str, space: Space, constraints: Constraints) -> str:
    """Return the name that the same data, space, seed and constraints always give."""
    text = f"{data_digest} {space.fingerprint()}"
    if constraints != Constraints(k_min=constraints.k_min, k_max=constraints.k_max):
        text = f"{text} {constraints}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{experiment}-{digest[:10]}"


def open_study(
    storage: BaseStorage | None,
    name: str,
    *,
    experiment: str = "",
    new: bool = False,
    recorded: Collection[str] = (),
) -> optuna.Study:
    """Open the study of that name, or with `new` the next one of its kind.

    Parameters
    ----------
    storage
        None means memory.
    name
        From :func:`study_name`.
    experiment
        Which MLflow experiment records it. A study that another one records, on another server
        perhaps, is left alone; one of an experiment that was renamed is found again.
    new
        Leave an existing study alone and begin another.
    recorded
        Studies of that name with trials in MLflow.

    Raises
    ------
    MissingStudyError
        When one is recorded and none is in the storage: it is never begun anew in silence.
    """
    if storage is not None:
        every = storage.get_all_studies()
        studies = {s.study_name: str(s.user_attrs.get(EXPERIMENT, "")) for s in every}
        number = 1
        while (numbered := f"{name}-{number}") in {*studies, *recorded}:
            number += 1
        earlier = [one for one in studies if _continues(one, studies[one], name, experiment)]
        if recorded and not earlier and not new:
            raise MissingStudyError(
                f"the study {max(recorded)} has trials in MLflow and is not in its database. "
                "Restore the database or name it with storage, or begin another study with "
                "new-study."
            )
        name = earlier[-1] if earlier and not new else numbered
    study = optuna.create_study(
        study_name=name, storage=storage, direction="maximize", load_if_exists=True
    )
    if storage is not None:
        if experiment:
            study.set_user_attr(EXPERIMENT, experiment)
        fail_interrupted(study)
    return study


def _continues(study: str, recorded_by: str, name: str, experiment: str) -> bool:
    """Whether a numbered study is of that name, or has its data and space and its experiment."""
    own = study.rpartition("-")[0]
    if not recorded_by or not experiment:
        return own == name
    return recorded_by == experiment and own.rpartition("-")[2] == name.rpartition("-")[2]


def settled(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: finished, or failed for a reason of their own.

    A trial whose process was killed failed too, but left no reason; it does not count.
    """
    states = (TrialState.COMPLETE, TrialState.FAIL)
    return [t for t in study.get_trials(deepcopy=False, states=states) if is_settled(t)]


def history(study: optuna.Study, start: int) -> list[FrozenTrial]:
    """Return the settled trials of all places before `start`, in the order of their places."""
    places = {trial.user_attrs[PLACE]: trial for trial in settled(study)}
    return [places[place] for place in sorted(places) if place < start]


def optimise(
    study: optuna.Study,
    objective: Objective,
    sampler: BatchSampler,
    *,
    n_trials: int,
    jobs: int = 1,
    deadline: float = float("inf"),
) -> None:
    """Run trials until `n_trials` are settled in all, or the deadline is over.

    Trials have numbered places, in batches. The sampler knows a trial's place, and proposes
    from the settled trials of earlier batches only. However many processes work on a
    study, and however often they are interrupted, the same is tried.

    Parameters
    ----------
    study
        From :func:`open_study`.
    objective
        Evaluates one trial; an :class:`EvaluationError` fails that trial and the study goes on.
        Any other exception ends the search, and the trial is tried again when it goes on.
    sampler
        Proposes what is tried.
    n_trials
        In all, those of earlier sessions included.
    jobs
        Trials evaluated at the same time.
    deadline
        By :func:`time.monotonic`; no trial begins after it.
    """
    study.sampler = sampler
    start = 0
    while start < n_trials:
        end = sampler.batch(start).stop
        places = range(start, min(end, n_trials))
        while (missing := _missing(study, places)) and time.monotonic() < deadline:
            _reserve(study, missing)
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
                time.sleep(POLL_SECONDS)  # the others' trials
                fail_interrupted(study)
        if missing:
            return
        start = end


def _missing(study: optuna.Study, places: range) -> set[int]:
    """Return the places without a settled trial."""
    return set(places) - {trial.user_attrs.get(PLACE) for trial in settled(study)}


def _reserve(study: optuna.Study, missing: set[int]) -> None:
    """Enqueue a trial for every place that is not under way; the sampler proposes what it tries."""
    under_way = study.get_trials(deepcopy=False, states=UNSETTLED)
    for place in sorted(missing - {trial.user_attrs.get(PLACE) for trial in under_way}):
        study.enqueue_trial({}, user_attrs={PLACE: place})


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


def _signed(objective: Objective) -> Objective:
    def signed(trial: optuna.Trial) -> float:
        trial.set_user_attr(WORKER, worker())
        if _is_duplicate(trial):
            raise optuna.TrialPruned
        try:
            return objective(trial)
        except EvaluationError as error:
            trial.set_user_attr(ERROR, str(error))
            raise

    return signed


def _is_duplicate(trial: optuna.Trial) -> bool:
    """Whether an older trial has this one's place: two processes may reserve the same batch."""
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
    """Whether another process may still be at work; on other machines that cannot be seen."""
    host, _, process = signature.rpartition(":")
    if host != socket.gethostname():
        return True
    return int(process) != os.getpid() and psutil.pid_exists(int(process))
