"""Retraining: decided, searched from the champion's spec, compared, judged; killed and resumed."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from experiments.registry.client import describe, version_of
from experiments.retrain import main
from experiments.search.workflow import run, spec_of_version
from experiments.study.databases import alone
from experiments.study.storage import default_storage
from experiments.work.retraining import BUSY, DONE, KIND, LOOK, Wishes, decide
from segmentation.data.synthetic import generate
from segmentation.monitoring.drift import CHECK, OK, RETRAIN, WATCH
from tests.experiments.conftest import OPTIONS

NAME = "retrained"
AS_BEFORE, CHANGED = "embedded:600:5", "changed.csv"


@pytest.fixture(scope="module", autouse=True)
def trained(workplace: Path) -> Path:
    """Register a champion; write customers who draw three times the cash and pay half."""
    options = replace(OPTIONS, data="embedded:600", model_name=NAME, experiment_name=NAME)
    assert run(options) == 0
    changed = generate(600, seed=3)
    changed[["CASH_ADVANCE", "BALANCE"]] *= 3
    changed["PAYMENTS"] /= 2
    changed.to_csv(workplace / CHANGED, index=False)
    return workplace


def invoke(data: str, *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and everything it printed."""
    result = CliRunner().invoke(main, ["--model-name", NAME, "--data", data, *arguments])
    return result.exit_code, result.output


def retrainings(client: MlflowClient) -> list[Run]:
    """Return the runs of retrainings, the latest first."""
    experiment = client.get_experiment_by_name(f"{NAME}-registry")
    return list(client.search_runs([experiment.experiment_id], f"tags.kind = '{KIND}'"))


def parts(client: MlflowClient, parent: Run) -> list[str]:
    """Return the kinds of the runs below a retraining's."""
    query = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}'"
    below = client.search_runs([parent.info.experiment_id], query)
    return sorted(one.data.tags["kind"] for one in below)


@pytest.mark.parametrize(
    ("verdict", "age", "wish", "search", "code"),
    [
        (OK, 10, {}, False, DONE),
        (WATCH, 10, {}, False, DONE),
        (OK, 10, {"max_age": 9}, True, DONE),
        (OK, 10, {"max_age": 10}, False, DONE),
        (OK, 10, {"force": True}, True, DONE),
        (RETRAIN, 0, {}, True, DONE),
        (CHECK, 99, {"max_age": 9}, False, LOOK),
        (CHECK, 0, {"force": True}, True, DONE),
    ],
)
def test_what_is_decided(verdict: str, age: int, wish: dict, search: bool, code: int) -> None:
    """Drift, age or a wish start a search; a broken feed never does by itself."""
    wishes = replace(Wishes("x.csv", NAME, 0, 0, False, False, ""), **wish)
    decision = decide(verdict, "1", age, wishes)
    assert (decision.search, decision.code) == (search, code)


def test_nothing_is_done_without_need(client: MlflowClient) -> None:
    """Customers as before: no search, and a run that says why."""
    code, output = invoke(AS_BEFORE)
    assert (code, "Not needed" in output) == (DONE, True), output
    (newest, *_) = retrainings(client)
    assert newest.data.tags["outcome"] == "not needed"
    assert newest.info.status == "FINISHED"
    assert parts(client, newest) == ["monitoring"]
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


def test_the_same_customers_end_at_the_champion(client: MlflowClient) -> None:
    """A search that starts where the champion's did, and ends there, gives no second version."""
    alone_tried = replace(OPTIONS, n_trials=1, model_name="single", experiment_name="single")
    assert run(alone_tried) == 0
    arguments = ["--model-name", "single", "--data", "embedded:600", "--force", "--promote"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "these very customers" in result.output) == (DONE, True)
    assert len(client.search_model_versions("name = 'single'")) == 1


def test_two_at_once_are_one(client: MlflowClient) -> None:
    """The second says so and leaves nothing behind."""
    before = len(retrainings(client))
    with alone(default_storage(os.environ["MLFLOW_TRACKING_URI"]), f"{KIND} {NAME}") as free:
        assert free
        code, output = invoke(AS_BEFORE)
    assert (code, "another process" in output) == (BUSY, True), output
    assert len(retrainings(client)) == before


def test_changed_customers_give_a_challenger_and_then_a_champion(client: MlflowClient) -> None:
    """The champion's spec is tried first; the gates are asked; promoted only on request."""
    code, output = invoke(CHANGED)
    (newest, *_) = retrainings(client)
    assert newest.data.tags["verdict"] == RETRAIN
    assert newest.data.tags["version"] == "2"
    assert parts(client, newest) == ["comparison", "monitoring"]
    assert version_of(client, NAME, "champion") == "1"
    assert version_of(client, NAME, "challenger") == "2"
    study = client.get_run(describe(NAME, "2").run_id)
    assert study.data.params["begin_with"] == "1"
    children = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{study.info.run_id}'"
    trials = client.search_runs([study.info.experiment_id], children)
    first = next(trial for trial in trials if trial.data.tags["trial"] == "0")
    champion = spec_of_version(client, NAME, "1")
    assert first.data.params["algorithm"] == champion.clusterer
    opened = newest.data.tags["outcome"] == "challenger"
    assert code == (DONE if opened else LOOK), output

    again, output = invoke(CHANGED, "--promote")
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 2
    assert again == code, output
    assert version_of(client, NAME, "champion") == ("2" if opened else "1")
