"""A segment's page: its action, its name, two segments side by side."""

import io
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest
from flask.testing import FlaskClient

from experiments.registry.client import Action, ModelInfo, RegistryError
from segmentation.data.synthetic import generate
from segmentation.disclosure import averaged
from segmentation.interpretation.formatting import percent, quantity
from segmentation.interpretation.outcomes import Estimate, OutcomeProfile
from serve.web.views import figures
from tests.serve.conftest import SCHEMA, scored, typed

OFFER = "Offer an instalment plan."


def text_of(page: str) -> str:
    """Return the text of a page between its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(page)).split())


@pytest.fixture
def acted(client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a browser in front of a model with an action for its second segment."""
    action = Action(OFFER, "paul", "2026-11-27T10:15:00+00:00")
    acting = replace(model, actions={2: action})
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: acting)
    return client


def test_an_action_is_kept_for_everybody(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written to the registry; too long is a mistake beside the field; away loses nothing."""
    written: list[tuple[str, int, str, str]] = []
    monkeypatch.setattr("serve.web.segments.write_action", lambda *action: written.append(action))
    reply = client.post("/segments/2/action", data={"text": f" {OFFER} "})
    assert reply.status_code == 303
    assert written == [("customer-segmentation", 2, OFFER, "")]
    assert client.post("/segments/2/action", data={"text": "x" * 501}).status_code == 422

    def away(*_: object) -> None:
        raise RegistryError("down")

    monkeypatch.setattr("serve.web.segments.write_action", away)
    lost = client.post("/segments/2/action", data={"text": "Offer it."})
    assert lost.status_code == 503
    assert "Offer it." in lost.text


def test_an_action_is_shown_where_it_is_needed(acted: FlaskClient) -> None:
    """On the card, the segment's page with who and when, and the answer; nowhere else."""
    assert f"What to do: {OFFER}" in text_of(acted.get("/").text)
    page = text_of(acted.get("/segments/2").text)
    assert "Saved 2026-11-27, 10:15 UTC by paul." in page
    assert OFFER in page
    assert OFFER not in acted.get("/segments/1").text
    assert OFFER in acted.post("/customer", data=typed(CASH_ADVANCE="2900")).text
    assert OFFER not in acted.post("/customer", data=typed(CASH_ADVANCE="0")).text


def test_a_scored_file_carries_the_actions(acted: FlaskClient, customers_csv: bytes) -> None:
    """In a column of its own, empty for the other segment."""
    data = {"file": (io.BytesIO(customers_csv), "customers.csv")}
    reply = acted.post("/file", data=data, content_type="multipart/form-data")
    with acted.get(f"{reply.location}/download") as download:
        frame = scored(download.data)
    assert list(frame["action"].fillna("")) == [OFFER if s == 2 else "" for s in frame["segment"]]


def test_an_action_of_an_earlier_release_is_its_text() -> None:
    """What is no JSON of ours was typed by a person."""
    assert Action.from_text("Call them.") == Action("Call them.")
    assert Action.from_text('{"text": "a", "who": "b", "when": "c"}') == Action("a", "b", "c")
    assert Action.from_text('{"a": 1}').text == '{"a": 1}'


def test_a_segment_is_renamed_from_its_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command does; what the registry refuses is said beside the field."""
    renamed: list[tuple[str, int, str]] = []
    monkeypatch.setattr("serve.web.segments.rename_segment", lambda *name: renamed.append(name))
    assert client.post("/segments/2/name", data={"name": "Borrowers"}).status_code == 303
    assert renamed == [("customer-segmentation", 2, "Borrowers")]
    assert client.post("/segments/2/name", data={"name": ""}).status_code == 422
    assert client.post("/segments/2/name", data={"name": "x" * 61}).status_code == 422

    def taken(*_: object) -> None:
        raise RegistryError("segment 1 has it already; choose another")

    monkeypatch.setattr("serve.web.segments.rename_segment", taken)
    reply = client.post("/segments/2/name", data={"name": "Full payers"})
    assert reply.status_code == 409
    assert "segment 1 has it already" in reply.text
    assert 'value="Full payers"' in reply.text


def test_two_segments_side_by_side(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Medians and overlap recomputed from the customers; furthest apart first; outcomes beside."""
    customers = generate(600, seed=1)
    heavy = customers["CASH_ADVANCE"] > 500
    sides = customers[~heavy], customers[heavy]
    rate = [Estimate(300, 0.0, 0.1, 0.07, 0.14), Estimate(300, 0.0, 0.4, 0.35, 0.46)]
    whole = Estimate(600, 0.0, 0.25, 0.22, 0.29)
    outcomes = [
        OutcomeProfile("churn", "Churn", "category", "", "yes", own, whole).to_dict()
        for own in rate
    ]
    profiles = [
        {**profile, "outcomes": [own]}
        for profile, own in zip(model.profiles, outcomes, strict=True)
    ]
    described = replace(model, profiles=profiles)
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: described)
    page = client.get("/segments/1/beside/2").text
    assert "10% (7% to 14%), n = 300" in text_of(page)
    assert "higher in the second" in page
    rows = re.findall(
        r'<th scope="row">Median ([^<]+)</th>' + 4 * r"<td[^>]*>([^<]+)</td>",
        page,
    )
    assert len(rows) == len(SCHEMA.columns)
    by_label = {column.label.casefold(): column for column in SCHEMA.columns}
    gaps = []
    for label, first, second, book, overlap in rows:
        column = by_label[label.casefold()]
        one, other = (side[column.name] for side in sides)
        medians = one.median(), other.median()
        assert (first, second) == tuple(quantity(m, column) for m in medians)
        assert book == quantity(customers[column.name].median(), column)
        assert overlap == percent(overlap_of(one, other)), label
        low, high = customers[column.name].quantile([0.05, 0.95])
        gaps.append(abs(medians[0] - medians[1]) / (high - low) if high > low else 0.0)
    assert gaps == sorted(gaps, reverse=True)
    assert client.get("/segments/1/beside/1").status_code == 404
    assert client.get("/segments/1/beside/9").status_code == 404
    assert 'href="/segments/1/beside/2"' in client.get("/segments/1").text


def overlap_of(one: "pd.Series[float]", other: "pd.Series[float]") -> float:
    """Return how much of the narrower middle half lies within the other, of averages of five."""
    averages = (averaged(side.to_numpy(dtype=float), 5) for side in (one, other))
    (a, b), (c, d) = (np.nanquantile(side, [0.25, 0.75]) for side in averages)
    narrower = min(b - a, d - c)
    common = min(b, d) - max(a, c)
    return float(common >= 0) if narrower == 0 else min(1.0, max(0.0, common / narrower))


def test_a_scored_file_is_summed_up_with_outcomes(
    client: FlaskClient,
    model: ModelInfo,
    monkeypatch: pytest.MonkeyPatch,
    customers_csv: bytes,
) -> None:
    """Beside its customers each segment has what happened to those in training."""
    own, whole = Estimate(300, 0.0, 0.1, 0.07, 0.14), Estimate(600, 0.0, 0.25, 0.22, 0.29)
    outcome = OutcomeProfile("churn", "Churn", "category", "", "yes", own, whole).to_dict()
    profiles = [{**profile, "outcomes": [outcome]} for profile in model.profiles]
    described = replace(model, profiles=profiles)
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: described)
    data = {"file": (io.BytesIO(customers_csv), "customers.csv")}
    reply = client.post("/file", data=data, content_type="multipart/form-data")
    page = client.get(reply.location).text
    assert '<th scope="col">Churn, in training</th>' in page
    assert ">10% (7% to 14%)</td>" in page


def test_a_card_says_nothing_twice(model: ModelInfo) -> None:
    """Cash advances, their number and their frequency are 0 for the same customers."""
    for profile in model.profiles:
        rows = figures(profile, model)
        assert len(rows) == 3
        assert len({(row.segment, row.book) for row in rows}) == len(rows)
