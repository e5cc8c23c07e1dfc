"""Train, rename, train again, compare, monitor: what a team does every month."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from experiments import compare, monitor, rename, score
from experiments.registry import segment_lineage
from experiments.registry.client import describe
from experiments.search.workflow import run
from experiments.tracking import model_card as card
from segmentation.data.synthetic import generate
from segmentation.reports.html import page
from tests.experiments.conftest import OPTIONS

NAME = "lifecycle"
GIVEN = "Our best people"


def invoke(command: object, *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and everything it printed."""
    result = CliRunner().invoke(command, ["--model-name", NAME, *arguments])  # type: ignore[arg-type]
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def trained(workplace: Path) -> Path:
    """Register a model, rename its second segment, and train again on other customers."""
    options = replace(
        OPTIONS, data="embedded:1500", n_trials=8, k_min=4, model_name=NAME, experiment_name=NAME
    )
    assert run(options) == 0
    code, output = invoke(rename.main, "--segment", "2", "--name", GIVEN)
    assert (code, GIVEN in output) == (0, True)
    assert run(replace(options, data="embedded:1500:1")) == 0
    return workplace


def test_a_given_name_is_shown_and_inherited(trained: Path) -> None:
    """The champion shows it at once; in the next version the same segment still has it."""
    names = {p["number"]: p["name"] for p in describe(NAME).profiles}
    assert names[2] == GIVEN
    model = segment_lineage.load(MlflowClient(), NAME, "2")
    assert model.numbering.name_of[2] == GIVEN
    assert model.numbering.n_matched >= 3


def test_most_segments_keep_number_and_name(trained: Path) -> None:
    """Customers of the same kind, other persons: the version says how many are the same."""
    one, other = (describe(NAME, version) for version in ("1", "2"))
    before = {(p["number"], p["name"]) for p in one.profiles}
    after = {(p["number"], p["name"]) for p in other.profiles}
    tags = MlflowClient().get_model_version(NAME, "2").tags
    assert tags["segments_kept"] == f"{len(before & after)} of {len(after)}"
    assert MlflowClient().get_model_version(NAME, "1").tags["segments_kept"] == "first version"
    assert len(before & after) >= 3


@pytest.mark.parametrize(
    ("segment", "text", "message"),
    [
        ("99", "x", "has no such segment; expected one of 1, 2"),
        ("1", GIVEN.upper(), "segment 2 has it already"),
        ("1", " ", "expected 1 to 60 characters"),
    ],
)
def test_a_bad_name_is_refused(trained: Path, segment: str, text: str, message: str) -> None:
    """No such segment, a name taken, no name at all."""
    code, output = invoke(rename.main, "--segment", segment, "--name", text)
    assert (code, message in output) == (2, True), output


def test_scored_files_have_the_given_name(trained: Path, tmp_path: Path) -> None:
    """What a person called a segment is what the file says."""
    generate(300, seed=5).to_csv(tmp_path / "in.csv", index=False)
    code, output = invoke(
        score.main, "--data", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")
    )
    assert code == 0, output
    scored = pd.read_csv(tmp_path / "out.csv")
    assert set(scored.loc[scored["segment"] == 2, "segment_name"]) == {GIVEN}


def test_the_card_is_complete(trained: Path) -> None:
    """Every section, in the version's description and as a page, and none of them empty."""
    client = MlflowClient()
    for number in ("1", "2"):
        version = client.get_model_version(NAME, number)
        parts = version.description.split("## ")
        titles = [part.splitlines()[0] for part in parts[1:]]
        assert tuple(titles) == card.SECTIONS
        assert all(len(part.splitlines()) > 2 for part in parts[1:])
        files = [f.path for f in client.list_artifacts(str(version.run_id), f"version_{number}")]
        assert files == [f"version_{number}/{card.FILE}"]
    assert "nothing came before" in client.get_model_version(NAME, "1").description
    again = client.get_model_version(NAME, "2").description
    assert "segments are those of the champion" in again
    assert "-P data=embedded:1500:1" in again
    html = card.as_html(again, "lifecycle version 2", "customers")
    assert html.count("<h2>") == len(card.SECTIONS)
    assert "<script" not in html
    model = segment_lineage.load(client, NAME, "2")
    drawn = card.as_html(again, "lifecycle version 2", "customers", card.tree_of(model))
    assert drawn.count("<svg") == 1
    for number in model.numbering.numbers:
        assert re.search(rf">{number}  ?\w", drawn)


def test_markup_in_data_stays_text() -> None:
    """A name with tags in it is shown, not obeyed."""
    assert "<b>" not in card.as_html("**x** <b>bold</b>", "<i>t</i>", "people").split("<body>")[1]
    assert "&lt;i&gt;" in page("card.html", "customers", title="<i>t</i>", body="")


def test_two_versions_are_compared(trained: Path, tmp_path: Path) -> None:
    """Without arguments the challenger with the champion; numbers in a run, a page beside."""
    code, output = invoke(compare.main, "--out", str(tmp_path / "report.html"))
    assert code == 0, output
    assert "version 2 against version 1, 1,500 card holders: agreement" in output
    client = MlflowClient()
    experiment = client.get_experiment_by_name(f"{NAME}-registry")
    assert experiment is not None
    run = client.search_runs([experiment.experiment_id], "tags.kind = 'comparison'")[0]
    metrics = run.data.metrics
    assert 0 < metrics["adjusted_rand"] <= 1
    assert {"stability_first", "stability_second", "score_first", "score_second"} <= set(metrics)
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Who moves" in report
    assert GIVEN in report
    text = client.download_artifacts(run.info.run_id, "migration.json")
    matrix = json.loads(Path(text).read_text(encoding="utf-8"))
    assert sum(map(sum, matrix["customers"])) == 1_500
    moved = (
        1
        - sum(
            row[matrix["after"].index(number)]
            for number, row in zip(matrix["before"], matrix["customers"], strict=True)
            if number in matrix["after"]
        )
        / 1_500
    )
    assert metrics["moved_share"] == pytest.approx(moved)


def test_a_version_agrees_with_itself(trained: Path) -> None:
    """Nobody moves between a model and the same model."""
    code, output = invoke(compare.main, "--second", "champion")
    assert (code, "agreement 1.000" in output, "Version 1 moves no card holders; " in output) == (
        0,
        True,
        True,
    )


def test_a_trial_is_compared_with_the_champion(trained: Path) -> None:
    """A run's spec is fitted again; its segments get the champion's numbers."""
    client = MlflowClient()
    experiment = client.get_experiment_by_name(NAME)
    assert experiment is not None
    trials = client.search_runs([experiment.experiment_id], "params.algorithm = 'k_means'")
    code, output = invoke(compare.main, "--second", trials[0].info.run_id)
    assert code == 0, output
    assert f"run {trials[0].info.run_id[:8]} against version 1" in output


def test_monitoring_answers_with_its_exit_code(trained: Path, tmp_path: Path) -> None:
    """0 for customers of the same kind, more for others; the history is one run's chart."""
    clean, other = tmp_path / "clean.csv", tmp_path / "other.csv"
    customers = generate(3_000, seed=9)
    customers.to_csv(clean, index=False)
    customers["PAYMENTS"] *= 1.3
    customers.to_csv(other, index=False)
    out = tmp_path / "report.html"
    code, output = invoke(monitor.main, "--data", str(clean))
    assert code == 0, output
    code, output = invoke(monitor.main, "--data", str(other), "--out", str(out))
    assert code == 1, output
    assert "Payments: the distribution changed" in output
    assert "Watch these card holders: " in out.read_text(encoding="utf-8")
    customers[["PURCHASES", "BALANCE", "CREDIT_LIMIT"]] *= 20
    customers.to_csv(other, index=False)
    assert invoke(monitor.main, "--data", str(other))[0] == 2
    client = MlflowClient()
    experiment = client.get_experiment_by_name(f"{NAME}-registry")
    assert experiment is not None
    (series,) = client.search_runs([experiment.experiment_id], "tags.kind = 'monitoring'")
    history = client.get_metric_history(series.info.run_id, "verdict")
    assert [(metric.step, metric.value) for metric in history] == [(0, 0), (1, 1), (2, 2)]
    reports = [f.path for f in client.list_artifacts(series.info.run_id)]
    assert reports == ["0001", "0002", "0003"]


def test_what_cannot_be_monitored_is_an_error_of_its_own(trained: Path, tmp_path: Path) -> None:
    """A missing column is neither ok nor drift; the exit code says so."""
    generate(50).drop(columns="PAYMENTS").to_csv(tmp_path / "in.csv", index=False)
    code, output = invoke(monitor.main, "--data", str(tmp_path / "in.csv"))
    assert code == monitor.FAILED
    assert "PAYMENTS" in output
