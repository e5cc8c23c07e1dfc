"""Worker processes evaluate as this process does."""

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import joblib
import numpy as np
import psutil
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from experiments.search.fidelity import Fidelity, Samples
from experiments.study.evaluating import load, outcome
from experiments.study.pause import SIGNALS, PausedError
from experiments.study.study import WORKER, fail_interrupted, open_study
from experiments.study.worker_pool import EvaluationError, Workers
from segmentation.evaluation.constraints import Constraints
from segmentation.evaluation.evaluator import Evaluator
from segmentation.reports.figures import FIGURES
from tests.segmentation.planted import SCHEMA, planted, spec

SPECS = [spec(n_clusters=4), spec("gaussian_full", "gaussian", n_clusters=3)]


def evaluator(rows: int = 300) -> Evaluator:
    levels = (Fidelity(rows, 9), Fidelity(rows, 9))
    samples = Samples(planted(rows)[0], SCHEMA, Constraints(2, 6), 0, fidelities=levels)
    return samples.evaluator_of(samples.fidelities[0])


@pytest.fixture(scope="module")
def workers() -> Workers:
    """Return two processes."""
    with Workers(2) as processes:
        yield processes


def test_processes_find_what_this_process_finds(workers: Workers) -> None:
    """The same numbers and partition, bit for bit, and pictures where asked for."""
    here = evaluator()
    for one in SPECS:
        there = workers.evaluate(here, one, draw=tuple(FIGURES))
        mine = outcome(here, one)
        assert there.evaluation.metrics() == pytest.approx(mine.evaluation.metrics(), nan_ok=True)
        assert there.partition == mine.partition
        assert not mine.pictures
        assert list(there.pictures) == list(FIGURES)
        assert all(picture.startswith(b"\x89PNG") for picture in there.pictures.values())
    both = list(workers.evaluate_all(here, SPECS))
    assert [b.partition for b in both] == [outcome(here, s).partition for s in SPECS]


def test_errors_come_back(workers: Workers) -> None:
    """An error of an evaluation is raised, or one outcome of many; the process lives on."""
    few = evaluator(8)
    with pytest.raises(EvaluationError, match="DataError: (.|\n)*at least 12 customers"):
        workers.evaluate(few, spec(n_clusters=12))
    (refused,) = workers.evaluate_all(
        evaluator(4_200), [spec("spectral", "neighbours", n_clusters=3)]
    )
    assert isinstance(refused, EvaluationError)
    assert "TooLargeError" in str(refused)


@pytest.mark.parametrize("number", SIGNALS[1:])
def test_a_signal_ends_no_evaluation_with_a_result(number: signal.Signals) -> None:
    """Evaluations end at once, by an error that is none of theirs; the processes live on."""
    before = signal.getsignal(number)
    with Workers(2) as processes:
        child = next(c for c in psutil.Process().children() if "popen_loky" in str(c.cmdline()))
        child.send_signal(number)
        outcomes = processes.evaluate_all(evaluator(), SPECS * 50)
        next(outcomes)
        with pytest.raises(PausedError) as paused:
            os.kill(os.getpid(), number)
        with pytest.raises(PausedError):
            list(outcomes)
        assert child.is_running()
        assert paused.value.exit_code == 128 + number
        assert signal.getsignal(number) is before
        with pytest.raises(PausedError):
            processes.evaluate(evaluator(), SPECS[0])


def test_processes_share_what_they_evaluate_on(tmp_path: Path) -> None:
    """Arrays are pages of one file: none is copied for a process, and none can be changed."""
    file = tmp_path / "0.evaluator"
    joblib.dump(evaluator(), file)
    opened = load(file)
    for array in (opened.matrix, opened.table.coordinates, opened.table.ranks):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_many_may_find_the_same_worker_dead(tmp_path: Path) -> None:
    """Each fails its trials, whoever is first; nobody ends because of another."""
    storage = RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
    study = open_study(storage, "dead")
    for _ in range(6):
        study.ask().set_user_attr(WORKER, f"{socket.gethostname()}:999999999")
    begin = Barrier(4)

    def clear(_: int) -> None:
        begin.wait()
        fail_interrupted(study)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(clear, range(4)))
    assert {trial.state for trial in study.trials} == {TrialState.FAIL}
