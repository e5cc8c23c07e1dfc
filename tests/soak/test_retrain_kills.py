"""A retraining killed at any step ends, after the same command again, as if it had not been."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from experiments.registry.client import version_of
from experiments.registry.promotion import history
from experiments.work.retraining import BUSY, DONE, KIND
from tests.conftest import NewDatabase
from tests.soak.searching import EXPERIMENT, Search, kill_tree, wait_until
from tests.stores import tracking_store

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
TRIALS = 4


class Retraining(Search):
    """The command that trains the champion's successor on other customers."""

    @property
    def command(self) -> list[str]:
        """The command."""
        flags = ["--data", "embedded:500:1", "--model-name", EXPERIMENT, "--force", "--promote"]
        return [sys.executable, "-m", "experiments.retrain", *flags]


def below(client: MlflowClient, kind: str) -> list[Run]:
    """Return the runs of a kind in the registry's experiment."""
    experiment = client.get_experiment_by_name(f"{EXPERIMENT}-registry")
    return list(client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'"))


def trials(client: MlflowClient, status: str = "") -> int:
    """Return how many runs the retraining's study has, its own among them; all, or of a status."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id], max_results=500)
    parents = [r.info.run_id for r in runs if r.data.params.get("begin_with") == "1"]
    return sum(
        (run.info.run_id in parents or run.data.tags.get("mlflow.parentRunId") in parents)
        and status in {"", run.info.status}
        for run in runs
    )


def ended(client: MlflowClient) -> bool:
    """Return whether the retraining has done all, also where its process still ends."""
    return [run.info.status for run in below(client, KIND)] == ["FINISHED"]


def versions(client: MlflowClient) -> list[str]:
    """Return the numbers of the versions."""
    return sorted(str(v.version) for v in client.search_model_versions(f"name = '{EXPERIMENT}'"))


# In the order in which they come.
MOMENTS: list[Callable[[MlflowClient], bool]] = [
    lambda client: bool(below(client, KIND)),
    lambda client: bool(below(client, "monitoring")),
    lambda client: "verdict" in below(client, KIND)[0].data.tags,
    lambda client: trials(client) >= 1,
    lambda client: trials(client) >= 2,
    lambda client: trials(client) >= 4,
    lambda client: len(versions(client)) == 2,
    lambda client: "version" in below(client, KIND)[0].data.tags,
    lambda client: bool(below(client, "comparison")),
    lambda client: version_of(client, EXPERIMENT, "champion") == "2",
]


def stopped_at(process: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
    """Stop a process, so that it does no more, as soon as a moment has come; or see it end."""

    def came() -> bool:
        with suppress(IndexError, MlflowException):
            return process.poll() is not None or moment()
        return False

    wait_until(came, 300, "a step of a retraining")
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGSTOP)


@pytest.mark.row("`kill -9` of `retrain` at ten of its steps on PostgreSQL, the same command again")
def test_a_retraining_killed_at_its_steps(
    tmp_path: Path, postgresql: NewDatabase, times: Times, figure: Figure
) -> None:
    """One version, one run that says how it ended, nothing left running; two at once are one."""
    tracking, storage = postgresql("retraining"), postgresql("retrained_studies")
    with tracking_store(tmp_path, tracking) as client:
        assert Search(tmp_path, TRIALS, tracking, storage).run() == 0
        retraining, kills, busy = Retraining(tmp_path, TRIALS, tracking, storage), 0, 0
        for moment in MOMENTS[-times(1, len(MOMENTS)) :]:
            process = retraining.start()
            stopped_at(process, lambda moment=moment: moment(client))  # type: ignore[misc]
            if process.poll() is not None:
                break  # it ended before it was seen there
            busy = busy or int(retraining.run() == BUSY)
            kill_tree(process)
            kills += 1
            if ended(client):
                break  # it was stopped on its way out
        if not ended(client):
            assert retraining.run() == DONE, retraining.said()
        (only,) = below(client, KIND)
        (monitoring,), (comparison,) = below(client, "monitoring"), below(client, "comparison")
        every = [only, monitoring, comparison]
        moves = [move.to_version for move in history(EXPERIMENT)]
        figure(
            f"{kills} kills: versions {', '.join(versions(client))}, champion {moves[-1]}, "
            f"{len(moves)} moves, one run of the retraining; a second one at the same time ended "
            f"with exit code {BUSY}"
        )
        assert (versions(client), moves) == (["1", "2"], ["1", "2"])
        assert version_of(client, EXPERIMENT, "challenger") == ""
        assert only.data.tags["outcome"] == "promoted"
        assert {run.info.status for run in every} == {"FINISHED"}
        assert (trials(client, "FINISHED"), trials(client, "RUNNING")) == (1 + TRIALS, 0)
        assert (kills > 0, busy) == (True, 1)
