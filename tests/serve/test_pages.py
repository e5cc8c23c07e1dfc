"""What a person sees: the form, the answer, the file, and what goes wrong."""

import io
import logging
import os
import re
import time
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from experiments.registry import RegistryError
from serve.app import create_app
from serve.config import Settings
from tests.serve.conftest import SCHEMA, Scoring, scored, typed

PAGES = ("/", "/customer", "/file", "/nowhere")
FAILURES = {
    "refuses": 502,
    "breaks": 502,
    "babbles": 502,
    "short": 502,
    "slow": 503,
    "dies": 503,
}


def upload(client: FlaskClient, content: bytes, name: str = "customers.csv"):
    return client.post("/file", data={"file": (io.BytesIO(content), name)})


def test_the_first_page_shows_the_segments(client: FlaskClient, model) -> None:
    """Every segment's name, share and sentence, the version, and where it was found."""
    page = client.get("/").text
    for profile in model.profiles:
        assert profile["name"] in page
        assert f"{100 * profile['share']:.0f} %" in page
    assert "version 7" in page
    assert "http://127.0.0.1:5000/#/experiments/1/runs/abc" in page
    assert "A note for people." in page


def test_every_column_has_a_labelled_field_with_unit_and_help(client: FlaskClient) -> None:
    """The form is the schema: nothing is missing, nothing is written by hand."""
    page = client.get("/customer").text
    for column in SCHEMA.columns:
        assert f'<label class="form-label" for="{column.name}">{column.label}</label>' in page
        assert re.search(rf'<input[^>]*aria-describedby="{column.name}-help"', page)
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
    assert '<h2 class="display-6" id="answer-title">Cash-advance users</h2>' in page
    assert "<strong>Sure</strong>, 91 %" in page
    assert "<strong>Full payers</strong>" in page
    assert "<li>Cash advances: $2,900. The segment&#39;s median is $" in page
    assert 'value="3200.5"' in page
    assert "unlike anybody" not in page


def test_an_unusual_customer_is_called_unusual(client: FlaskClient) -> None:
    """Novelty and an implausible value are both said."""
    page = client.post("/customer", data=typed(BALANCE="2000000")).text
    assert "unlike anybody" in page
    assert "Balance: 0 to 50,000 $ is usual, you typed 2000000.0." in page


def test_what_is_unknown_may_stay_empty(client: FlaskClient, scoring: Scoring) -> None:
    """An empty field is sent as a missing value."""
    page = client.post("/customer", data=typed(MINIMUM_PAYMENTS="", CREDIT_LIMIT=" "))
    assert page.status_code == 200
    assert "unknown" in page.text
    header, row = scoring.bodies[-1].splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert values["MINIMUM_PAYMENTS"] == values["CREDIT_LIMIT"] == ""


@pytest.mark.parametrize("bad", ["a lot", "1.2.3", "nan", "inf", "<b>x</b>"])
def test_a_mistake_is_explained_and_nothing_typed_is_lost(
    client: FlaskClient, scoring: Scoring, bad: str
) -> None:
    """Message beside the field and on top, what was typed kept, nothing sent."""
    reply = client.post("/customer", data=typed(BALANCE=bad, PAYMENTS="123.75"))
    assert reply.status_code == 422
    assert 'href="#BALANCE"' in reply.text
    assert "is-invalid" in reply.text
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
    assert "To the first page" in reply.text
    assert "canary" not in reply.text
    assert "98765" not in caplog.text


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


def test_a_missing_registry_leaves_the_pages_standing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page explains itself; the form cannot be built and says so."""

    def away(name: str) -> None:
        raise RegistryError(f"no {name}")

    monkeypatch.setattr("serve.knowledge.describe", away)
    client = create_app({"INSTANCE": tmp_path, "WTF_CSRF_ENABLED": False}).test_client()
    assert "does not describe a champion" in client.get("/").text
    assert client.get("/customer").status_code == 503
    assert client.post("/customer").status_code == 503


def test_another_version_is_noticed_with_its_first_answer(
    client: FlaskClient, model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is asked again as soon as an answer comes from a version not known."""
    asked = []
    client.get("/")
    monkeypatch.setattr("serve.knowledge.describe", lambda name: asked.append(name) or model)
    client.application.extensions["knowledge"].model("7")
    assert not asked
    client.application.extensions["knowledge"].model("8")
    assert asked == ["customer-segmentation"]


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
    reply = app.test_client().post("/customer", data=typed())
    assert reply.status_code == 400
    assert "open for too long" in reply.text
    assert not scoring.bodies


def test_a_file_is_scored_and_comes_back(client: FlaskClient, customers_csv: bytes) -> None:
    """Counts by segment, a preview, and a download with every customer in order."""
    reply = upload(client, customers_csv)
    assert reply.status_code == 303
    page = client.get(reply.location).text
    assert "30 customers scored" in page
    assert "Full payers" in page
    with client.get(f"{reply.location}/download") as download:
        frame = scored(download.data)
    assert list(frame["CUST_ID"]) == list(scored(customers_csv)["CUST_ID"])
    assert set(frame["segment_name"]) <= {"Full payers", "Cash-advance users"}
    assert "CASH_ADVANCE, BALANCE" in set(frame["reasons"])


def test_bad_cells_are_listed_by_line_and_nothing_is_scored(
    client: FlaskClient, customers_csv: bytes, scoring: Scoring
) -> None:
    """Line as in a spreadsheet, column, what was found and what was expected."""
    lines = customers_csv.decode().splitlines()
    cells = lines[5].split(",")
    cells[1] = "lots"
    lines[5] = ",".join(cells)
    reply = upload(client, "\n".join(lines).encode())
    assert reply.status_code == 422
    assert re.search(r"<td>6</td><td>BALANCE</td><td><code>lots</code></td>", reply.text)
    assert not scoring.bodies


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7", "a PDF document"),
        (b"", "empty file"),
        (b"A;B\n1;2\n", "a column of exactly that name"),
        (b"PK\x03\x04rest", "a zip archive or Excel workbook"),
    ],
)
def test_what_is_no_table_is_explained(client: FlaskClient, content: bytes, message: str) -> None:
    """The page says what was found instead; the server's paths stay its own."""
    reply = upload(client, content)
    assert reply.status_code == 422
    assert message in reply.text
    assert client.application.instance_path not in reply.text


def test_no_file_is_a_mistake_too(client: FlaskClient) -> None:
    """Sending the form without a file says what is missing."""
    reply = client.post("/file", data={})
    assert reply.status_code == 422
    assert "Choose a CSV file first." in reply.text


def test_a_file_too_large_is_refused(tmp_path: Path, app: Flask) -> None:
    """The limit is kept with a page of its own."""
    app.config["MAX_CONTENT_LENGTH"] = 2000
    reply = upload(app.test_client(), b"x" * 5000)
    assert reply.status_code == 413
    assert "too large" in reply.text


def test_a_result_belongs_to_its_session(
    app: Flask, client: FlaskClient, customers_csv: bytes
) -> None:
    """Another browser, a changed token or a path trick finds nothing."""
    location = upload(client, customers_csv).location
    assert client.get(location).status_code == 200
    assert app.test_client().get(location).status_code == 410
    for trick in ("/file/../../secret_key", "/file/%2e%2e%2fsecret_key", location + "x"):
        assert client.get(trick).status_code in {404, 410}


def test_files_are_deleted(client: FlaskClient, customers_csv: bytes) -> None:
    """The upload at once, the result after its time."""
    location = upload(client, customers_csv).location
    results = Path(client.application.instance_path) / "results"
    (kept,) = results.iterdir()
    old = time.time() - 4000
    os.utime(kept, (old, old))
    assert client.get(location).status_code == 410
    assert not list(results.iterdir())


def test_identifiers_that_are_formulas_come_back_harmless(
    client: FlaskClient, customers_csv: bytes
) -> None:
    """A spreadsheet that opens the download runs nothing."""
    lines = customers_csv.decode().splitlines()
    for number, start in enumerate(["=1+1", "+1", "-1", "@x", "|x", " =1", "\t=1"], start=1):
        lines[number] = ",".join([start, *lines[number].split(",")[1:]])
    location = upload(client, "\n".join(lines).encode()).location
    with client.get(f"{location}/download") as download:
        text = download.text
    for start in ("'=1+1", "'+1", "'-1", "'@x", "'|x", "' =1", "'\t=1"):
        assert f"\n{start}," in text


def test_workers_share_one_key(tmp_path: Path) -> None:
    """Two processes of one server sign sessions alike; the key file is the owner's."""
    one, other = (create_app({"INSTANCE": tmp_path}) for _ in range(2))
    assert one.config["SECRET_KEY"] == other.config["SECRET_KEY"]
    assert len(one.config["SECRET_KEY"]) == 64
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
