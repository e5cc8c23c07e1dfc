"""From transactions in PostgreSQL to segments by commands, and back into it when scored."""

import json
import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import ibis
import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient

from experiments import collect, explore, history, rfm, score
from experiments.command_line import main as every_command
from experiments.registry import segment_lineage
from experiments.registry.client import describe
from experiments.search.workflow import run as search
from experiments.work import file_scoring
from segmentation.data.readers import read_table
from segmentation.data.synthetic.card_transactions import AS_OF, iter_transactions
from segmentation.data.transactions.recipe import Recipe, load_recipe
from segmentation.data.validation import validate
from segmentation.schema import load_schema
from tests.conftest import NewDatabase
from tests.experiments.conftest import OPTIONS

NAME = "collected"
DATA = "embedded-transactions:400"


def run(command: object, *arguments: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(command, list(map(str, arguments)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bank(postgresql: NewDatabase) -> str:
    """Put the generated transactions into PostgreSQL; return the address of the database."""
    address = postgresql(NAME)
    server = ibis.connect(address)
    server.create_table("transactions", next(iter_transactions(400)))
    server.disconnect()
    return address


@pytest.fixture(scope="module")
def customers(bank: str, workplace: Path) -> Path:
    """Collect customers there, and register a model that learned from them."""
    out = workplace / "customers.parquet"
    data = f"{bank}&table=transactions"
    result = run(collect.main, "--data", data, "--out", out, "--as-of", AS_OF)
    assert result.exit_code == 0, result.output
    assert f"features as of {AS_OF} in {out}, their schema in {workplace}/customers.yaml" in (
        result.output
    )
    schema = str(out.with_suffix(".yaml"))
    options = replace(OPTIONS, data=str(out), schema=schema, experiment_name=NAME, model_name=NAME)
    assert search(options) == 0
    return out


def test_a_recipe_travels_with_the_model(customers: Path) -> None:
    """What the schema beside the table has is what the registered version has."""
    recipe = Recipe.from_dict(describe(NAME, "champion").schema.recipe)
    assert recipe == Recipe.from_dict(load_schema(str(customers.with_suffix(".yaml"))).recipe)


def test_scoring_transactions_scores_their_customers(
    bank: str, customers: Path, tmp_path: Path
) -> None:
    """The same answers from transactions as from the customers collected of them."""
    scored = []
    data = f"{bank}&table=transactions"
    for source, more in ((customers, ()), (data, ("--collect", "--as-of", AS_OF))):
        out = tmp_path / "scored.csv"
        result = run(score.main, "--data", source, "--out", out, "--model-name", NAME, *more)
        assert result.exit_code == 0, result.output
        scored.append(pd.read_csv(out))
    pd.testing.assert_frame_equal(*scored, check_exact=True)


def test_segments_go_back_to_where_the_transactions_are(
    bank: str, customers: Path, client: MlflowClient
) -> None:
    """Scored as of two days, the later first: the view has everybody once, in the later segment."""
    target = f"{bank}&table=segments"
    for day in (AS_OF, AS_OF - timedelta(days=60)):
        words = ("--data", f"{bank}&table=transactions", "--out", target, "--model-name", NAME)
        result = run(score.main, *words, "--collect", "--as-of", day, "--memberships")
        assert result.exit_code == 0, result.output
    current = read_table(f"{bank}&table=segments_current").frame.set_index("CUST_ID")
    model = segment_lineage.load(client, NAME, "1")
    table = validate(pd.read_parquet(customers), model.schema).customers
    expected = pd.Series(model.segments(table)["segment"], table.index)
    assert current.index.is_unique
    assert current["segment"].to_dict() == expected.to_dict()
    assert expected.nunique() >= 3
    shares = current["memberships"].map(json.loads)
    for answer, share in zip(current.itertuples(), shares, strict=True):
        assert share[str(answer.segment)] == pytest.approx(answer.confidence)
        assert sum(share.values()) == pytest.approx(1)
    assert set(current["as_of"]) == {pd.Timestamp(AS_OF)}
    assert len(read_table(target).frame) > len(current)


def test_a_history_of_transactions_is_that_of_the_collected_days(
    bank: str, customers: Path, client: MlflowClient, tmp_path: Path
) -> None:
    """Sizes, moves, who came: the same figures from transactions as from a file for every day."""
    data = f"{bank}&table=transactions"
    days = [AS_OF - timedelta(days=days) for days in (60, 30)]
    files = [tmp_path / f"{day}.parquet" for day in days]
    for day, file in zip(days, files, strict=True):
        assert run(collect.main, "--data", data, "--as-of", day, "--out", file).exit_code == 0
    several = ",".join(f"{d}={f}" for d, f in zip([*days, AS_OF], [*files, customers], strict=True))
    backwards = f"{AS_OF}, {days[1]}, {days[0]}"
    for words in (("--data", several), ("--transactions", data, "--days", backwards)):
        result = run(history.main, *words, "--model-name", NAME)
        assert result.exit_code == 0, result.output
    experiment = client.get_experiment_by_name(f"{NAME}-registry").experiment_id
    runs = client.search_runs([experiment], "tags.kind = 'history'")
    one, other = (
        mlflow.artifacts.load_text(f"runs:/{recorded.info.run_id}/history.json")
        for recorded in runs
    )
    assert one == other
    assert json.loads(one)["steps"][1]["flows"]
    assert sum(json.loads(one)["steps"][0]["came"].values()) > 0


def test_rfm_groups_stand_beside_the_segments(
    bank: str, customers: Path, client: MlflowClient, tmp_path: Path
) -> None:
    """Everybody once, with the segment that the model gives; the figures are recorded with it."""
    out = tmp_path / "rfm.csv"
    words = ("--data", f"{bank}&table=transactions", "--out", out, "--as-of", AS_OF)
    result = run(rfm.main, *words, "--model-name", NAME, "--frequency", "2,5,10,20")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out, dtype={"rfm": str}).set_index("CUST_ID")
    own = pd.read_parquet(customers).set_index("CUST_ID").loc[table.index]
    assert len(table) == len(own)
    assert (table["frequency"] == own["purchases_365d"]).all()
    assert table.loc[table["frequency"] >= 20, "frequency_score"].eq(5).all()
    assert set(table.loc[table["frequency"] == 0, "rfm_group"]) <= {"No purchase"}
    model = segment_lineage.load(client, NAME, "1")
    expected = model.segments(validate(own.reset_index(), model.schema).customers)["segment"]
    assert table["segment"].tolist() == expected.tolist()
    html = out.with_suffix(".html").read_text("utf-8")
    assert "frequency at 2, 5, 10, 20" in html
    assert "What learning adds" in html
    assert not any(who in html for who in table.index)
    experiment = client.get_experiment_by_name(f"{NAME}-registry").experiment_id
    (recorded,) = client.search_runs([experiment], "tags.kind = 'rfm'")
    information = recorded.data.metrics["rfm_adjusted_mutual_information"]
    assert f"adjusted mutual information {information:.2f}" in result.output
    alone = run(rfm.main, *words, "--alone", "--recency", "30,90,180,365")
    assert alone.exit_code == 0, alone.output
    assert "segment" not in pd.read_csv(out)
    assert "What learning adds" not in out.with_suffix(".html").read_text("utf-8")


def test_a_draft_is_a_recipe_that_a_person_may_change(workplace: Path, tmp_path: Path) -> None:
    """Written or printed; with another window the customers have its columns."""
    file = tmp_path / "recipe.yaml"
    assert run(collect.main, "--data", DATA, "--draft", "--out", file).exit_code == 0
    assert run(collect.main, "--data", DATA, "--draft").output == file.read_text("utf-8")
    assert load_recipe(str(file)).customer == "CUST_ID"
    file.write_text(file.read_text("utf-8").replace("- 365", "- 180"), encoding="utf-8")
    out = tmp_path / "customers.csv"
    assert run(collect.main, "--data", DATA, "--recipe", file, "--out", out).exit_code == 0
    assert {"purchases_30d", "purchases_180d"} <= set(pd.read_csv(out))


def test_the_query_is_shown_and_not_run(workplace: Path) -> None:
    """SQL as the engine gets it."""
    result = run(collect.main, "--data", DATA, "--explain", "--as-of", AS_OF)
    assert result.exit_code == 0
    assert "SELECT" in result.output
    assert "MAKE_DATE(2025, 1, 1)" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", DATA), "expected the file for the customers"),
        (("--data", DATA, "--out", "x.pdf"), "a name that ends in .csv"),
        (("--data", DATA, "--draft", "--out", "x.csv"), "a name that ends in .yaml"),
        (("--data", DATA, "--as-of", "July"), "expected a day such as 2024-07-01"),
        (("--data", "nowhere.csv", "--out", "x.csv"), "Parquet or CSV files, found none"),
        (("--data", DATA, "--recipe", "no.yaml", "--out", "x.csv"), "draft one with collect"),
        (("history", "--transactions", DATA, "--days", "2025-01-01"), "different days, found 1"),
        (("history", "--transactions", DATA, "--days", "2025-13-01"), "a day such as 2024-07-01"),
        (("rfm", "--data", DATA, "--out", "x.pdf"), "a name that ends in .csv"),
        (("rfm", "--data", DATA, "--out", "x.csv", "--money", "3,2,1,0"), "four numbers that asc"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    workplace: Path, arguments: tuple[str, ...], message: str
) -> None:
    """With exit code 2, and nothing written."""
    words = arguments if not arguments[0].startswith("--") else ("collect", *arguments)
    result = run(every_command, *words)
    assert (result.exit_code, message in result.output) == (2, True), result.output


def test_a_model_without_a_recipe_is_not_fed_transactions(
    customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says what kind of model is expected."""
    info = describe(NAME, "champion")
    bare = replace(info, schema=replace(info.schema, recipe={}))
    monkeypatch.setattr(file_scoring, "describe", lambda *_: bare)
    words = ("--data", DATA, "--out", tmp_path / "x.csv", "--model-name", NAME, "--collect")
    assert "has no recipe" in run(score.main, *words).output


def test_a_retail_log_leads_to_customers_by_the_commands_that_explore_proposes(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Customer id, dates as 5-Dec-17 and amounts: the printed commands run as they are."""
    log = tmp_path / "retail log.csv"
    rows = [
        f"{n % 40 + 100},{n % 28 + 1}-{('Oct', 'Nov', 'Dec')[n % 3]}-17,{n % 37 + 0.5}"
        for n in range(900)
    ]
    log.write_text("\n".join(["customer_id,date,amount", *rows]), encoding="utf-8")
    refused = run(explore.main, "--data", log)
    assert refused.exit_code == 2
    lines = [line.strip() for line in refused.output.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("customer-segmentation")]
    assert [words[1] for words in commands] == ["collect", "search"]
    monkeypatch.chdir(tmp_path)
    assert run(every_command, *commands[0][1:]).exit_code == 0
    assert commands[1][2:] == ["--data", "customers.parquet", "--schema", "customers.yaml"]
    assert len(pd.read_parquet("customers.parquet")) == 40
    assert load_schema("customers.yaml").identifier == "customer_id"
