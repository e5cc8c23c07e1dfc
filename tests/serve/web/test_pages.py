"""What a person sees: the form, the answer, the file, and what goes wrong."""

import ast
import asyncio
import json
import logging
import re
import shlex
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from experiments.registry.client import ModelInfo, RegistryError
from segmentation.interpretation.formatting import displayed, percent, quantity
from segmentation.interpretation.outcomes import Estimate, OutcomeProfile
from segmentation.schema import Column, Example, TableSchema
from serve.app import create_app
from serve.web.model_cache import Knowledge
from serve.web.settings import SettingError, Settings, secret_key
from serve.web.views import field_unit, plain, unbroken
from tests.serve.conftest import SCHEMA, Scoring, typed

PAGES = ("/", "/customer", "/file", "/nowhere")
FAILURES = {
    "refuses": 502,
    "breaks": 502,
    "babbles": 502,
    "short": 502,
    "mistypes": 502,
    "redirects": 502,
    "slow": 503,
    "dies": 503,
}


def test_the_first_page_shows_the_segments(client: FlaskClient, model) -> None:
    """Every segment's name and share, the version, and where it was found."""
    page = client.get("/").text
    for profile in model.profiles:
        assert profile["name"] in page
        assert percent(profile["share"]) in page
    assert "version 7" in page
    assert "http://127.0.0.1:5000/#/experiments/1/runs/abc" in page
    assert "A note for people." in page


def test_words_are_those_of_the_schema(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Card holders where the schema says so, customers elsewhere, on every page."""
    paths = ("/", "/segments/1", "/customer", "/file", "/engineers")
    assert "Your card holders, in 2 segments" in client.get("/").text
    plainly = replace(model, schema=replace(SCHEMA, customers="customers"))
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: plainly)
    client.application.extensions["knowledge"] = Knowledge("customer-segmentation")
    assert "Your customers, in 2 segments" in client.get("/").text
    pages = [client.get(path).text for path in paths]
    pages.append(client.post("/customer", data=typed(BALANCE="2000000")).text)
    assert not [page for page in pages if "card holder" in page or "whole book" in page]


def test_a_challenger_is_offered_only_where_there_is_one(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a button on the form nor a box beside the file without a challenger."""
    for path in ("/customer", "/file"):
        assert "challenger too" in client.get(path).text
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: replace(model, challenger=""))
    client.application.extensions["knowledge"] = Knowledge("customer-segmentation")
    for path in ("/customer", "/file"):
        assert "challenger" not in client.get(path).text


def test_without_examples_a_typical_customer_is_the_start(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line that offers nothing; engineers see the largest segment's medians, no nulls."""
    bare = replace(model, schema=replace(SCHEMA, examples=()))
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: bare)
    page = client.get("/customer").text
    assert "example" not in page.split("<form")[0]
    assert re.findall(r'href="(/customer\?like=\d)"', page) == [
        "/customer?like=1",
        "/customer?like=2",
    ]
    shell = unescape(re.findall(r"<pre[^>]*>(.*?)</pre>", client.get("/engineers").text, re.S)[0])
    (customer,) = json.loads(shlex.split(shell)[-1])["dataframe_records"]
    largest = max(model.profiles, key=lambda profile: profile["size"])
    medians = {
        c["column"]: displayed(c["median"], SCHEMA.column(c["column"])) for c in largest["columns"]
    }
    parts = SCHEMA.identities[0].parts
    assert {name: customer[name] for name in SCHEMA.column_names if name not in parts} == {
        name: medians[name] for name in SCHEMA.column_names if name not in parts
    }
    assert sum(customer[name] for name in parts) == pytest.approx(customer["PURCHASES"])
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: replace(bare, profiles=[]))
    client.application.extensions["knowledge"] = Knowledge("customer-segmentation")
    assert "Or start" not in client.get("/customer").text


def test_every_column_has_a_labelled_field_with_unit_and_help(client: FlaskClient) -> None:
    """The form is the schema: nothing is missing, nothing is written by hand."""
    page = client.get("/customer").text
    for column in SCHEMA.columns:
        label = rf'<label class="form-label" for="([^"]+)">{re.escape(column.label)}</label>'
        (field,) = re.findall(label, page)
        assert re.search(rf'<input[^>]*aria-describedby="{field}-help"', page)
        assert re.search(rf'<input[^>]*id="{field}"[^>]*name="{column.name}"', page)
        assert column.kind == "count" or field_unit(column) in page
        assert column.help in page
    headings = re.findall(r'<legend class="h5">([^<]+)</legend>', page)
    assert headings == ["Balance", "Purchases", "Cash advances", "Payments", "Account"]


@pytest.mark.parametrize("number", range(len(SCHEMA.examples)))
def test_an_example_fills_the_form(client: FlaskClient, number: int) -> None:
    """A link by the example's name, no customer value in the address."""
    links = re.findall(r'href="(/customer\?example=[^"]+)"', client.get("/customer").text)
    assert len(links) == len(SCHEMA.examples)
    assert not re.search(r"\d", links[number])
    page = client.get(links[number]).text
    limit = SCHEMA.examples[number].values["CREDIT_LIMIT"]
    assert f'value="{limit:g}"' in page


def test_the_answer_names_segment_confidence_runner_up_and_reasons(client: FlaskClient) -> None:
    """All a person asked for, in words and numbers with units."""
    page = client.post("/customer", data=typed(CASH_ADVANCE="2900", BALANCE="3200.5")).text
    assert '<h2 class="answer-name" id="answer-title">Cash-advance users</h2>' in page
    assert "<strong>Sure</strong>, 91%" in page
    assert "<strong>Full payers</strong>" in page
    assert "<strong>Cash advances: $2,900.</strong>" in page
    assert re.search(r"The segment's median is \$[\d,.]+, the runner-up's \$[\d,.]+\.", page)
    assert 'value="3200.5"' in page
    assert "Unlike any customer in the training data" not in page


def test_an_unusual_customer_is_called_unusual(client: FlaskClient) -> None:
    """Novelty and an implausible value are both said."""
    page = client.post("/customer", data=typed(BALANCE="2000000")).text
    assert "Unlike any customer in the training data" in page
    assert "Balance: you typed $2,000,000, usual is $0 to $50,000." in page


def test_what_is_unknown_may_stay_empty(client: FlaskClient, scoring: Scoring) -> None:
    """An empty field is sent as a missing value."""
    page = client.post("/customer", data=typed(MINIMUM_PAYMENTS="", CREDIT_LIMIT=" "))
    assert page.status_code == 200
    assert "unknown" in page.text
    header, row = scoring.bodies[-1].splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert values["MINIMUM_PAYMENTS"] == values["CREDIT_LIMIT"] == ""


def test_sums_that_do_not_add_up_are_pointed_out(client: FlaskClient) -> None:
    """The schema's arithmetic is checked, and nothing is refused for it."""
    reply = client.post("/customer", data=typed(PURCHASES="9000"))
    expected = "Purchases: you typed $9,000, but one-off purchases and instalment purchases make $"
    assert reply.status_code == 200
    assert expected in reply.text
    assert expected not in client.post("/customer", data=typed()).text


@pytest.mark.parametrize(
    ("written", "number"),
    [("1,250.50", "1250.5"), ("12 345", "12345.0"), ("-3", "-3.0"), ("1e3", "1000.0")],
)
def test_numbers_are_read_as_people_write_them(
    client: FlaskClient, scoring: Scoring, written: str, number: str
) -> None:
    """Thousands may be separated."""
    client.post("/customer", data=typed(BALANCE=written))
    assert scoring.bodies[-1].splitlines()[1].split(",")[0] == number


@pytest.mark.parametrize(
    "bad", ["a lot", "1.2.3", "nan", "inf", "1e999", "<b>x</b>", "0,5", "1_000", "."]
)
def test_a_mistake_is_explained_and_nothing_typed_is_lost(
    client: FlaskClient, scoring: Scoring, bad: str
) -> None:
    """Message beside the field and on top, what was typed kept, nothing sent."""
    reply = client.post("/customer", data=typed(BALANCE=bad, PAYMENTS="123.75"))
    assert reply.status_code == 422
    (field,) = re.findall(r'<input[^>]*id="([^"]+)"[^>]*name="BALANCE"', reply.text)
    assert f'href="#{field}"' in reply.text
    assert "is-invalid" in reply.text
    assert f'aria-describedby="{field}-error {field}-help"' in reply.text
    assert 'value="123.75"' in reply.text
    assert "<b>x</b>" not in reply.text
    assert not scoring.bodies


@pytest.mark.parametrize("mode", FAILURES)
def test_a_failing_scoring_server_gives_a_human_page(
    client: FlaskClient, scoring: Scoring, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """Within two seconds, no trace, no customer value in any log."""
    scoring.mode = mode
    start = time.monotonic()
    with caplog.at_level(logging.DEBUG):
        reply = client.post("/customer", data=typed(BALANCE="98765.4321"))
    assert time.monotonic() - start < 2
    assert reply.status_code == FAILURES[mode]
    assert 'id="failure"' in reply.text
    assert 'value="98765.4321"' in reply.text
    assert "canary" not in reply.text
    assert "98765" not in caplog.text
    assert len(scoring.bodies) == 1


def test_a_server_that_dawdles_costs_what_is_only_good_to_know(
    client: FlaskClient, scoring: Scoring
) -> None:
    """Each answer is in time, all of them are not: the segment is told within two seconds."""
    scoring.mode = "dawdles"
    start = time.monotonic()
    reply = client.post("/customer?challenger=1", data=typed(CASH_ADVANCE="0"))
    assert time.monotonic() - start < 2
    assert reply.status_code == 200
    assert '<h2 class="answer-name" id="answer-title">Full payers</h2>' in reply.text
    assert "There is no challenger, or it is being started" in reply.text


def test_a_caller_with_an_event_loop_gets_an_answer(client: FlaskClient) -> None:
    """A notebook, or an asynchronous server around the pages, runs one in the same thread."""

    async def ask() -> int:
        return client.post("/customer", data=typed()).status_code

    with ThreadPoolExecutor(1) as thread:  # this one may have a browser's loop
        assert thread.submit(lambda: asyncio.run(ask())).result() == 200


def test_customers_go_past_a_proxy(
    client: FlaskClient, scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment never sees what was typed."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert client.post("/customer", data=typed()).status_code == 200


def test_a_missing_scoring_server_gives_a_human_page(tmp_path: Path, app: Flask) -> None:
    """Nothing listens: the page says so at once, and readiness too."""
    away = Settings(scoring_url="http://127.0.0.1:9")
    client = create_app(
        {"INSTANCE": tmp_path, "SETTINGS": away, "WTF_CSRF_ENABLED": False}
    ).test_client()
    assert client.post("/customer", data=typed()).status_code == 503
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json == {"ready": False, "scoring": False, "registry": True}


def test_the_first_page_says_what_to_do_without_a_scoring_server(
    tmp_path: Path, app: Flask, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be done, what to do next, and what still holds: only where it is shown."""
    away = {"INSTANCE": tmp_path, "SETTINGS": Settings(scoring_url="http://127.0.0.1:9")}
    page = create_app(away).test_client().get("/").text
    assert "No customer can be looked up, and no file scored, right now." in page
    assert (
        "Try again in a minute; if it does not help, tell the administrator of these pages." in page
    )
    assert "The description of the segments below is still correct." in page
    assert model.profiles[0]["name"] in page

    def unknown(name: str, alias: str) -> None:
        raise RegistryError(f"no {name}@{alias}")

    monkeypatch.setattr("serve.web.model_cache.describe", unknown)
    page = create_app(away).test_client().get("/").text
    assert "No customer can be looked up, and no file scored, right now." in page
    assert "still correct" not in page


def test_a_missing_registry_leaves_the_pages_standing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page explains itself; the form cannot be built and says so."""

    def away(name: str, alias: str) -> None:
        raise RegistryError(f"no {name}@{alias}")

    monkeypatch.setattr("serve.web.model_cache.describe", away)
    client = create_app({"INSTANCE": tmp_path, "WTF_CSRF_ENABLED": False}).test_client()
    assert "has no champion right now" in client.get("/").text
    assert client.get("/customer").status_code == 503
    assert client.post("/customer").status_code == 503


def test_another_version_that_answers_is_described_as_itself(
    client: FlaskClient, model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alias moved while the scoring server kept running: no mix of two versions' profiles."""
    requests = []
    champion = replace(model, version="8", profiles=[])

    def describe(name: str, alias: str) -> ModelInfo:
        requests.append((name, alias))
        return model if alias == "7" else champion

    monkeypatch.setattr("serve.web.model_cache.describe", describe)
    for _ in range(2):
        page = client.post("/customer", data=typed()).text
        assert "Version 7 answered, though version 8 is the champion now" in page
        assert unbroken(model.profiles[0]["sentence"]) in page
    assert requests.count(("customer-segmentation", "7")) == 1


def test_a_registry_that_hangs_does_not_hold_up_the_pages(client: FlaskClient, model) -> None:
    """What is known stays on the pages; readiness tells."""
    hang = threading.Event()
    knowledge = Knowledge("customer-segmentation", wait_seconds=0.1)
    client.application.extensions["knowledge"] = knowledge
    assert knowledge.model() == model

    def describe(*_: str) -> ModelInfo:
        hang.wait(20)
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serve.web.model_cache.describe", describe)
        patch.setattr("serve.web.model_cache.REMEMBER_SECONDS", -1.0)
        start = time.monotonic()
        assert client.get("/").status_code == 200
        assert client.post("/customer", data=typed()).status_code == 200
        time.sleep(0.15)
        patch.setattr("serve.web.model_cache.REMEMBER_SECONDS", 30.0)
        assert client.get("/readyz").json == {"ready": False, "scoring": True, "registry": False}
        assert time.monotonic() - start < 2
        hang.set()
        deadline = time.monotonic() + 5
        while not client.get("/readyz").json["ready"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_ready_when_both_answer(client: FlaskClient) -> None:
    """Readiness names its parts."""
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json["ready"]) == (200, True)


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_security_headers(client: FlaskClient, path: str) -> None:
    """A strict content security policy, no framing, no sniffing; no inline code to break it."""
    reply = client.get(path)
    policy = reply.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", reply.text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//(?!127\.0\.0\.1)', reply.text)


def test_forms_from_elsewhere_are_refused(tmp_path: Path, app: Flask, scoring: Scoring) -> None:
    """Without the page's token nothing is scored; the page says what to do."""
    app.config["WTF_CSRF_ENABLED"] = True
    browser = app.test_client()
    reply = browser.post("/customer", data=typed())
    assert reply.status_code == 400
    assert "sent no cookie" in reply.text
    browser.get("/customer")
    assert "open for too long" in browser.post("/customer", data=typed()).text
    assert not scoring.bodies


def test_workers_share_one_key(tmp_path: Path) -> None:
    """Processes of one server that start together sign sessions alike; only the owner reads."""
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(secret_key, [tmp_path] * 64))
    assert [len(key) for key in keys] == [64]
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_settings_come_from_the_environment() -> None:
    """Every variable counts; the cookie keeps to HTTPS where that is said."""
    settings = Settings.from_environment(
        {
            "SEGMENTATION_SCORING_URL": "http://scoring:1/",
            "SEGMENTATION_TIMEOUT": "3",
            "SEGMENTATION_UPLOAD_MB": "0.5",
            "SEGMENTATION_HTTPS": "1",
        }
    )
    assert settings == Settings("http://scoring:1", timeout=3, upload_megabytes=0.5, https=True)


@pytest.mark.parametrize("text", ["many", "0", "-1", "nan"])
def test_a_wrong_setting_is_named(text: str) -> None:
    """The variable, what was found, what was expected."""
    with pytest.raises(SettingError, match=f"SEGMENTATION_UPLOAD_MB='{text}': expected a number"):
        Settings.from_environment({"SEGMENTATION_UPLOAD_MB": text})


def test_the_challenger_answers_for_the_same_customer(client: FlaskClient) -> None:
    """On request only, beside the champion's answer."""
    form = typed(CASH_ADVANCE="100")
    assert "challenger's answer" not in client.post("/customer", data=form).text.split("<form")[0]
    page = client.post("/customer?challenger=1", data=form).text
    assert re.search(r"Version 8 says: <strong>Cash-advance users</strong>", page)


def test_what_if_answers_in_one_sentence(client: FlaskClient, scoring: Scoring) -> None:
    """Stays, would move, cannot be read, no answer: each is a sentence and never an error."""
    path = "/customer/what-if?before=1"
    assert "Stays <strong>Full payers" in client.post(path, data=typed()).text
    moved = client.post(path, data=typed(CASH_ADVANCE="900")).text
    assert "Would move to <strong>Cash-advance users" in moved
    assert "1 field cannot be read yet" in client.post(path, data=typed(BALANCE="x")).text
    scoring.mode = "breaks"
    assert "refused" in client.post(path, data=typed()).text


def test_the_smallest_change_that_moves_a_customer_is_named(client: FlaskClient) -> None:
    """Found among the usual values of every column, close to where it tips."""
    page = client.post("/customer", data=typed(CASH_ADVANCE="0")).text
    match = re.search(r"<strong>Cash advances</strong> from \$0 to \$([\d,.]+)", page)
    assert match is not None
    assert 500 < float(match[1].replace(",", "")) < 700


def test_every_segment_has_a_page(client: FlaskClient, model) -> None:
    """Name, figures, every column beside the book, a map, a typical customer to start from."""
    page = client.get("/segments/2").text
    assert model.profiles[1]["name"] in page
    assert page.count('data-label="All"') == len(SCHEMA.column_names)
    assert page.count('r="3.5"') == 2
    assert 'href="/customer?like=2"' in page
    assert client.get("/segments/9").status_code == 404
    typical = client.get("/customer?like=2").text
    median = next(c["median"] for c in model.profiles[1]["columns"] if c["column"] == "BALANCE")
    column = SCHEMA.column("BALANCE")
    assert f'value="{plain(displayed(median, column), column)}"' in typical
    assert quantity(median, column) in page


def test_engineers_get_calls_that_work(client: FlaskClient, scoring: Scoring) -> None:
    """The page names the address and every column."""
    page = client.get("/engineers").text
    assert f"curl {scoring.url}/invocations" in page
    assert all(f"<code>{name}</code>" in page for name in SCHEMA.column_names)


ATTRIBUTES = (
    *("meta", "process", "validate", "data", "errors", "_spend", "keys", "column", "csrf_token"),
    *("form", "hidden_tag", "annulled_orders", "two words", "main", "theme"),
)


def odd_model(model: ModelInfo) -> ModelInfo:
    """Return a model whose columns are called like attributes of forms and ids of pages."""
    columns = [Column(name, f"Label of {name}", kind="count") for name in ATTRIBUTES]
    levels = ("Bachelor's", 'none "yet"', "$HOME")
    columns.append(Column("education", "Education", kind="category", levels=levels))
    values = {**dict.fromkeys(ATTRIBUTES, 3.0), "main": None, "education": levels[0]}
    examples = (Example("Somebody", values),)
    schema = TableSchema("odd", "Odd", tuple(columns), examples=examples)
    return replace(model, schema=schema, profiles=[], book={})


def test_a_column_may_be_called_anything(
    client: FlaskClient,
    scoring: Scoring,
    model: ModelInfo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was typed arrives under the column's name, whatever a form or a page calls its own."""
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: odd_model(model))
    page = client.get("/customer").text
    assert all(f"Label of {name}" in page for name in ATTRIBUTES)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    names = re.findall(r'<(?:input|select)[^>]*\sname="([^"]+)"', page)
    sent = {name: str(place) for place, name in enumerate(names)} | {"education": "$HOME"}
    client.post("/customer", data=sent)
    header, row = scoring.bodies[-1].splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    expected = [f"{place}.0" for place in range(len(ATTRIBUTES))]
    assert [values[name] for name in ATTRIBUTES] == expected
    assert values["education"] == "$HOME"
    wrong = client.post("/customer", data={**sent, "validate": "many"})
    assert wrong.status_code == 422
    assert "Label of validate</a>: “many” is not a number" in wrong.text


def test_the_calls_for_engineers_are_quoted(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shell and Python read what the schema says: quotes, dollars, `null` inside a name."""
    odd = odd_model(model)
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: odd)
    expected = dict(odd.schema.examples[0].values)
    page = client.get("/engineers").text
    shell, python, _ = map(unescape, re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL))
    body = json.loads(shlex.split(shell)[-1])
    assert body["dataframe_records"] == [expected]
    literal = python.split("customers = ")[1].split("\nreply")[0]
    assert ast.literal_eval(literal) == [expected]


def outcome(**changes: object) -> dict[str, object]:
    """Return an outcome as a model saves it."""
    group = Estimate(400, 0.083, 0.265, 0.222, 0.31)
    whole = Estimate(8_000, 0.0, 0.14, 0.132, 0.148)
    profile = OutcomeProfile("churn", "Churn", "category", "", "yes", group, whole)
    return replace(profile, **changes).to_dict()  # type: ignore[arg-type]


def with_outcomes(model: ModelInfo) -> ModelInfo:
    """Return a model whose first segment has a figure, and the second too few values for one."""
    few = outcome(segment=Estimate(12, 0.5))
    first, second = model.profiles
    own = [{**first, "outcomes": [outcome()]}, {**second, "outcomes": [few]}]
    return replace(model, profiles=own)


def test_pages_show_what_happened_to_a_segment(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figure, interval, whole table and multiple; where there are too few values, that."""
    described = with_outcomes(model)
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: described)
    home = shown_text(client.get("/").get_data(as_text=True))
    assert "What happened to them Churn 26% against 14% 1.9 times the average; 95%" in home
    assert "95% interval 22% to 31%, n = 400" in home
    assert "Churn too few to tell" in home
    page = client.get("/segments/1").get_data(as_text=True)
    assert "Churn missing for 8.3% 26% 22% to 31% 14% 1.9 times" in shown_text(page)
    interval = page[page.index('<svg class="interval"') :]
    bar = re.search(r'half" x="([\d.]+)%" y="7" width="([\d.]+)%"', interval)
    assert bar is not None
    expected = [100 * 0.222 / 0.31, 100 * (0.31 - 0.222) / 0.31]
    assert [float(place) for place in bar.groups()] == pytest.approx(expected, abs=0.2)
    few = client.get("/segments/2").get_data(as_text=True)
    assert "too few to tell, 12 with a value; missing for 50%" in shown_text(few)


def test_outcomes_are_asked_of_nobody(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the form nor the page for engineers names one; pages of older models have none."""
    churn = Column("churn", "Churn", "category", levels=("no", "yes"))
    described = replace(with_outcomes(model), schema=replace(SCHEMA, outcomes=(churn,)))
    assert "What happened to them" not in client.get("/segments/1").get_data(as_text=True)
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: described)
    for path in ("/customer", "/engineers"):
        assert "churn" not in client.get(path).get_data(as_text=True).casefold()


def shown_text(page: str) -> str:
    """Return the text of a page between its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())
