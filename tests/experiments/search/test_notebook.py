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
from experiments.search.notebook import Segments
from experiments.search.workflow import run
from segmentation.data.synthetic import generate
from segmentation.errors import SegmentationError, SpecError
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


def test_constraints_hold_and_weights_decide() -> None:
    """Sizes are within the shares; the heavy column says most, and answers keep its weight."""
    frame = generate(600)
    options = {"schema": "cc_general", "n_trials": 4, "n_jobs": 1, "progress": False}
    options |= {"algorithms": "k_means", "k_min": 4, "smallest_share": 0.08, "largest_share": 0.6}
    weights = {"CASH_ADVANCE": 8.0}
    plain, heavy = (find_segments(frame, weights=w, **options) for w in ({}, weights))  # type: ignore[arg-type]
    for result in (plain, heavy):
        assert result.profiles["share"].between(0.08, 0.6).all()
    assert heavy.spec.preprocessing.weights == (("CASH_ADVANCE", 8.0),)
    explained = [explained_by("CASH_ADVANCE", result, frame) for result in (plain, heavy)]
    assert explained[1] > max(0.6, explained[0])
    first = [
        result.score(frame)["reasons"].str[0].eq("CASH_ADVANCE").mean() for result in (plain, heavy)
    ]
    assert first[1] > max(0.2, 2 * first[0])


def explained_by(column: str, result: Segments, frame: pd.DataFrame) -> float:
    """Return the share of a column's rank variance that lies between segments."""
    rank = frame.set_index("CUST_ID")[column].rank()
    return float(rank.groupby(result.score(frame)["segment"]).transform("mean").var() / rank.var())


def test_what_came_closest_is_said() -> None:
    """Where nothing meets the constraints: the candidate that violates least, and by what."""
    with pytest.raises(SegmentationError, match=r"No feasible .* Closest came trial \d+, .*%") as e:
        find_segments(
            generate(300),
            schema="cc_general",
            n_trials=3,
            n_jobs=1,
            progress=False,
            k_min=3,
            k_max=3,
            smallest_share=0.33,
            largest_share=0.34,
        )
    assert "smallest segment holds" in str(e.value)


def test_a_weight_of_a_column_that_forms_nothing_is_refused() -> None:
    """Before any trial, with the nearest column that does."""
    with pytest.raises(SpecError, match=r"'BALANCES' forms no segments.*nearest.*'BALANCE'"):
        find_segments(generate(200), schema="cc_general", weights={"BALANCES": 2.0})


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
