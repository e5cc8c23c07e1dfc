"""The form of any table: switches, searchable levels, numbers as people write them, sections."""

import re
from dataclasses import replace
from html import unescape

import pytest
from flask.testing import FlaskClient

from experiments.registry.client import ModelInfo
from segmentation.schema import Column, TableSchema
from serve.web.forms import MOST_TOGETHER, groups
from serve.web.views import level_labels, switch_labels
from tests.serve.conftest import Scoring

CITIES = tuple(f"City_{number:03d}" for number in range(120))
FLAG = {"kind": "count", "plausible": (0.0, 1.0)}
DRAFT = TableSchema(
    "draft",
    "Inferred from 7 columns",
    (
        Column("spend", "Spend", kind="money"),
        Column("income", "Income", kind="money", unit="€", decimal=",", plausible=(0.0, 50_000.0)),
        Column("discount", "Discount", kind="frequency"),
        Column("app", "App installed", **FLAG, nullable=True),
        Column("loan", "Loan", kind="category", levels=("yes", "no")),
        Column("plan", "Plan", kind="ordered", levels=("OneYearPlan", "TwoYearPlan", "no_plan")),
        Column("city", "City", kind="category", levels=CITIES, nullable=True),
    ),
    groups={"columns": "Columns"},
)


@pytest.fixture
def draft(client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a browser in front of a model of a drafted schema: no units, help, or examples."""
    drafted = replace(model, schema=DRAFT, profiles=[], book={})
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: drafted)
    return client


def sent(scoring: Scoring) -> dict[str, str]:
    """Return what the scoring server was asked last."""
    header, row = scoring.bodies[-1].splitlines()
    return dict(zip(header.split(","), row.split(","), strict=True))


def test_a_drafted_form_has_no_empty_parts(draft: FlaskClient) -> None:
    """No box for a unit that is not there, no empty help, heading or line of examples."""
    page = draft.get("/customer").text
    assert re.findall(r'class="input-group-text">([^<]+)<', page) == ["€", "%"]
    assert re.findall(r'class="form-text" id="[^"]+">([^<]+)<', page) == ["Usually 0 to 50.000."]
    described = re.findall(r'aria-describedby="([^"]+)"', page)
    assert all(f'id="{name}"' in page for names in described for name in names.split())
    assert "Or start" not in page
    assert "None" not in page
    assert "Columns" not in page
    assert '<legend class="visually-hidden">The customer</legend>' in page


def test_yes_or_no_is_a_switch_with_a_third_way(draft: FlaskClient, scoring: Scoring) -> None:
    """Radio buttons with labels; the value that is sent is the table's own, unknown is empty."""
    page = draft.get("/customer").text
    for name, values in (("app", ["0", "1", ""]), ("loan", ["yes", "no", ""])):
        buttons = re.findall(rf'<input[^>]*name="{name}"[^>]*>', page)
        assert [re.search(r'value="([^"]*)"', b)[1] for b in buttons] == values
        assert [" checked" in button for button in buttons] == [False, False, True]
    assert re.findall(r'<label class="btn"[^>]*>([^<]+)<', page) == [
        *("No", "Yes", "Unknown"),
        *("Yes", "No", "Unknown"),
    ]
    answer = draft.post("/customer", data={"app": "1", "loan": "no"})
    assert answer.status_code == 200
    assert (sent(scoring)["app"], sent(scoring)["loan"]) == ("1.0", "no")
    assert '<td data-label="Customer">Yes</td>' in answer.text
    draft.post("/customer", data={"app": "", "loan": "", "spend": "5"})
    assert (sent(scoring)["app"], sent(scoring)["loan"]) == ("", "")
    assert draft.post("/customer", data={"app": "2"}).status_code == 422


def test_many_levels_are_searched(draft: FlaskClient, scoring: Scoring) -> None:
    """A list behind a field, in any case; what is none is named with the nearest."""
    page = draft.get("/customer").text
    assert len(re.findall(r'<option value="City_\d+">', page)) == len(CITIES)
    assert '<option value="City_007">City 007</option>' in page
    for typed in ("City_007", " city 007 "):
        draft.post("/customer", data={"city": typed})
        assert sent(scoring)["city"] == "City_007"
    wrong = draft.post("/customer", data={"city": "Citty_107", "spend": "5"})
    assert wrong.status_code == 422
    text = unescape(wrong.text)
    assert "“Citty_107” is none of the 120 levels of this column. Did you mean City_107" in text
    assert 'value="Citty_107"' in text


def test_levels_are_readable_and_stay_exact(draft: FlaskClient, scoring: Scoring) -> None:
    """Words apart on the page, the level itself to the model, in its own order."""
    page = draft.get("/customer").text
    options = re.findall(r'<option value="([^"]*)">([^<]*)</option>', page.split('name="plan"')[1])
    assert options[:3] == [
        ("OneYearPlan", "One year plan"),
        ("TwoYearPlan", "Two year plan"),
        ("no_plan", "no plan"),
    ]
    answer = draft.post("/customer", data={"plan": "TwoYearPlan"}).text
    assert sent(scoring)["plan"] == "TwoYearPlan"
    assert '<td data-label="Customer">Two year plan</td>' in answer


@pytest.mark.parametrize(
    ("levels", "labels"),
    [
        (("PayPal", "cash", "cheque"), ("PayPal", "cash", "cheque")),
        (("FamilyPlusTV", "basic"), ("Family plus TV", "basic")),
        (("a_b", "a b"), ("a_b", "a b")),
        (("_", "x"), ("_", "x")),
    ],
)
def test_a_level_is_parted_only_where_that_is_how_words_are_written(
    levels: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    """A brand is one word; two levels never look alike; a label is never empty."""
    assert level_labels(Column("x", "X", kind="category", levels=levels)) == labels


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (Column("x", "X", **FLAG), ("No", "Yes")),
        (Column("x", "Sex", **FLAG, sensitive=True), ("0", "1")),
        (Column("x", "X", kind="category", levels=("ja", "nein")), ("Ja", "Nein")),
        (Column("x", "X", kind="category", levels=("Y", "N")), ("Yes", "No")),
    ],
)
def test_a_switch_says_what_its_values_mean(column: Column, labels: tuple[str, str]) -> None:
    """The table's own words where it has some; a sensitive 0 or 1 is not called yes or no."""
    assert switch_labels(column) == labels


@pytest.mark.parametrize(
    ("name", "written", "number"),
    [
        ("spend", "$1,200", 1200.0),
        ("spend", "1 250.50", 1250.5),
        ("spend", "(12)", -12.0),
        ("income", "1.234,50", 1234.5),
        ("income", "1.234", 1234.0),
        ("discount", "12 %", 0.12),
        ("discount", "12", 0.12),
        ("discount", "0.5", 0.005),
    ],
)
def test_numbers_are_read_with_the_columns_own_marks(
    draft: FlaskClient, scoring: Scoring, name: str, written: str, number: float
) -> None:
    """Currency, percent, thousands and decimal comma as people write them."""
    assert draft.post("/customer", data={name: written}).status_code == 200
    assert float(sent(scoring)[name]) == pytest.approx(number)


def test_a_number_that_is_none_names_field_value_and_what_was_expected(draft: FlaskClient) -> None:
    """The decimal mark is the column's."""
    page = unescape(draft.post("/customer", data={"income": "1,2,3", "spend": "0,5"}).text)
    assert "Income</a>: “1,2,3” is not a number. Type digits and a decimal comma" in page
    assert "Spend</a>: “0,5” is not a number. Type digits and a decimal point" in page


def test_long_sections_are_cut_into_parts() -> None:
    """No heading over more fields than one looks through; each column once, in order."""
    columns = tuple(Column(f"x{i}", f"X {i}") for i in range(50))
    sections = groups(TableSchema("t", "T", columns, groups={"columns": "Numbers"}))
    assert [heading for heading, _ in sections] == [f"Numbers, part {n} of 3" for n in (1, 2, 3)]
    assert max(len(below) for _, below in sections) <= MOST_TOGETHER
    assert [column for _, below in sections for column in below] == list(columns)


def test_categories_are_compared_without_an_order(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Levels are different, never higher; figures that are equal set nothing apart."""
    entries = [
        {"column": "plan", "median": 1.0, "book_median": 1.0, "effect": 0.9, "quantiles": {}},
        {"column": "city", "median": 5.0, "book_median": 7.0, "effect": 0.6, "quantiles": {}},
        {"column": "app", "median": 1.0, "book_median": 0.0, "effect": 0.3, "quantiles": {}},
        {"column": "spend", "median": None, "book_median": 8.0, "effect": -0.3, "quantiles": {}},
    ]
    profile = {**model.profiles[0], "columns": entries, "traits": [], "rules": []}
    plan = replace(DRAFT.column("plan"), kind="category")
    columns = tuple(plan if column.name == "plan" else column for column in DRAFT.columns)
    drafted = replace(DRAFT, columns=columns)
    info = replace(model, schema=drafted, profiles=[profile], book={})
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: info)
    page = client.get("/segments/1").text
    assert re.findall(r'class="heat( up| down)? by\d">([^<]+)<', page) == [
        ("", "about the same"),
        ("", "very different"),
        (" up", "higher"),
        (" down", "lower"),
    ]
    assert re.findall(r"<div><dt>([^<]+)</dt><dd>([^<]+) <", client.get("/").text) == [
        ("Commonest city", "City 005"),
        ("Median app installed", "1"),
        ("Median spend", "unknown"),
    ]
    table = client.get("/file").text.split("Which columns it needs")[1]
    assert re.search(r">Plan</td><td[^>]*>TwoYearPlan</td>", table)
    engineers = client.get("/engineers").text
    assert "City_011 and 108 more" in engineers
    assert "double, 0 or 1, null for unknown" in engineers
