"""From a real PostgreSQL to segments, without a credential in what is recorded."""

import re
from dataclasses import replace
from pathlib import Path

import ibis
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient

from experiments import monitor, score
from experiments.search.workflow import run as search
from segmentation.data.readers import read_table
from segmentation.data.synthetic import generate
from tests.conftest import NewDatabase
from tests.experiments.conftest import OPTIONS
from tests.stores import files_with

NAME = "warehouse"


@pytest.fixture(scope="module")
def bank(postgresql: NewDatabase, workplace: Path) -> str:
    """Register a model of a table's customers; return the address of the database."""
    address = postgresql(NAME)
    fill(address, "customers", generate(600))
    data = f"{address.replace('postgres:@', 'postgres:s3cret%21@')}&table=customers"
    assert "s3cret" in data
    assert search(replace(OPTIONS, data=data, experiment_name=NAME, model_name=NAME)) == 0
    return address


def fill(address: str, table: str, frame: pd.DataFrame) -> None:
    """Write a table into the database."""
    server = ibis.connect(address)
    server.create_table(table, frame)
    server.disconnect()


def run(command: object, *arguments: object) -> Result:
    """Run a command with the registered model."""
    words = ["--model-name", NAME, *map(str, arguments)]
    return CliRunner().invoke(command, words)  # type: ignore[arg-type]


def test_a_search_records_where_its_customers_came_from(bank: str, client: MlflowClient) -> None:
    """Source without login, digest of the query, moment and rows."""
    experiment = client.get_experiment_by_name(NAME)
    assert experiment is not None
    (study,) = client.search_runs([experiment.experiment_id], "tags.data_rows = '600'")
    assert study.data.params["data"] == study.data.tags["data_source"]
    assert study.data.params["data"].startswith("postgresql:///warehouse?host=")
    assert study.data.params["data"].endswith("&table=customers")
    assert len(study.data.tags["data_query"]) == 16
    assert study.data.tags["data_snapshot"].endswith("+00:00")


def test_the_password_is_recorded_nowhere(bank: str, workplace: Path) -> None:
    """Not in the databases of MLflow and Optuna, nor in an artifact."""
    assert files_with(workplace, "postgresql:///")
    assert files_with(workplace, "s3cret") == []


def test_a_table_in_a_database_is_scored_and_monitored(bank: str, tmp_path: Path) -> None:
    """With the answers of the file that has the same rows."""
    frame = generate(120, seed=3)
    fill(bank, "new", frame)
    frame.to_csv(tmp_path / "new.csv", index=False)
    scored = []
    for data in (f"{bank}&table=new", tmp_path / "new.csv"):
        result = run(score.main, "--data", data, "--out", tmp_path / "out.csv")
        assert result.exit_code == 0, result.output
        scored.append(pd.read_csv(tmp_path / "out.csv").sort_values("CUST_ID", ignore_index=True))
    pd.testing.assert_frame_equal(*scored)
    assert "new, 120 card holders: " in run(monitor.main, "--data", f"{bank}&table=new").output


def test_answers_go_back_into_the_database(bank: str) -> None:
    """Twice for one day and version is once; the view has one row a customer."""
    fill(bank, "july", generate(90, seed=4))
    out = f"{bank}&table=segments"
    for _ in range(2):
        arguments = ("--data", f"{bank}&table=july", "--out", out, "--as-of", "2024-07-01")
        result = run(score.main, *arguments)
        assert result.exit_code == 0, result.output
        assert "90 customers scored into postgresql:///warehouse" in result.output
    current = read_table(f"{bank}&table=segments_current").frame
    assert len(read_table(out).frame) == len(current) == current["CUST_ID"].nunique() == 90
    assert set(current["as_of"]) == {pd.Timestamp("2024-07-01")}
    assert set(current["model_name"]) == {NAME}


def test_bad_rows_of_a_database_are_named_by_column(bank: str, tmp_path: Path) -> None:
    """They have no lines; with the option the others are used."""
    frame = generate(120, seed=3).astype({"PAYMENTS": str})
    frame.loc[5, "PAYMENTS"] = "canary"
    fill(bank, "spoilt", frame)
    data = f"{bank}&table=spoilt"
    for command, arguments in ((score.main, ("--out", tmp_path / "out.csv")), (monitor.main, ())):
        result = run(command, "--data", data, *arguments)
        assert "column PAYMENTS: expected numbers" in result.output
        result = run(command, "--data", data, *arguments, "--skip-bad-rows")
        assert re.search(r"119 (customers|card holders)", result.output)
