"""One trial's algorithm misbehaves: that trial fails, with its reason, and nothing else does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.search.workflow import run
from tests.experiments.conftest import OPTIONS
from tests.soak.faults import DIES, HANGS, RAISES, SWALLOWS, FaultyEvaluator
from tests.soak.searching import EXPERIMENT, Search
from tests.stores import tracking_store

SECONDS, GIGABYTES = 12.0, 3.0
REASONS = {
    RAISES: "ZeroDivisionError: the algorithm divided by nothing",
    DIES: "its process ended by itself: native code crashed",
    HANGS: "it was ended after 12 s, the limit of a trial (trial_seconds)",
    SWALLOWS: "3 GB of memory for a trial (trial_gigabytes)",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Search]:
    """Work in a fresh folder with a tracking store of its own."""
    with tracking_store(tmp_path):
        yield Search(tmp_path, 16)


@pytest.mark.row("one trial's algorithm crashes, hangs, or asks for 100 GB")
def test_algorithms_that_crash_hang_or_swallow_memory(
    store: Search,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    figure: Callable[[str], None],
) -> None:
    """Each kind is a failed trial that names its reason and limit; the study goes on to a pick."""
    monkeypatch.setattr("experiments.search.fidelity.Evaluator", FaultyEvaluator)
    names = {"experiment_name": EXPERIMENT, "model_name": EXPERIMENT}
    limits = {"trial_seconds": SECONDS, "trial_gigabytes": GIGABYTES, "n_jobs": 2}
    assert run(replace(OPTIONS, n_trials=store.trials, **names, **limits)) == 0
    assert "failed: it was ended after 12 s" in capsys.readouterr().err
    client = MlflowClient(store.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id], "attributes.status = 'FAILED'")
    reasons_of = {kind: [] for kind in REASONS}
    for failed in runs:
        reasons_of[failed.data.params["algorithm"]].append(failed.data.tags["reason"])
    counts = ", ".join(f"{len(reasons)} {kind}" for kind, reasons in reasons_of.items())
    settled = store.settled()
    figure(
        f"of {len(settled)} trials {len(runs)} failed with reason and limit ({counts}), the others "
        "are complete, and a pick is registered"
    )
    for kind, reasons in reasons_of.items():
        assert reasons
        assert all(REASONS[kind] in reason for reason in reasons)
    assert len(settled) == store.trials
    assert store.wrong() == []
    assert store.pick()["algorithm"] not in REASONS
