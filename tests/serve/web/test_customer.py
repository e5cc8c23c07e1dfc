"""One customer: what is known of them, the table's arithmetic, what their answer shows."""

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from flask.testing import FlaskClient

from experiments.registry.client import ModelInfo
from segmentation.data.synthetic import generate
from segmentation.disclosure import averaged
from segmentation.interpretation.formatting import quantity
from serve.web.model_cache import Knowledge
from serve.web.views import typical_customer
from tests.serve.conftest import SCHEMA, Scoring, typed

PARTS = ("ONEOFF_PURCHASES", "INSTALLMENTS_PURCHASES")


def text_of(page: str) -> str:
    """Return the text of a page between its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(page)).split())


def last_sent(scoring: Scoring) -> dict[str, str]:
    """Return the first customer that the scoring server was asked about last."""
    header, row = scoring.bodies[-1].splitlines()[:2]
    return dict(zip(header.split(","), row.split(","), strict=True))


def what_if(client: FlaskClient, values: Mapping[str, str], changed: str = "") -> str:
    """Return the live line after a change."""
    reply = client.post("/customer/what-if", data=values, headers={"X-Changed": changed})
    assert reply.status_code == 200
    return reply.text


def only(*names: str) -> dict[str, str]:
    """Return the first example with nothing but these columns known."""
    return {name: value if name in names else "" for name, value in typed().items()}


def test_the_form_starts_blank(client: FlaskClient) -> None:
    """No value is assumed of anybody."""
    page = client.get("/customer").text
    fields = re.findall(r'<input[^>]*class="form-control[^>]*>', page)
    assert len(fields) == len(SCHEMA.columns)
    assert all('value=""' in field for field in fields)


def test_an_empty_form_gets_no_segment(client: FlaskClient, scoring: Scoring) -> None:
    """It says what is missing; the model is not asked; so does the live line."""
    reply = client.post("/customer", data={})
    assert reply.status_code == 422
    assert "No value was entered" in reply.text
    assert 'id="answer"' not in reply.text
    assert "No value was entered yet" in what_if(client, {})
    assert not scoring.bodies


def test_little_knowledge_is_called_a_guess(client: FlaskClient) -> None:
    """Below half of the values the confidence is withheld, from half on it is shown."""
    names = [name for name in SCHEMA.column_names if name not in {"PURCHASES", *PARTS}]
    few = client.post("/customer", data=only(*names[:8])).text
    assert "8 of 17 values known" in few
    assert "<strong>A guess</strong>" in few
    assert "91%" not in few
    assert "What would move" not in few
    live = text_of(what_if(client, only(*names[:8])))
    assert live == "Best guess: Full payers . 8 of 17 values known."
    enough = client.post("/customer", data=only(*names[:9])).text
    assert "9 of 17 values known" in enough
    assert "<strong>Sure</strong>, 91%" in enough


def test_shares_are_typed_as_they_are_shown(client: FlaskClient, scoring: Scoring) -> None:
    """Per cent in the field, beside it, in its range and in the answer; the model gets a share."""
    page = client.get("/customer").text
    entry = page[page.index("Balance updated</label>") :][:800]
    assert "% of months" in entry
    assert "Usually 0 to 100%." in entry
    answer = client.post("/customer", data=typed(BALANCE_FREQUENCY="8.3")).text
    assert float(last_sent(scoring)["BALANCE_FREQUENCY"]) == pytest.approx(0.083)
    assert '<td data-label="Customer">8.3%</td>' in answer
    assert 'value="8.3"' in answer


@pytest.mark.parametrize(
    ("values", "column", "value"),
    [
        ({"ONEOFF_PURCHASES": "100", "INSTALLMENTS_PURCHASES": "900"}, "PURCHASES", 1000.0),
        ({"PURCHASES": "1000", "INSTALLMENTS_PURCHASES": "900"}, "ONEOFF_PURCHASES", 100.0),
        ({"PURCHASES": "800", "INSTALLMENTS_PURCHASES": "900"}, "ONEOFF_PURCHASES", None),
        ({"INSTALLMENTS_PURCHASES": "900"}, "PURCHASES", None),
    ],
)
def test_what_follows_from_a_sum_is_known(
    client: FlaskClient,
    scoring: Scoring,
    values: dict[str, str],
    column: str,
    value: float | None,
) -> None:
    """Purchases are one-off purchases and instalments; no part is below nothing."""
    client.post("/customer", data={**only("BALANCE"), **values})
    sent = last_sent(scoring)[column]
    assert (float(sent) if sent else None) == value


def test_a_total_moves_with_its_parts(client: FlaskClient, scoring: Scoring) -> None:
    """In the live line, in what the model is asked, and in the field."""
    values = typed(ONEOFF_PURCHASES="250.5", INSTALLMENTS_PURCHASES="1,000", PURCHASES="7")
    live = what_if(client, values, changed="ONEOFF_PURCHASES")
    assert float(last_sent(scoring)["PURCHASES"]) == 1250.5
    assert "Purchases is now $1,250, the sum of its parts." in text_of(live)
    assert '<span hidden data-field="PURCHASES">1250.5</span>' in live
    assert "you typed" not in live


def test_a_changed_total_is_doubted_in_the_live_line(client: FlaskClient, scoring: Scoring) -> None:
    """Which part of it changed is not known: nothing moves, and the line says what is wrong."""
    live = what_if(client, typed(PURCHASES="9000"), changed="PURCHASES")
    assert float(last_sent(scoring)["PURCHASES"]) == 9000
    assert "Purchases: you typed $9,000, but one-off purchases" in live
    assert "data-field" not in live


def test_a_counterfactual_says_which_total_moves_with_it(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of instalments is one of purchases too, by the same amount."""
    low, high = ({**b, "q05": 0.0, "q95": 1000.0} for b in (model.book["PURCHASES"],) * 2)
    book = {**model.book, **dict(zip(PARTS, (low, high), strict=True))}
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: replace(model, book=book))
    monkeypatch.setattr(
        "serve.web.scoring_client.ScoringClient.segments",
        lambda _, customers, __: [1 + (v > 500) for v in customers["INSTALLMENTS_PURCHASES"]],
    )
    values = typed(ONEOFF_PURCHASES="100", INSTALLMENTS_PURCHASES="400", PURCHASES="500")
    page = text_of(client.post("/customer", data=values).text)
    move = re.search(
        r"Instalment purchases from \$400 to \$(\d+), and purchases with it to \$(\d+)", page
    )
    assert move is not None
    assert int(move[2]) == int(move[1]) + 100


def test_a_typical_customer_keeps_the_arithmetic(client: FlaskClient, model: ModelInfo) -> None:
    """Its medians do not add up by themselves; no page starts with a warning."""
    for profile in model.profiles:
        values = typical_customer(profile["number"], model)
        if None not in (values[name] for name in PARTS):
            assert sum(values[name] for name in PARTS) == pytest.approx(values["PURCHASES"])
        page = client.get(f"/customer?like={profile['number']}").text
        fields = dict(re.findall(r'name="(\w+)"[^>]*value="([^"]*)"', page))
        answer = client.post("/customer", data={n: fields[n] for n in SCHEMA.column_names}).text
        assert "you typed" not in answer


def test_values_that_are_unusual_for_the_segment_are_listed(client: FlaskClient) -> None:
    """Beside what nine of ten have, recomputed from the customers; usual ones are not."""
    customers = generate(600, seed=1)
    members = customers[customers["CASH_ADVANCE"] <= 500]
    column = SCHEMA.column("INSTALLMENTS_PURCHASES")
    low, high = np.quantile(averaged(members[column.name].to_numpy(), 5), [0.05, 0.95])
    values = typed(INSTALLMENTS_PURCHASES="40000", PURCHASES="40090")
    page = text_of(client.post("/customer", data=values).text)
    assert (
        f"Instalment purchases: $40,000. Nine of ten in the segment have "
        f"{quantity(low, column)} to {quantity(high, column)}."
    ) in page
    inside = typed(**{name: f"{members[name].median():.2f}" for name in ("BALANCE", "PAYMENTS")})
    usual = text_of(client.post("/customer", data=inside).text)
    assert "Balance: $" not in usual.split("Unusual for this segment")[-1].split("What would")[0]


def test_the_scale_of_a_bar_is_linear_and_labelled(client: FlaskClient) -> None:
    """Ends are the table's 5th and 95th percentile, the customer's place lies between them."""
    customers = generate(600, seed=1)
    low, high = np.quantile(averaged(customers["BALANCE"].to_numpy(), 5), [0.05, 0.95])
    value = float(low + 0.25 * (high - low))
    page = client.post("/customer", data=typed(BALANCE=f"{value:.2f}")).text
    row = page[page.index('<th scope="row">Balance') :].split("</tr>")[0]
    assert re.findall(r'class="you" cx="([\d.]+)%"', row) == ["25.0"]
    ends = [quantity(end, SCHEMA.column("BALANCE")) for end in (low, high)]
    assert re.search(r'class="ends"[^>]*><span>([^<]+)</span><span>([^<]+)<', row).groups() == (
        *ends,
    )


def test_the_first_visit_shows_the_segments(client: FlaskClient, model: ModelInfo) -> None:
    """The registry is waited for once; the whole page speaks of the same model."""
    lookups = []

    def describe(*_: str) -> ModelInfo:
        lookups.append(threading.current_thread().name)
        time.sleep(0.15)
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serve.web.model_cache.describe", describe)
        knowledge = Knowledge("customer-segmentation", wait_seconds=0.01)
        client.application.extensions["knowledge"] = knowledge
        page = client.get("/").text
    assert f"in {len(model.profiles)} segments" in page
    assert "version 7" in page
    assert len(lookups) == 1


def test_a_page_asks_for_the_model_once(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cards and frame never speak of two models."""
    client.get("/")
    lookups: list[int] = []
    model_of = Knowledge.model
    monkeypatch.setattr(Knowledge, "model", lambda self: lookups.append(1) or model_of(self))
    for path in ("/", "/customer", "/file", "/segments/1", "/engineers"):
        lookups.clear()
        client.get(path)
        assert len(lookups) == 1, path


def test_a_first_visit_before_the_registry_answers_comes_back(client: FlaskClient) -> None:
    """It says that it waits, and reloads by itself."""
    hang = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serve.web.model_cache.describe", lambda *_: hang.wait(10))
        knowledge = Knowledge("customer-segmentation", first_seconds=0.01)
        client.application.extensions["knowledge"] = knowledge
        page = client.get("/").text
        assert "The model is being read" in page
        assert '<meta http-equiv="refresh" content="3">' in page
        hang.set()
