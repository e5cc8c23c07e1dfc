"""Lists of scored customers: counted, looked up and taken out of the table where they lie."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine

from experiments.registry.client import ModelInfo
from segmentation.data.synthetic import generate
from serve.app import create_app
from serve.web.settings import Settings
from tests.conftest import NewDatabase
from tests.serve.conftest import SCHEMA
from tests.serve.web.test_segments import text_of

N = 3_000


def exported(browser: FlaskClient, form: dict[str, str]) -> io.BytesIO:
    """Return the file of a list."""
    with browser.post("/lists/export", data=form) as reply:
        assert reply.status_code == 200
        return io.BytesIO(reply.data)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return a scored table as the command writes it, with an identifier that is a formula."""
    customers = generate(N, seed=6)
    chance = np.random.default_rng(0)
    heavy = (customers["CASH_ADVANCE"] > 500).to_numpy()
    customers.loc[0, "CUST_ID"] = "=1+1"
    return customers.assign(
        segment=1 + heavy,
        segment_name=np.where(heavy, "Heavy", "Light"),
        confidence=chance.uniform(0.4, 1, N),
        runner_up=2 - heavy,
        runner_up_name=np.where(heavy, "Light", "Heavy"),
        unlike_training=False,
        reasons="Cash advances, Balance",
        model_version="7",
        as_of=pd.Timestamp("2026-11-01"),
    )


def _parquet(table: pd.DataFrame, folder: Path, _: NewDatabase) -> str:
    path = folder / "scored.parquet"
    table.to_parquet(path, index=False)
    return str(path)


def _duckdb(table: pd.DataFrame, folder: Path, _: NewDatabase) -> str:
    path = folder / "scored.db"
    with duckdb.connect(str(path)) as connection:
        connection.register("frame", table)
        connection.execute("CREATE TABLE scored AS SELECT * FROM frame")
    return f"duckdb:///{path}?table=scored"


def _postgresql(table: pd.DataFrame, folder: Path, new: NewDatabase) -> str:
    url = new(f"lists_{folder.name[-12:]}".lower().replace("-", "_"))
    engine = create_engine(url)
    table.to_sql("scored", engine, index=False)
    engine.dispose()
    mark = "&" if "?" in url else "?"
    return f"{url}{mark}table=scored"


PLACES: dict[str, Callable[[pd.DataFrame, Path, NewDatabase], str]] = {
    "parquet": _parquet,
    "duckdb": _duckdb,
    "postgresql": _postgresql,
}


@pytest.fixture
def pages(
    tmp_path: Path, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Flask]:
    """Return what makes pages for a scored table."""
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: model)

    def made(scored: str) -> Flask:
        config = {"INSTANCE": tmp_path / "instance", "WTF_CSRF_ENABLED": False}
        return create_app({**config, "SETTINGS": Settings(scored=scored)})

    return made


@pytest.fixture
def browser(
    pages: Callable[[str], Flask], table: pd.DataFrame, tmp_path: Path, postgresql: NewDatabase
) -> FlaskClient:
    """Return a browser in front of a Parquet file."""
    return pages(_parquet(table, tmp_path, postgresql)).test_client()


@pytest.mark.parametrize("place", PLACES)
def test_a_filter_counts_what_pandas_counts(
    place: str,
    pages: Callable[[str], Flask],
    table: pd.DataFrame,
    tmp_path: Path,
    postgresql: NewDatabase,
) -> None:
    """Segments, confidence and ranges, in a file and in databases; looked up by identifier too."""
    browser = pages(PLACES[place](table, tmp_path, postgresql)).test_client()
    query = {"segment": "2", "sure": "border", "column_1": "BALANCE", "from_1": "1,000"}
    query |= {"column_2": "PURCHASES_FREQUENCY", "to_2": "50"}
    reply = browser.get("/lists", query_string=query)
    chosen = table[
        (table["segment"] == 2)
        & (table["confidence"] <= 0.7)
        & (table["BALANCE"] >= 1_000)
        & (table["PURCHASES_FREQUENCY"] <= 0.5)
    ]
    assert 20 < len(chosen) < N
    assert f"{len(chosen)} of {N:,} {SCHEMA.customers}" in text_of(reply.text)
    part = browser.get("/lists", query_string=query, headers={"X-Part": "count"})
    assert f"{len(chosen)} of {N:,}" in text_of(part.text)
    assert "<html" not in part.text

    row = table.iloc[17]
    reply = browser.post("/lists/customer", data={"identifier": row["CUST_ID"]})
    assert f"Balance ${row['BALANCE']:,.0f}" in re.sub(r"\.\d\d\b", "", text_of(reply.text))
    assert "As of 2026-11-01" in reply.text
    absent = browser.post("/lists/customer", data={"identifier": "nobody"})
    assert f"The scored table has no {SCHEMA.customers}" in absent.text


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet"])
def test_a_list_has_its_customers_and_a_control_group(
    browser: FlaskClient, table: pd.DataFrame, ending: str
) -> None:
    """The share of every segment, the same for the same seed; formulas are harmless."""
    form = {"sure": "", "format": ending, "share": "10", "seed": "3"}
    reading = {".csv": pd.read_csv, ".xlsx": pd.read_excel, ".parquet": pd.read_parquet}[ending]
    frame = reading(exported(browser, form))
    assert len(frame) == N
    drawn = frame.groupby("segment")["control"].sum()
    sizes = table.groupby("segment").size()
    assert drawn.to_dict() == {number: round(0.1 * size) for number, size in sizes.items()}
    again = reading(exported(browser, form))
    other = reading(exported(browser, {**form, "seed": "4"}))
    members = [set(f.loc[f["control"], "CUST_ID"]) for f in (frame, again, other)]
    assert members[0] == members[1] != members[2]
    assert ("'=1+1" if ending != ".parquet" else "=1+1") in set(frame["CUST_ID"])
    numbers = ["BALANCE", "CASH_ADVANCE"]
    ours = frame.sort_values("BALANCE")[numbers].to_numpy()
    np.testing.assert_allclose(ours, table.sort_values("BALANCE")[numbers].to_numpy())


def test_a_workbook_says_what_it_holds(browser: FlaskClient) -> None:
    """Two sheets, the second one explaining the first."""
    file = exported(browser, {"segment": "1", "format": ".xlsx", "share": "0"})
    book = openpyxl.load_workbook(file, read_only=True)
    assert book.sheetnames == ["Scored", "Summary"]


def test_nothing_is_left_of_an_export(browser: FlaskClient, tmp_path: Path) -> None:
    """The file is this process's own, and gone when it is sent."""
    exported(browser, {"format": ".csv", "share": "5"})
    assert not [p for p in (tmp_path / "instance").rglob("customers*") if p.is_file()]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"column_1": "BALANCE", "from_1": "much"}, "Type a number"),
        ({"column_1": "BALANCE", "from_1": "9", "to_1": "1"}, "below the number before it"),
        ({"column_1": "CUST_ID", "from_1": "9"}, "Choose one of the columns"),
        ({"column_1": "BALANCE; DROP TABLE scored", "from_1": "9"}, "Choose one of the columns"),
    ],
)
def test_a_mistake_is_named(browser: FlaskClient, query: dict[str, str], message: str) -> None:
    """At its field, and nothing is counted."""
    reply = browser.get("/lists", query_string=query)
    assert (reply.status_code, message in reply.text) == (422, True)
    assert browser.post("/lists/export", data={**query, "format": ".csv"}).status_code == 422


def test_a_list_of_nobody_is_no_file(browser: FlaskClient) -> None:
    """A filter that chooses nobody is a sentence."""
    nobody = {"column_1": "BALANCE", "from_1": "9e9", "format": ".csv"}
    reply = browser.post("/lists/export", data=nobody)
    assert (reply.status_code, f"chooses no {SCHEMA.customers}" in reply.text) == (422, True)


def test_a_control_group_has_bounds(browser: FlaskClient) -> None:
    """Nobody is left to act on above nine tenths."""
    reply = browser.post("/lists/export", data={"format": ".csv", "share": "95"})
    assert (reply.status_code, "from 0 to 90" in reply.text) == (422, True)


def test_a_table_that_cannot_be_read_is_a_sentence(
    pages: Callable[[str], Flask], tmp_path: Path
) -> None:
    """Away, or no scored table: what was expected, and no trace."""
    away = pages("postgresql://nobody:secret@127.0.0.1:1/none?table=scored").test_client()
    reply = away.get("/lists")
    assert (reply.status_code, "cannot be read" in reply.text) == (503, True)
    assert "secret" not in reply.text
    generate(20, seed=1).to_parquet(tmp_path / "plain.parquet")
    reply = pages(str(tmp_path / "plain.parquet")).test_client().get("/lists")
    assert "a scored table; confidence, segment, segment_name is missing" in text_of(reply.text)


def test_rows_without_an_answer_are_left_out(
    pages: Callable[[str], Flask], table: pd.DataFrame, tmp_path: Path
) -> None:
    """They may stay in a scored file; a table with other segments is none of ours."""
    some = table.head(100).assign(segment=table["segment"].where(table.index % 10 > 0))
    some.to_csv(tmp_path / "some.csv", index=False)
    reply = pages(str(tmp_path / "some.csv")).test_client().get("/lists")
    assert f"90 of 90 {SCHEMA.customers}" in text_of(reply.text)
    table.assign(segment="gold").to_parquet(tmp_path / "gold.parquet", index=False)
    reply = pages(str(tmp_path / "gold.parquet")).test_client().get("/lists")
    assert "numbers in segment and confidence" in text_of(reply.text)


def test_without_a_table_there_is_no_link(client: FlaskClient) -> None:
    """The page says how to name one."""
    assert "/lists" not in client.get("/").text
    assert "SEGMENTATION_SCORED" in client.get("/lists").text


def test_the_model_names_the_segments(
    browser: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment that was renamed since has its new name here too."""
    profiles = [{**p, "name": f"Renamed {p['number']}"} for p in model.profiles]
    renamed = replace(model, profiles=profiles)
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: renamed)
    assert "Renamed 2" in browser.get("/lists").text
