"""Each table from file to registered model, scored file, pages: what is said of it is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sklearn.metrics import adjusted_rand_score

from tests.stores import tracking_store
from tests.tables.checker import Facts
from tests.tables.journey import Element, Journey, pages, read, search, travelled, typing
from tests.tables.test_drafts import CUSTOMERS, SHAPES


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Work in a folder with a fresh tracking store."""
    folder = tmp_path_factory.mktemp("workplace")
    with tracking_store(folder):
        yield folder


@pytest.fixture(scope="module", params=CUSTOMERS, ids=lambda shape: shape.name)
def journey(
    request: pytest.FixtureRequest, workplace: Path, tmp_path_factory: pytest.TempPathFactory
) -> Journey:
    """Return what each table led to."""
    return travelled(request.param, tmp_path_factory.mktemp("journey"))


@pytest.fixture(scope="module")
def facts(journey: Journey) -> Facts:
    """Return the raw table with the segment of each customer."""
    return Facts(journey.truth, journey.scored["segment"], journey.model.schema)


@pytest.fixture(scope="module")
def browser(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Return a browser of the pages that serve the model."""
    with pages(journey, tmp_path_factory.mktemp("pages")) as client:
        yield client


def test_roles_reach_the_model(journey: Journey) -> None:
    """What forms segments is asked for; identifier, outcomes, sensitive columns never are."""
    shape, schema = journey.shape, journey.model.schema
    outcomes = {column.name for column in schema.outcomes}
    assert schema.identifier in shape.identifier
    assert outcomes - set(shape.either) == set(shape.outcomes)
    open_columns = set(shape.either)
    forming = set(shape.kinds) - set(shape.sensitive)
    assert set(schema.column_names) - open_columns == forming - open_columns


def test_the_verdict_is_right_and_one(journey: Journey) -> None:
    """Planted groups are structure, independent columns are none; the card says the same."""
    tag = journey.version.tags["structure"]
    card = str(journey.version.description).splitlines()
    sentence = next(line for line in card if line.startswith("- **Structure**"))
    assert tag == ("yes" if journey.shape.structure else "no"), sentence
    assert ("No structure" in journey.output) == (tag == "no")


def test_planted_groups_come_back(journey: Journey) -> None:
    """The segments are the groups the customers were made from, up to some that were merged."""
    group = journey.shape.make()[1]
    if journey.shape.structure:
        assert adjusted_rand_score(group, journey.scored["segment"]) > 0.5


def test_every_customer_is_scored_once(journey: Journey) -> None:
    """As many rows as customers, under their identifiers; sizes are those of the cards."""
    scored, truth, identifier = journey.scored, journey.truth, journey.model.schema.identifier
    assert len(scored) == len(truth)
    if identifier in truth.columns:
        assert scored[identifier].astype(str).tolist() == truth[identifier].astype(str).tolist()
    sizes = scored["segment"].value_counts().to_dict()
    assert sizes == {p["number"]: p["size"] for p in journey.model.profiles}
    shares = {number: size / len(truth) for number, size in sizes.items()}
    assert shares == pytest.approx({p["number"]: p["share"] for p in journey.model.profiles})


def test_every_sentence_on_a_card_is_true(journey: Journey, facts: Facts) -> None:
    """Figures of sentences, rules and outcomes are those of the raw table."""
    wrong = []
    for profile in journey.model.profiles:
        number = profile["number"]
        wrong += facts.wrong_sentence(profile["sentence"], number)
        wrong += [facts.wrong_rule(rule, number) for rule in profile["rules"]]
        wrong += [facts.wrong_outcome(o["sentence"], number) for o in profile.get("outcomes", ())]
    assert not [text for text in wrong if text]


def test_every_outcome_is_described(journey: Journey) -> None:
    """Each segment says what happened to its customers."""
    names = {column.name for column in journey.model.schema.outcomes}
    for profile in journey.model.profiles:
        assert {outcome["column"] for outcome in profile.get("outcomes", ())} == names


def test_every_name_is_true_and_its_own(journey: Journey, facts: Facts) -> None:
    """The words of a name are true of its segment; no two segments share one."""
    profiles = journey.model.profiles
    assert len({profile["name"].casefold() for profile in profiles}) == len(profiles)
    assert not [p["name"] for p in profiles if not facts.true_name(p["name"], p["number"])]


def test_every_figure_of_a_page_is_true(
    journey: Journey, facts: Facts, browser: FlaskClient
) -> None:
    """Figures on the first page and on each segment's page are those of the raw table."""
    home = read(browser.get("/"))
    names = [element.text for element in home if element.tag == "h3"]
    assert names == [profile["name"] for profile in journey.model.profiles]
    wrong: list[str] = []
    compared = 0
    for profile in journey.model.profiles:
        number = profile["number"]
        page = read(browser.get(f"/segments/{number}"))
        assert profile["sentence"] in next(e.text for e in page if e.tag == "main")
        for label, own, whole in (*figures(page), *rows(page)):
            wrong.append(facts.wrong_figure(label, own, whole, number))
            compared += 1
        wrong += [f"{f}: sets nothing apart" for f in figures(page) if f[1] == f[2]]
    assert not [text for text in wrong if text]
    assert compared >= len(journey.model.profiles) * len(journey.model.schema.columns)


def figures(page: list[Element]) -> list[tuple[str, str, str]]:
    """Return label, segment and whole table of each figure of a card."""
    terms = [e.text for e in page if e.tag in {"dt", "dd"}]
    pairs = zip(terms[::2], terms[1::2], strict=True)
    return [(what, *text.split(" against ")) for what, text in pairs if " against " in text]


def rows(page: list[Element]) -> list[tuple[str, str, str]]:
    """Return label, segment and whole table of each row of a segment's table."""
    cells = [e for e in page if e.tag in {"th", "td"}]
    return [
        (head.text, own.text, whole.text)
        for head, own, whole in zip(cells, cells[1:], cells[2:], strict=False)
        if head.attributes.get("scope") == "row" and own.attributes.get("data-label") == "Segment"
    ]


def test_the_form_asks_for_features_and_answers(journey: Journey, browser: FlaskClient) -> None:
    """One field a feature and no other; the answer is that of the scored file."""
    schema, shape = journey.model.schema, journey.shape
    elements = read(browser.get("/customer"))
    fields = {a["name"] for tag, a, _ in elements if tag in {"input", "select"} and "name" in a}
    assert set(schema.column_names) <= fields
    assert not fields & {*shape.outcomes, *shape.excluded, str(schema.identifier)}
    for row in (0, len(journey.truth) - 1):
        customer = journey.truth.iloc[row]
        typed = {c.name: typing(customer[c.name], c.decimal) for c in schema.columns}
        reply = browser.post("/customer", data=typed)
        assert reply.status_code == 200, reply.text
        title = next(t for _, a, t in read(reply) if a.get("id") == "answer-title")
        assert title == journey.scored["segment_name"][row]


def test_purchases_are_no_customers(workplace: Path, tmp_path: Path) -> None:
    """A log of purchases ends before the first trial, in a sentence that says what to do."""
    for shape in (shape for shape in SHAPES if shape.refused):
        status, output = search(shape.name, shape.written(tmp_path))
        assert status == 2
        assert "trial" not in output
        assert not [pattern for pattern in shape.refused if not re.search(pattern, output)]
