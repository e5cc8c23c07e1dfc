"""End the MLflow runs that a dead process left behind: no store does that by itself."""

from __future__ import annotations

import time

import optuna
from mlflow.entities import Run, RunStatus
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from optuna.trial import FrozenTrial, TrialState

from experiments.search.candidates import RUN
from experiments.study.retry import RETRY_SECONDS
from experiments.study.study import WORKER, is_settled, maybe_alive
from experiments.tracking.tracker import Tracker

REASON = "The process ended during this trial; it was tried again."


def reunite(tracker: Tracker, study: optuna.Study) -> None:
    """Hang every trial's run under the study's; let the tracker leave alone those that are gone.

    The study's run is another one where the first was deleted for good.
    """
    present = {run.info.run_id for run in tracker.nested()}
    runs = {str(trial.user_attrs.get(RUN, "")) for trial in study.get_trials(deepcopy=False)}
    for run_id in sorted(runs - present - {""}):
        tracker.adopt(run_id)


def close_orphans(tracker: Tracker, study: optuna.Study) -> int:
    """Give every trial's run the state of its trial; return how many runs were ended.

    Afterwards every settled trial has exactly one finished run, and nothing that died is
    running. Runs that another process may still be at are left alone.

    Parameters
    ----------
    tracker
        Of the study.
    study
        Whose interrupted trials have failed already, see
        :func:`experiments.study.study.fail_interrupted`.
    """
    # First the runs, then the trials that know them: a run that is new in between is not seen.
    runs = list(tracker.nested())
    trials = {str(t.user_attrs.get(RUN)): t for t in study.get_trials(deepcopy=False)}
    closed = 0
    for run in runs:
        trial = trials.get(run.info.run_id)
        status = _right_status(run, trial)
        if run.info.status == status:
            continue
        if status == "KILLED":
            tags = {"feasible": "failed", "reason": REASON, MLFLOW_RUN_NOTE: REASON}
            tracker.tags(run.info.run_id, tags)
        tracker.client.set_terminated(run.info.run_id, status)
        closed += 1
    return closed


def _right_status(run: Run, trial: FrozenTrial | None) -> str:
    if trial is None:
        # Its trial gets to know a run right after it is made, or was tried again with another.
        age = time.time() - run.info.start_time / 1000
        alive = maybe_alive(str(run.data.tags.get(WORKER, ":0"))) and age < 2 * RETRY_SECONDS
        return str(run.info.status) if alive else "KILLED"
    if trial.state == TrialState.RUNNING:
        return str(run.info.status)
    if not is_settled(trial):
        return "KILLED"
    done = trial.state == TrialState.COMPLETE
    return str(RunStatus.to_string(RunStatus.FINISHED if done else RunStatus.FAILED))
