"""Who gets in, who may promote, and what a copied cookie is worth."""

import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from experiments.registry.client import ModelInfo
from serve.app import create_app
from serve.web.auth import limiter
from serve.web.auth.__main__ import main
from serve.web.auth.people import People, PeopleError
from serve.web.settings import Settings
from tests.serve.conftest import Scoring, typed

PASSWORD = "correct horse battery"


@pytest.fixture
def guarded(
    tmp_path: Path, scoring: Scoring, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    """Return pages that a viewer, Vera, and a promoter, Paul, may sign in to."""
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: model)
    file = tmp_path / "people.txt"
    People(file).add("vera", "viewer", PASSWORD)
    People(file).add("paul", "promoter", PASSWORD)
    settings = Settings(scoring_url=scoring.url, auth=str(file))
    config = {"INSTANCE": tmp_path / "instance", "SETTINGS": settings, "WTF_CSRF_ENABLED": False}
    app = create_app(config)
    limiter.reset()
    return app


def signed_in(app: Flask, name: str, password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    client.post("/sign-in", data={"name": name, "password": password})
    return client


@pytest.mark.parametrize("path", ["/", "/customer", "/file", "/versions", "/engineers"])
def test_nobody_sees_a_page_without_signing_in(guarded: Flask, path: str) -> None:
    """A page leads to the sign-in and from there to what was wanted; a form is refused."""
    client = guarded.test_client()
    reply = client.get(path)
    assert reply.status_code == 303
    assert reply.location.startswith("/sign-in?next=")
    signed_in = client.post(reply.location, data={"name": "vera", "password": PASSWORD})
    assert signed_in.location.rstrip("?") == path
    assert guarded.test_client().post("/customer", data=typed()).status_code == 403
    assert guarded.test_client().get("/healthz").status_code == 200


def test_a_viewer_looks_and_does_not_promote(guarded: Flask) -> None:
    """Scoring is for everybody; every way to move the champion answers 403."""
    vera = signed_in(guarded, "vera")
    assert vera.post("/customer", data=typed()).status_code == 200
    for path in ("/versions/1/promote", "/versions/rollback"):
        assert vera.get(path).status_code == 403
        assert vera.post(path, data={"reason": "mine"}).status_code == 403


def test_a_promoter_may(guarded: Flask) -> None:
    """The page that asks for a reason opens."""
    assert signed_in(guarded, "paul").get("/versions/rollback").status_code == 200


def test_a_copied_cookie_ends_with_the_sign_out(guarded: Flask) -> None:
    """What was copied before is worth nothing after."""
    vera, thief = signed_in(guarded, "vera"), guarded.test_client()
    for cookie in list(vera._cookies.values()):
        thief.set_cookie(cookie.key, cookie.value)
    assert thief.get("/").status_code == 200
    assert vera.post("/sign-out").status_code == 303
    assert thief.get("/").status_code == 303
    assert vera.get("/").status_code == 303


def test_a_sign_in_ends_after_twelve_hours(guarded: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Using the pages does not prolong it; a copied cookie is worth nothing after its end."""
    start = time.time()
    vera = signed_in(guarded, "vera")
    for hours in (1, 6, 11.9):
        monkeypatch.setattr(time, "time", lambda hours=hours: start + 3600 * hours)
        assert vera.get("/").status_code == 200
    monkeypatch.setattr(time, "time", lambda: start + 3600 * 12.1)
    reply = vera.get("/")
    assert reply.status_code == 303
    assert reply.location.startswith("/sign-in?next=")
    assert vera.post("/customer", data=typed()).status_code == 403


def test_guessing_is_limited(guarded: Flask) -> None:
    """Ten attempts a minute, right or wrong, then a page that says to wait."""
    client = guarded.test_client()
    codes = [
        client.post("/sign-in", data={"name": "paul", "password": f"guess {i}"}).status_code
        for i in range(12)
    ]
    assert codes == [401] * 10 + [429] * 2
    assert "Too many attempts" in client.post("/sign-in", data={"name": "paul"}).text


def test_a_wrong_password_tells_nothing(guarded: Flask) -> None:
    """An unknown name and a wrong password get the same page."""
    pages = [
        guarded.test_client().post("/sign-in", data={"name": name, "password": "not this one"})
        for name in ("paul", "nobody")
    ]
    assert {page.status_code for page in pages} == {401}
    texts = {re.sub(r'value="(paul|nobody)"', "", page.text) for page in pages}
    assert len(texts) == 1


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"],
)
def test_the_sign_in_leads_nowhere_else(guarded: Flask, address: str) -> None:
    """Only a page of these pages may follow."""
    reply = guarded.test_client().post(
        "/sign-in", query_string={"next": address}, data={"name": "vera", "password": PASSWORD}
    )
    assert reply.location == "/"


@pytest.mark.parametrize(
    "options",
    [
        {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}},
        {"headers": {"X-Forwarded-For": "192.0.2.7"}},
        {"headers": {"Forwarded": "for=192.0.2.7"}},
        {"headers": {"Host": "evil.example"}},
        {"headers": {"Host": "127.0.0.1.evil.example"}},
        {"headers": {"Host": "evil.example@127.0.0.1"}},
    ],
)
def test_without_people_only_this_machine_is_let_in(client: FlaskClient, options: dict) -> None:
    """Another machine, a proxy or another name for this one: refused, with what to do."""
    assert client.get("/").status_code == 200
    reply = client.get("/", **options)
    assert reply.status_code == 403
    assert "set SEGMENTATION_AUTH" in reply.text


def test_where_people_sign_in_cookies_keep_to_https_unless_told(tmp_path: Path) -> None:
    """A forgotten setting sends no password's session in the clear."""
    variables = {"SEGMENTATION_AUTH": str(tmp_path / "people.txt")}
    assert Settings.from_environment(variables).https
    assert not Settings.from_environment({**variables, "SEGMENTATION_HTTPS": "0"}).https
    assert not Settings.from_environment({}).https


def test_the_command_adds_people(tmp_path: Path) -> None:
    """A name, a role, a password that is typed twice; a bad one is refused in words."""
    file = tmp_path / "people.txt"
    arguments = ["add", "ada", "--role", "promoter", "--file", str(file)]
    done = CliRunner().invoke(main, arguments, input=f"{PASSWORD}\n{PASSWORD}\n")
    assert "ada may sign in as promoter" in done.output
    assert PASSWORD not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    short = CliRunner().invoke(main, arguments, input="short\nshort\n")
    assert short.exit_code == 2
    assert "at least 10 characters" in short.output


@pytest.mark.parametrize("text", ["ada", "ada:admin:x", ":viewer:x", "ada:viewer:"])
def test_a_file_of_people_that_is_none_stops_the_start(tmp_path: Path, text: str) -> None:
    """The line is named, and how to write one."""
    file = tmp_path / "people.txt"
    file.write_text(f"# people\n{text}\n")
    with pytest.raises(PeopleError, match=r"line 2.*serve\.web\.auth add"):
        create_app({"INSTANCE": tmp_path, "SETTINGS": Settings(auth=str(file))})
    with pytest.raises(PeopleError, match="expected a file of people"):
        create_app({"INSTANCE": tmp_path, "SETTINGS": Settings(auth=str(tmp_path / "none"))})
