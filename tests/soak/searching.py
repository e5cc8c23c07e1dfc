"""Real searches in processes of their own, to be disturbed, and what their stores say then."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
import psutil
from mlflow import MlflowClient
from optuna.trial import FrozenTrial, TrialState

from experiments.search.candidates import RUN
from experiments.study.storage import open_storage
from experiments.study.study import PLACE, settled

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = "disturbed"


@dataclass(frozen=True)
class Search:
    """One search command in a folder of its own.

    Parameters
    ----------
    folder
        Where its SQLite stores lie, unless others are named.
    trials
        Wanted in all.
    tracking, storage
        Addresses of the tracking store and the study's database.
    more
        Further options of the command.
    """

    folder: Path
    trials: int
    tracking: str = ""
    storage: str = ""
    more: tuple[str, ...] = ()

    @property
    def tracking_uri(self) -> str:
        """Address of the tracking store."""
        return self.tracking or f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def storage_url(self) -> str:
        """Address of the study's database."""
        return self.storage or f"sqlite:///{self.folder / 'optuna.db'}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the command."""
        return {
            **os.environ,
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }

    @property
    def command(self) -> list[str]:
        """The command: a small search of generated customers, one trial at a time."""
        flags = ["--data", "embedded:500", "--k-max", "5", "--n-jobs", "1"]
        names = ["--experiment-name", EXPERIMENT, "--model-name", EXPERIMENT]
        sizes = ["--n-trials", str(self.trials), "--storage", self.storage_url]
        return [sys.executable, "-m", "experiments.search", *flags, *names, *sizes, *self.more]

    def start(self, *prefix: str) -> subprocess.Popen[str]:
        """Start the command; what it says goes into the folder's file ``said``."""
        with (self.folder / "said").open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [*prefix, *self.command],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def run(self, *prefix: str) -> int:
        """Run the command to its end; return its exit status."""
        return self.start(*prefix).wait(600)

    def said(self) -> str:
        """Return what the commands in this folder have said."""
        return (self.folder / "said").read_text(encoding="utf-8")

    def trials_kept(self) -> list[FrozenTrial]:
        """Return every trial of the study, in whatever state."""
        storage = open_storage(self.storage_url)
        names = optuna.get_all_study_names(storage)
        trials = [t for n in names for t in optuna.load_study(study_name=n, storage=storage).trials]
        storage.close()
        return trials

    def settled(self) -> dict[int, FrozenTrial]:
        """Return the trials that count, by their place in the plan."""
        storage = open_storage(self.storage_url)
        (name,) = optuna.get_all_study_names(storage)
        trials = settled(optuna.load_study(study_name=name, storage=storage))
        storage.close()
        places = [trial.user_attrs[PLACE] for trial in trials]
        assert len(places) == len(set(places)), "a place was tried twice"
        return dict(zip(places, trials, strict=True))

    def wrong(self) -> list[str]:
        """Return where study and tracking store disagree, or something is left unfinished."""
        client = MlflowClient(self.tracking_uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        runs = {}
        token = None
        while True:
            page = client.search_runs([experiment.experiment_id], page_token=token)
            runs |= {run.info.run_id: run for run in page}
            if not (token := page.token):
                break
        trials = list(self.settled().values())
        states = [t.state for t in self.trials_kept()]
        problems = [f"run {i} is running" for i, r in runs.items() if r.info.status == "RUNNING"]
        problems += ["a trial is running" for s in states if s == TrialState.RUNNING]
        finished = {
            i
            for i, r in runs.items()
            if r.info.status == "FINISHED" and "mlflow.parentRunId" in r.data.tags
        }
        complete = {str(t.user_attrs[RUN]): t for t in trials if t.state == TrialState.COMPLETE}
        problems += [f"run {i} is of no trial" for i in finished - set(complete)]
        for run_id, trial in complete.items():
            run = runs[run_id]
            if run.info.status != "FINISHED":
                problems.append(f"run {run_id} of a completed trial is {run.info.status}")
            elif abs(_first_score(client, run_id) - (trial.value or 0)) > 1e-9:
                problems.append(f"run {run_id} has another score than its trial")
        return problems

    def pick(self) -> dict[str, str]:
        """Return what was registered as the champion, its spec among it."""
        client = MlflowClient(self.tracking_uri)
        version = client.get_model_version_by_alias(EXPERIMENT, "champion")
        trial = client.get_run(version.tags["trial_run"])
        tags = {name: version.tags[name] for name in ("algorithm", "segments", "score")}
        return {**trial.data.params, **tags}


def _first_score(client: MlflowClient, run_id: str) -> float:
    """Return the score of the trial itself, not the one on more customers."""
    return client.get_metric_history(run_id, "score")[0].value


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again; fail with what was waited for when the time is over."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)


def kill_tree(process: subprocess.Popen[str]) -> None:
    """Kill a process as the system would, and wait until its children noticed."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive, "worker processes outlive a killed search"
