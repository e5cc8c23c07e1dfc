"""A table with demographics, end to end: searched, registered, served, asked in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import requests
from mlflow import MlflowClient
from playwright.sync_api import Browser, Page, expect

from segmentation.schema import load_schema
from serve.demo import MODEL
from tests.e2e.conftest import Product, running
from tests.e2e.walking import accessible

pytestmark = [pytest.mark.e2e, pytest.mark.data]

SCHEMA = load_schema("bank_churners")
SEARCH = {
    "schema": "bank_churners",
    "sensitive": "true",
    "n_trials": "6",
    "k_max": "5",
    "algorithms": "k_means",
    "n_jobs": "1",
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Iterator[Product]:
    """Search some of BankChurners, sensitive columns switched on, and serve the champion."""
    folder = tmp_path_factory.mktemp("people")
    customers = pd.read_csv(data_folder / "BankChurners.csv").head(3_000)
    customers.to_csv(folder / "customers.csv", index=False)
    parameters = {"data": str(folder / "customers.csv"), **SEARCH}
    arguments = [part for name, value in parameters.items() for part in ("-P", f"{name}={value}")]
    ports = (18010, 15010, 15011)
    with running(folder, arguments, ports) as product:
        yield product


@pytest.fixture(params=[1440, 390])
def page(request: pytest.FixtureRequest, browser: Browser, people: Product) -> Iterator[Page]:
    """Return the form on a desktop and on a phone."""
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    opened = context.new_page()
    for _ in range(20):  # the registry may take a few seconds to describe the champion
        answer = opened.goto(f"{people.addresses.pages}/customer")
        if answer is not None and answer.ok:
            break
    yield opened
    context.close()


def test_the_form_is_built_from_the_schema(page: Page) -> None:
    """Every category is a list of its levels and `Unknown`, every number a field to type in."""
    accessible(page)
    for column in SCHEMA.columns:
        field = page.locator(f"[name='{column.name}']")
        tag = field.evaluate("field => field.tagName")
        assert tag == ("SELECT" if column.categorical else "INPUT"), column.name
        if column.categorical:
            options = field.locator("option").all_inner_texts()
            assert options == ["Unknown", *column.levels]


def test_a_person_asks_with_categories(page: Page) -> None:
    """Chosen levels are kept, answered with words, and an unknown one is no obstacle."""
    page.get_by_label("Income", exact=True).select_option("$120K +")
    page.get_by_label("Marital status").select_option("Unknown")
    page.get_by_role("button", name="Find the segment").click()
    expect(page.locator("#answer-title")).not_to_be_empty()
    expect(page.locator("#answer")).to_contain_text("$120K +")
    expect(page.get_by_label("Income", exact=True)).to_have_value("$120K +")
    accessible(page)


def test_a_file_with_texts_is_scored(page: Page, data_folder: Path, tmp_path: Path) -> None:
    """The raw file is scored as it is; a level never seen is reported and scored as unknown."""
    raw = pd.read_csv(data_folder / "BankChurners.csv").head(60)
    raw.loc[:2, "Card_Category"] = "Diamond"
    raw.to_csv(tmp_path / "people.csv", index=False)
    page.get_by_role("link", name="A file").click()
    page.get_by_label("Customer file").set_input_files(tmp_path / "people.csv")
    page.get_by_role("button", name="Score the file").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("60 card holders scored")
    expect(page.locator("main")).to_contain_text(
        "Card_Category: expected one of Blue, Silver, Gold, Platinum, "
        "found 1 unseen level ('Diamond') in 3 rows"
    )
    accessible(page)


def test_the_scoring_server_takes_levels_as_text(people: Product) -> None:
    """Texts, nulls in texts, and a level never seen all get an answer; the same as in one batch."""
    example = dict(SCHEMA.examples[0].values)
    rows = [example, {**example, "Gender": None}, {**example, "Marital_Status": "Widowed"}]
    names = list(SCHEMA.column_names)
    split = {"columns": names, "data": [[row[name] for name in names] for row in rows]}
    url = f"{people.addresses.scoring}/invocations"
    reply = requests.post(url, json={"dataframe_split": split}, timeout=30)
    assert reply.status_code == 200, reply.text
    answers = reply.json()["predictions"]
    assert len(answers) == 3
    for answer in answers:
        assert set(answer["reasons"]) <= set(names)
    alone = requests.post(url, json={"dataframe_records": [example]}, timeout=30)
    assert alone.json()["predictions"] == answers[:1]


def test_run_and_card_say_which_way_it_was(people: Product) -> None:
    """Sensitive columns: the switch, how strongly segments track them, and what chance reaches."""
    client = MlflowClient(people.tracking_uri)
    version = client.get_model_version_by_alias(MODEL, "champion")
    assert "**Sensitive columns** form segments (`sensitive=true`)" in version.description
    assert "adjusted mutual information" in version.description
    assert "What the segments are made of" in version.description
    assert version.tags["sensitive"] == "form"
    run = client.get_run(version.run_id)
    assert run.data.tags["sensitive"] == "form"
    for name in SCHEMA.sensitive_names:
        assert -0.1 <= run.data.metrics[f"sensitive_{name}"] <= 1
        assert run.data.metrics[f"sensitive_{name}_chance"] < 0.02
    assert run.data.metrics["explained_Credit_Limit"] > 0
    assert "audit.json" in {item.path for item in client.list_artifacts(version.run_id)}
    crossing = [v for k, v in run.data.metrics.items() if k == "restatement"]
    assert crossing[0] < 0.6
