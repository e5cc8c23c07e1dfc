"""The search in a notebook, without a tracking store."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from experiments import find_segments
from experiments.registry.client import describe
from experiments.search.workflow import run
from segmentation.data.synthetic import generate
from segmentation.interpretation.formatting import percent
from segmentation.model.segmentation_model import SegmentationModel
from tests.experiments.conftest import OPTIONS


def test_the_notebook_finds_what_the_command_finds(workplace: Path, tmp_path: Path) -> None:
    """Same data, options and seed: the same spec, score and answers, saved and loaded too."""
    assert run(replace(OPTIONS, experiment_name="notebook", model_name="notebook")) == 0
    frame = generate(600)
    result = find_segments(
        frame,
        schema="cc_general",
        n_trials=6,
        k_max=5,
        n_jobs=1,
        trial_seconds=0.0,
        trial_gigabytes=0.0,
        progress=False,
    )
    assert result.evaluation.score == describe("notebook", "champion").evaluation["score"]
    version = MlflowClient().get_model_version_by_alias("notebook", "champion")
    assert version.tags["segments"] == str(len(result.profiles))
    assert result.profiles["share"].sum() == pytest.approx(1)
    assert result.alternatives["picked"].sum() == 1
    answers = result.score(frame)
    assert len(answers) == len(frame)
    result.model.save(tmp_path / "model")
    again = SegmentationModel.load(tmp_path / "model")
    assert again.score(result_customers(frame)).equals(answers)
    card = result._repr_html_()
    assert all(name in card and name in repr(result) for name in result.profiles["name"])
    for share in map(percent, result.profiles["share"]):
        assert share in card
        assert share in repr(result)
    assert "Alternatives" in card


def result_customers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index("CUST_ID")


def test_mlflow_is_not_imported() -> None:
    """Neither by the import nor by what a search without tracking loads."""
    code = "import sys; from experiments import find_segments; print('mlflow' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "False"
