"""Twelve months of customers, one of them with a planted shift, seen by one version."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from experiments.history import main
from experiments.registry import segment_lineage
from experiments.search.workflow import run
from segmentation.data.synthetic import generate
from tests.experiments.conftest import OPTIONS

NAME = "months"
SHIFT = 7
DAYS = [date(2025, month, 28) for month in range(1, 13)]


@pytest.fixture(scope="module")
def months(workplace: Path) -> dict[date, Path]:
    """Register a model; write twelve months whose values wobble, and a shift from July on.

    In July a third of one segment become like the typical customers of another one.
    """
    options = replace(OPTIONS, data="embedded:800", model_name=NAME, experiment_name=NAME)
    assert run(options) == 0
    model = segment_lineage.load(MlflowClient(), NAME, "1")
    table, chance = generate(800, seed=0), np.random.default_rng(1)
    columns = list(model.schema.column_names)
    segment = model.segments(table[columns])["segment"]
    numbers, sizes = np.unique(segment, return_counts=True)
    source, target = numbers[np.argsort(sizes)[[-1, -2]]]
    moving = np.flatnonzero(segment == source)[::3]
    like = table.loc[segment == target, columns].sample(len(moving), replace=True, random_state=0)
    files = {}
    for month, day in enumerate(DAYS, start=1):
        if month == SHIFT:
            table.loc[moving, columns] = like.to_numpy()
        now = table.copy()
        now["BALANCE"] = (now["BALANCE"] * chance.uniform(0.99, 1.01, len(now))).round(2)
        files[day] = workplace / f"month{month}.csv"
        now.to_csv(files[day], index=False)
    files[date.min] = Path(f"{source}>{target}>{len(moving)}")
    return files


def test_a_planted_shift_is_named_in_its_month(
    months: dict[date, Path], workplace: Path, client: MlflowClient
) -> None:
    """The day, the flow and its size; a metric has a step a month; no customer is recorded."""
    source, target, moved = map(int, months[date.min].name.split(">"))
    data = ",".join(f"{day}={months[day]}" for day in DAYS)
    out = workplace / "history.html"
    arguments = ["--model-name", NAME, "--data", data, "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    names = segment_lineage.load(client, NAME, "1").numbering.name_of
    assert f"By 28 July 2025, {moved} card holders had moved from" in result.output
    assert f"  {target}. {names[target]}: " in result.output
    experiment = client.get_experiment_by_name(f"{NAME}-registry").experiment_id
    (recorded,) = client.search_runs([experiment], "tags.kind = 'history'")
    sizes = client.get_metric_history(recorded.info.run_id, f"size_{target}")
    assert [point.step for point in sizes] == list(range(12))
    assert sizes[6].value - sizes[5].value >= 0.9 * moved
    text = mlflow.artifacts.load_text(f"runs:/{recorded.info.run_id}/history.json")
    flows = json.loads(text)["steps"][SHIFT - 2]["flows"]
    assert flows[f"{source}>{target}"] == moved
    identifiers = pd.read_csv(months[DAYS[0]])["CUST_ID"]
    assert not any(who in text or who in out.read_text() for who in identifiers)


def test_bad_rows_are_left_out_where_that_is_wished(
    months: dict[date, Path], tmp_path: Path
) -> None:
    """Each day says how many; without the option they are refused and the report stays."""
    first, second = (pd.read_csv(months[day]).astype({"PAYMENTS": str}) for day in DAYS[:2])
    second.loc[[3, 9], "PAYMENTS"] = "canary"
    files, out = [tmp_path / "one.csv", tmp_path / "two.csv"], tmp_path / "history.html"
    for frame, file in zip((first, second), files, strict=True):
        frame.to_csv(file, index=False)
    out.write_text("the old one", encoding="utf-8")
    data = ",".join(f"{day}={file}" for day, file in zip(DAYS, files, strict=False))
    words = ["--model-name", NAME, "--data", data, "--out", str(out)]
    refused = CliRunner().invoke(main, words)
    assert (refused.exit_code, "--skip-bad-rows" in refused.output) == (2, True), refused.output
    assert out.read_text(encoding="utf-8") == "the old one"
    result = CliRunner().invoke(main, [*words, "--skip-bad-rows"])
    assert result.exit_code == 0, result.output
    assert f"{DAYS[1]}: 2 bad rows left out." in result.output
    assert "798" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("january.csv", "expected a day and a source"),
        ("2025-13-01=january.csv", "expected a day and a source"),
        ("2025-01-28={first}", "two or more different days"),
        ("2025-01-28={first},2025-01-28={first}", "two or more different days"),
        ("2025-01-28={first},2025-02-28=nowhere.csv", "nowhere.csv"),
        ("", "expected one of the two, found neither"),
    ],
)
def test_what_is_no_history_is_said(months: dict[date, Path], data: str, message: str) -> None:
    """A sentence for each."""
    text = data.format(first=months[DAYS[0]])
    result = CliRunner().invoke(main, ["--model-name", NAME, "--data", text])
    assert (result.exit_code, message in result.output) == (2, True), result.output
