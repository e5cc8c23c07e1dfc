"""Outcomes from file to version: described by segment, asked of nobody, features on purpose."""

import json
import re
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from scipy import stats

from experiments import compare, find_segments, score
from experiments.registry import segment_lineage
from experiments.registry.client import describe
from experiments.search.workflow import run
from experiments.work import drift_monitoring
from segmentation.data.validation import validate
from segmentation.schema import Column, TableSchema, to_yaml
from tests.experiments.conftest import OPTIONS

NAME = "outcomes"
SCHEMA = TableSchema(
    "shop",
    "Customers of a shop",
    tuple(Column(name, name) for name in ("spend", "visits", "age of account")),
    identifier="customer",
    outcomes=(
        Column("Churn", "Churn", "category", levels=("No", "Yes")),
        Column("Exited", "Exited", "count", plausible=(0.0, 1.0)),
        Column("revenue next month", "Revenue next month", "money", "$"),
    ),
)


def shop(rows: int = 900, seed: int = 0, churn: float = 0.1) -> pd.DataFrame:
    """Return customers of three kinds, who leave more or less often; one in ten values missing."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    table = pd.DataFrame(
        {
            "customer": [f"C{i}" for i in range(rows)],
            "spend": np.array([100, 400, 900])[kind] + rng.normal(0, 25, rows),
            "visits": np.array([30, 5, 18])[kind] + rng.normal(0, 2, rows),
            "age of account": np.array([10, 60, 35])[kind] + rng.normal(0, 4, rows),
        }
    )
    table["Churn"] = np.where(rng.random(rows) < churn + 0.2 * (kind == 1), "Yes", "No")
    table["Exited"] = (rng.random(rows) < 0.05 + 0.1 * kind).astype(int)
    table["revenue next month"] = rng.lognormal(3 + kind, 0.5).round(2)
    for name in SCHEMA.outcome_names:
        table[name] = table[name].mask(rng.random(rows) < 0.1)
    return table


@pytest.fixture(scope="module")
def trained(workplace: Path) -> Path:
    """Register a model of a table with outcomes; return the folder of table and schema."""
    shop().to_csv(workplace / "shop.csv", index=False)
    (workplace / "shop.yaml").write_text(to_yaml(SCHEMA), encoding="utf-8")
    assert run(options(workplace, NAME)) == 0
    return workplace


def options(folder: Path, name: str, **changes: object) -> object:
    places = {"data": str(folder / "shop.csv"), "schema": str(folder / "shop.yaml")}
    return replace(OPTIONS, **places, n_trials=3, experiment_name=name, model_name=name, **changes)  # type: ignore[arg-type]


def scored(table: pd.DataFrame) -> pd.Series:
    """Return the segment number of each row by the registered model."""
    answers = segment_lineage.load(MlflowClient(), NAME, "1").score(
        validate(table, SCHEMA).customers
    )
    return answers["segment"].reset_index(drop=True)


def test_every_figure_of_the_version_is_that_of_the_raw_file(trained: Path) -> None:
    """Rate or mean, interval, count, missing share, whole table and lift, by pandas and SciPy."""
    raw = pd.read_csv(trained / "shop.csv")
    segment = scored(raw)
    happened = pd.DataFrame(
        {
            "Churn": raw["Churn"].map({"Yes": 1.0, "No": 0.0}),
            "Exited": raw["Exited"],
            "revenue next month": raw["revenue next month"],
        }
    )
    profiles = describe(NAME).profiles
    assert len(profiles) >= 3
    for profile in profiles:
        rows = happened[segment == profile["number"]]
        assert [o["column"] for o in profile["outcomes"]] == list(SCHEMA.outcome_names)
        for outcome in profile["outcomes"]:
            own, column = outcome["segment"], outcome["column"]
            values = rows[column].dropna()
            if outcome["level"]:
                test = stats.binomtest(int(values.sum()), len(values))
                low, high = test.proportion_ci(method="wilson")
            else:
                low, high = stats.t.interval(
                    0.95, len(values) - 1, values.mean(), stats.sem(values)
                )
            assert own["n"] == len(values)
            assert own["missing_share"] == pytest.approx(rows[column].isna().mean())
            assert own["value"] == pytest.approx(values.mean())
            assert (own["low"], own["high"]) == pytest.approx((low, high))
            assert outcome["whole"]["value"] == pytest.approx(happened[column].mean())
            assert outcome["lift"] == pytest.approx(values.mean() / happened[column].mean())


def test_run_and_card_say_what_happened(trained: Path) -> None:
    """The study's note, its file and the model card have the outcomes of every segment."""
    client = MlflowClient()
    info = describe(NAME)
    note = client.get_run(info.run_id).data.tags["mlflow.note.content"]
    card = client.get_model_version(NAME, "1").description
    saved = json.loads(mlflow.artifacts.load_text(f"runs:/{info.run_id}/outcomes.json"))
    for profile in info.profiles:
        assert saved[str(profile["number"])] == profile["outcomes"]
        rate = profile["outcomes"][0]["sentence"].split(": ")[1].split(",")[0]
        for text in (note, card):
            assert f"| {profile['number']} | {profile['name']} | {rate}" in text
    assert "| # | segment | Churn | Exited | Revenue next month |" in card


def test_nobody_is_asked_for_an_outcome(trained: Path, tmp_path: Path) -> None:
    """Signature, example, book, drift and data set know none; a file scores with or without."""
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    info = describe(NAME)
    named = {*model.metadata.signature.inputs.input_names(), *model.input_example.columns}
    named |= {*info.book, *(c["column"] for c in info.profiles[0]["columns"])}
    (dataset,) = MlflowClient().get_run(info.run_id).inputs.dataset_inputs
    named |= {c["name"] for c in json.loads(dataset.dataset.schema)["mlflow_colspec"]}
    assert not named & set(SCHEMA.outcome_names)
    raw = shop(200, seed=9)
    raw["Churn"] = "perhaps"
    written = []
    for name, table in (("with", raw), ("without", raw[["customer", *SCHEMA.column_names]])):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        source, target = str(tmp_path / f"{name}.csv"), str(tmp_path / f"{name}-scored.csv")
        ended = CliRunner().invoke(
            score.main, ["--model-name", NAME, "--data", source, "--out", target]
        )
        assert (ended.exit_code, "warning" in ended.output) == (0, False), ended.output
        written.append(pd.read_csv(target))
    pd.testing.assert_frame_equal(written[0].drop(columns=[*SCHEMA.outcome_names]), written[1])


def test_an_outcome_is_a_feature_on_purpose(trained: Path) -> None:
    """Switched on it forms segments and is asked for; the others still describe them."""
    name = f"{NAME}-as-features"
    assert run(options(trained, name, as_features="Exited")) == 0
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    assert "Exited" in model.metadata.signature.inputs.input_names()
    info = describe(name)
    assert "Exited" in {column["column"] for column in info.profiles[0]["columns"]}
    described = [outcome["column"] for outcome in info.profiles[0]["outcomes"]]
    assert described == ["Churn", "revenue next month"]


def test_the_notebook_shows_outcomes() -> None:
    """A tidy table of figures; sentences in the profiles, the text and the card."""
    raw = shop(400)
    result = find_segments(
        raw,
        schema=SCHEMA,
        n_trials=4,
        k_max=4,
        n_jobs=1,
        trial_seconds=0.0,
        trial_gigabytes=0.0,
        progress=False,
    )
    segment = result.score(raw)["segment"].to_numpy()
    own = raw["Churn"][segment == 1].dropna()
    assert result.outcomes.loc[(1, "Churn"), "value"] == pytest.approx((own == "Yes").mean())
    assert result.outcomes.loc[(1, "Churn"), "n"] == len(own)
    sentence = result.profiles.loc[1, "outcomes"]
    assert sentence.startswith("Churn: ")
    assert sentence in repr(result)
    assert sentence.split(".")[0].replace("'", "&#x27;") in result._repr_html_()


def test_monitoring_sets_then_beside_now(trained: Path) -> None:
    """The same table has not changed; where three times as many leave, each segment says so."""
    model = segment_lineage.load(MlflowClient(), NAME, "1")
    same = drift_monitoring.monitor(model, shop(), "shop.csv", NAME)
    worse = drift_monitoring.monitor(model, shop(seed=1, churn=0.5), "shop.csv", NAME)
    bare = drift_monitoring.monitor(
        model, shop()[["customer", *SCHEMA.column_names]], "shop.csv", NAME
    )
    assert not [sentence for sentence in same.sentences if "Churn" in sentence]
    changes = [sentence for sentence in worse.sentences if sentence.startswith("Churn in segment")]
    assert len(changes) == len(model.numbering.numbers)
    assert worse.drift.verdict == same.drift.verdict == bare.drift.verdict == "ok"
    assert ("<h2>Outcomes</h2>" in same.html, "<h2>Outcomes</h2>" in bare.html) == (True, False)


def test_a_comparison_has_the_outcomes_of_both(trained: Path, tmp_path: Path) -> None:
    """A table for each version with every segment, and the whole table's figure below."""
    assert run(options(trained, NAME, seed=1)) == 0
    arguments = ["--model-name", NAME, "--first", "1", "--second", "2"]
    page = tmp_path / "compare.html"
    ended = CliRunner().invoke(compare.main, [*arguments, "--out", str(page)])
    assert ended.exit_code == 0, ended.output
    html = page.read_text(encoding="utf-8")
    raw = pd.read_csv(trained / "shop.csv")
    whole = f"{100 * (raw['Churn'].dropna() == 'Yes').mean():.0f}%"
    assert len(re.findall(f"Whole table</th><td[^>]*>{whole}</td>", html)) == 2
