"""The command leaves an MLflow run with figures, tables, the report and a note."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.explore import main
from segmentation.data.readers import schema_for
from segmentation.data.synthetic import generate


def run_of(client: MlflowClient, name: str) -> Run:
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    return run


def test_a_run_holds_the_whole_analysis(workplace: Path, client: MlflowClient) -> None:
    """Report, pictures, tables, metrics and note; progress and advice on the console."""
    args = ["--data", "embedded:800", "--experiment-name", "explored", "--out", "mine.html"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    assert "[1/9] columns" in result.output
    assert "[skew=" in result.output
    search = (
        "Search with all of it: mlflow run . --env-manager local -P data=embedded:800 -P schema"
    )
    assert search in result.output
    run = run_of(client, "explored")
    assert run.info.status == "FINISHED"
    assert run.data.tags["structure"] == "yes"
    assert "## What to do" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["rows"] == 800
    assert run.data.metrics["structure_z"] > 3
    assert run.data.params["schema"] == "cc_general"
    top = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert top == {"report.html", "schema.yaml", "figures", "tables"}
    figures = client.list_artifacts(run.info.run_id, "figures/univariate")
    assert len(figures) == 17
    tables = Path(client.download_artifacts(run.info.run_id, "tables", str(workplace)))
    columns = pd.read_csv(tables / "columns.csv")
    assert columns["mean"].iloc[0] == pytest.approx(generate(800)["BALANCE"].mean())
    verdict = json.loads((tables / "structure.json").read_text(encoding="utf-8"))
    assert verdict["present"] is True
    assert run.data.metrics["structure_p"] == verdict["p"] < 0.01
    report = Path(client.download_artifacts(run.info.run_id, "report.html", str(workplace)))
    assert report.read_text(encoding="utf-8") == Path("mine.html").read_text(encoding="utf-8")


def test_noise_is_called_noise_in_the_run(workplace: Path, client: MlflowClient) -> None:
    """A table of uniform noise: the tag, the note and the console say there is nothing."""
    noise = pd.DataFrame(np.random.default_rng(1).random((700, 5)), columns=list("abcde"))
    noise.to_csv("noise.csv", index=False)
    result = CliRunner().invoke(
        main, ["--data", "noise.csv", "--experiment-name", "explored-noise"]
    )
    assert result.exit_code == 0, result.output
    assert "No structure" in result.output
    assert "To search all the same: mlflow run ." in result.output
    run = run_of(client, "explored-noise")
    assert run.data.tags["structure"] == "no"
    assert "No structure" in run.data.tags["mlflow.note.content"]


def test_an_error_is_one_a_person_can_act_on(workplace: Path) -> None:
    """A missing file ends with the remedy and without a trace."""
    result = CliRunner().invoke(main, ["--data", "nowhere.csv"])
    assert result.exit_code == 2
    assert "expected an existing file" in result.output
    assert "Traceback" not in result.output


def test_a_shipped_schema_is_recognised() -> None:
    """A table with all the columns of a shipped schema is read by it; others are drafted."""
    assert schema_for(generate(20), "auto", "x.csv").name == "cc_general"
    mine = pd.DataFrame({"a": [1.5, 2.5, 3.0], "b": [1, 2, 2]})
    assert schema_for(mine, "auto", "folder/mine.csv").name == "mine"
