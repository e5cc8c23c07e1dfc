"""Metric names that MLflow takes, whatever a table calls its columns."""

from dataclasses import MISSING, fields
from math import nan
from pathlib import Path

from mlflow import MlflowClient

from experiments.tracking.tracker import metrics_of, run_name, trial_note
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.evaluation.result import Evaluation


def test_every_key_becomes_a_legal_one_of_its_own(tmp_path: Path) -> None:
    """MLflow takes all of them; legal keys stay as they are, and none takes another's place."""
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    run_id = client.create_run("0").info.run_id
    legal = ["stability", "psi_a b/c.d-e:f", "psi_Annual Income _k__", "psi_é"]
    illegal = ["psi_Annual Income (k$)", "psi_Annual Income [k$]", "a//b", "../x", "x" * 300]
    keys = [*illegal, *legal]
    client.log_batch(run_id, metrics_of({key: float(i) for i, key in enumerate(keys)}))
    metrics = client.get_run(run_id).data.metrics
    assert len(metrics) == len(keys)
    assert {key: metrics[key] for key in legal} == {key: float(keys.index(key)) for key in legal}
    assert metrics["psi_Annual Income _k___2"] == 0.0


def test_one_segment_is_one() -> None:
    """A trial that finds no groups has one segment, in its run's name and in its note."""
    spec = SegmenterSpec("s", Preprocessing(), "hdbscan", {})
    numbers = [f.name for f in fields(Evaluation) if f.default is MISSING][:-1]
    evaluation = Evaluation(**{**dict.fromkeys(numbers, 0.5), "n_segments": 1, "rows": 30})
    assert run_name("#7", spec, evaluation) == "#7 · 1 segment · HDBSCAN"
    assert "**HDBSCAN, 1 segment**" in trial_note(spec, evaluation)


def test_what_is_undefined_is_left_out() -> None:
    """A metric that is NaN is not recorded."""
    assert [m.key for m in metrics_of({"separation": nan, "score": 1.0}, 3)] == ["score"]
