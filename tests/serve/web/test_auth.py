"""Who gets in, who may promote, and what a copied cookie is worth."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from experiments.registry.client import ModelInfo
from serve.app import create_app
from serve.web.auth import limiter
from serve.web.auth.__main__ import main
from serve.web.auth.people import METHOD, People, PeopleError, _hash_of_no_password
from serve.web.settings import SettingError, Settings
from tests.serve.conftest import Scoring, typed

PASSWORD = "correct horse battery"


@pytest.fixture
def guarded(
    tmp_path: Path, scoring: Scoring, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    """Return pages that a viewer, Vera, and a promoter, Paul, may sign in to."""
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: model)
    monkeypatch.setattr("serve.web.auth.people.METHOD", "scrypt:1024:8:1")  # many sign-ins, quickly
    _hash_of_no_password.cache_clear()
    file = tmp_path / "people.txt"
    People(file).add("vera", "viewer", PASSWORD)
    People(file).add("paul", "promoter", PASSWORD)
    chosen = Settings(scoring_url=scoring.url, auth=str(file))
    config = {"INSTANCE": tmp_path / "instance", "SETTINGS": chosen, "WTF_CSRF_ENABLED": False}
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
    """The page that asks for a reason opens, and says that there is no registry."""
    reply = signed_in(guarded, "paul").get("/versions/rollback")
    assert (reply.status_code, "The champion before this one serves again" in reply.text) == (
        409,
        True,
    )


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


def test_guessing_is_limited_by_account(guarded: Flask) -> None:
    """Thirty addresses, one account: ten attempts; the same answers where there is no account."""

    def attempt(name: str, number: int) -> TestResponse:
        return guarded.test_client().post(
            "/sign-in",
            data={"name": name, "password": f"guess {number}"},
            environ_base={"REMOTE_ADDR": f"192.0.2.{number}"},
        )

    answers = {name: [attempt(name, n) for n in range(30)] for name in ("paul", "nobody")}
    for replies in answers.values():
        assert [reply.status_code for reply in replies] == [401] * 10 + [429] * 20
        assert 0 < int(replies[-1].headers["Retry-After"]) <= 601
    locked, unknown = (replies[-1].text for replies in answers.values())
    assert locked == unknown
    right = guarded.test_client().post("/sign-in", data={"name": "paul", "password": PASSWORD})
    assert right.status_code == 429
    assert signed_in(guarded, "vera").get("/").status_code == 200


def test_a_network_of_one_person_is_one_address(guarded: Flask) -> None:
    """Whoever has a network of 64 bits has ten attempts a minute, as with one address."""
    codes = [
        guarded.test_client()
        .post(
            "/sign-in",
            data={"name": f"name{number}", "password": "guess"},
            environ_base={"REMOTE_ADDR": f"2001:db8::{number:x}"},
        )
        .status_code
        for number in range(12)
    ]
    assert codes == [401] * 10 + [429] * 2


def test_passwords_are_hashed_as_owasp_asks_and_again_at_sign_in(
    guarded: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash of earlier parameters is replaced when its person signs in; all else stays."""
    monkeypatch.undo()
    n, r, p = map(int, METHOD.removeprefix("scrypt:").split(":"))
    assert (n, r, p) in {(2**17, 8, 1), (2**16, 8, 2), (2**15, 8, 3), (2**14, 8, 5)}
    file = tmp_path / "people.txt"
    weak = generate_password_hash(PASSWORD, "scrypt:32768:8:1")
    file.write_text(f"# of the bank\nold:viewer:{weak}\neve:viewer:{weak}\n")
    assert People(file).signed_in("old", "wrong") is None
    assert weak in file.read_text().splitlines()[1]
    assert People(file).signed_in("old", PASSWORD) is not None
    lines = file.read_text().splitlines()
    assert lines[:2] == ["# of the bank", f"eve:viewer:{weak}"]
    assert lines[2].startswith(f"old:viewer:{METHOD}$")
    assert People(file).signed_in("old", PASSWORD) is not None
    assert file.read_text().splitlines() == lines


def test_a_file_of_people_that_cannot_be_written_lets_sign_in(tmp_path: Path) -> None:
    """An older hash that cannot be replaced is as good as before."""
    file = tmp_path / "people.txt"
    file.write_text(f"old:viewer:{generate_password_hash(PASSWORD, 'scrypt:1024:8:1')}\n")
    (tmp_path / "people.txt.lock").mkdir()
    assert People(file).signed_in("old", PASSWORD) is not None


@pytest.mark.parametrize("damage", ["ada:admin:x\n", None, "\udcff"])
def test_the_last_good_file_of_people_stays_in_force(
    guarded: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str | None
) -> None:
    """A typo, or a file that is gone, while the pages run: people stay, the log says so once."""
    file = tmp_path / "people.txt"
    vera, good = signed_in(guarded, "vera"), file.read_text()
    if damage is None:
        file.unlink()
    else:
        file.write_bytes((good + damage).encode(errors="surrogateescape"))
    assert [vera.get("/").status_code for _ in range(3)] == [200] * 3
    assert signed_in(guarded, "paul").get("/").status_code == 200
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "may still sign in" in errors[0].getMessage()
    file.write_text(good.replace("vera:viewer", "# vera:viewer"))
    assert vera.get("/").status_code == 303


def test_databases_are_for_this_user_only(guarded: Flask, tmp_path: Path) -> None:
    """What the pages write into their folder no other user of the machine reads."""
    signed_in(guarded, "vera")
    instance = tmp_path / "instance"
    (instance / "sign_ins.db").chmod(0o644)  # of an earlier release
    (instance / "queue.db").chmod(0o644)
    create_app({"INSTANCE": instance, "SETTINGS": guarded.extensions["settings"]})
    files = [path for path in instance.rglob("*") if path.is_file()]
    assert {"sign_ins.db", "queue.db", "secret_key"} <= {path.name for path in files}
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []


def test_a_wrong_password_tells_nothing(guarded: Flask) -> None:
    """An unknown name and a wrong password get the same page."""
    pages = [
        guarded.test_client().post("/sign-in", data={"name": name, "password": "not this one"})
        for name in ("paul", "nobody")
    ]
    assert {page.status_code for page in pages} == {401}
    texts = {re.sub(r'value="(paul|nobody)"', "", page.text) for page in pages}
    assert len(texts) == 1


CONTROLS = ["\t", "\n", "\r", "\0", "\x0b", "\x1f", "\x7f", " ", "\u2028", "\ufeff"]
ENCODINGS = ["%09", "%0a", "%0d", "%2f", "%5c", "%252f", "%00", "%E3%80%82", "\uff0f", "\uff3c"]
PIECES = [*CONTROLS, *ENCODINGS, "/", "//", "\\", "@", ":", ";", "?", "#", ".", "..", "customer"]
HOSTS = ["evil.example", "https://evil.example", "javascript:alert(1)"]


@pytest.fixture
def without_limits(guarded: Flask) -> Iterator[Flask]:
    """Return pages that count no attempts."""
    limiter.enabled = False
    yield guarded
    limiter.enabled = True


def test_the_sign_in_leads_to_a_page_of_these_pages_only(without_limits: Flask) -> None:
    """Control characters, back-slashes and encodings before a host: no other host, and no error."""
    adapter = without_limits.url_map.bind("segments.example")

    @settings(max_examples=80, deadline=None, derandomize=True)
    @example(["/", "\t", "/", "/"], "evil.example")
    @example(["/", "\n", "/", "/"], "evil.example")
    @example(["/", "\\"], "evil.example")
    @example(["//"], "evil.example")
    @example(["//["], "evil.example")
    @example([], "https://evil.example")
    @given(st.lists(st.sampled_from(PIECES), max_size=6), st.sampled_from(["", *HOSTS]))
    def leads(pieces: list[str], host: str) -> None:
        reply = without_limits.test_client().post(
            "/sign-in",
            query_string={"next": "".join(pieces) + host},
            data={"name": "vera", "password": PASSWORD},
        )
        assert reply.status_code == 303
        assert re.match(r"/(?![/\\])[!-~]*\Z", reply.location)
        adapter.match(unquote(reply.location.partition("?")[0]))  # raises where there is no page

    leads()


@pytest.mark.parametrize("address", ["/versions", "/customer?like=2&challenger=", "/segments/1"])
def test_the_sign_in_leads_to_what_was_wanted(guarded: Flask, address: str) -> None:
    """A page with its parameters follows."""
    reply = guarded.test_client().post(
        "/sign-in", query_string={"next": address}, data={"name": "vera", "password": PASSWORD}
    )
    assert reply.location == address


@pytest.mark.parametrize(
    "options",
    [
        {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}},
        {"environ_base": {"REMOTE_ADDR": "no address"}},
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


SECRET_SENT = "5" * 32
AT_PROXY = {"REMOTE_ADDR": "10.0.0.7"}
NAMED = {
    "X-Segmentation-User": "ada@bank.example",
    "X-Segmentation-Role": "promoter",
    "X-Segmentation-Secret": SECRET_SENT,
}


@pytest.fixture
def behind(tmp_path: Path, model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Return pages at whose proxy, 10.0.0.7, people sign in."""
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: model)
    variables = {
        "SEGMENTATION_AUTH_PROXY": "10.0.0.7 fd00::/64",
        "SEGMENTATION_AUTH_SECRET": SECRET_SENT,
        "SEGMENTATION_PROXIES": "1",
        "SEGMENTATION_AUDIT": str(tmp_path / "audit.jsonl"),
    }
    chosen = Settings.from_environment(variables)
    assert chosen.https
    assert SECRET_SENT not in repr(chosen)
    config = {"INSTANCE": tmp_path / "instance", "SETTINGS": chosen, "WTF_CSRF_ENABLED": False}
    return create_app(config)


def test_the_proxy_says_who_asks_and_what_they_may(behind: Flask) -> None:
    """Each request by itself: the person is in no cookie, a role that is gone is gone at once."""
    client = behind.test_client()
    page = client.get("/engineers", headers=NAMED, environ_base=AT_PROXY)
    assert (page.status_code, "Who did what" in page.text) == (200, True)
    assert "Sign out" not in page.text
    viewer = {**NAMED, "X-Segmentation-Role": "viewer"}
    assert client.get("/", headers=viewer, environ_base=AT_PROXY).status_code == 200
    for headers, code in ((viewer, 403), (NAMED, 409)):
        reply = client.get("/versions/rollback", headers=headers, environ_base=AT_PROXY)
        assert reply.status_code == code
    assert client.get("/", environ_base=AT_PROXY).status_code == 403
    assert (
        client.get("/", headers=NAMED, environ_base={"REMOTE_ADDR": "fd00::9"}).status_code == 200
    )
    assert client.get("/healthz").status_code == 200


FORGERIES: dict[str, tuple[dict[str, str], str]] = {
    "no secret": ({"X-Segmentation-Secret": ""}, "10.0.0.7"),
    "another secret": ({"X-Segmentation-Secret": "5" * 31 + "6"}, "10.0.0.7"),
    "a beginning of the secret": ({"X-Segmentation-Secret": "5" * 31}, "10.0.0.7"),
    "a secret of other letters": ({"X-Segmentation-Secret": "é" * 32}, "10.0.0.7"),
    "the secret twice": ({"X-Segmentation-Secret": f"{SECRET_SENT},{SECRET_SENT}"}, "10.0.0.7"),
    "another address": ({}, "10.0.0.8"),
    "this machine": ({}, "127.0.0.1"),
    "no address": ({}, ""),
    "the proxy's address in a header": ({"X-Forwarded-For": "10.0.0.7"}, "10.0.0.8"),
    "another header of addresses": ({"Forwarded": "for=10.0.0.7"}, "192.0.2.1"),
    "nobody": ({"X-Segmentation-User": ""}, "10.0.0.7"),
    "two people": ({"X-Segmentation-User": "eve,ada"}, "10.0.0.7"),
    "a name with a line": ({"X-Segmentation-User": "ada\tpromoter"}, "10.0.0.7"),
    "no role": ({"X-Segmentation-Role": ""}, "10.0.0.7"),
    "two roles": ({"X-Segmentation-Role": "promoter,viewer"}, "10.0.0.7"),
    "a role there is not": ({"X-Segmentation-Role": "admin"}, "10.0.0.7"),
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_headers_of_another_are_not_believed(behind: Flask, kind: str) -> None:
    """A person of no proxy, with a wrong secret or in doubled headers sees and moves nothing."""
    changed, address = FORGERIES[kind]
    headers, client = {**NAMED, **changed}, behind.test_client()
    for path in ("/", "/engineers", "/versions/rollback"):
        reply = client.get(path, headers=headers, environ_base={"REMOTE_ADDR": address})
        assert reply.status_code == 403, kind
        assert SECRET_SENT not in reply.text
    reply = client.post(
        "/versions/rollback", headers=headers, environ_base={"REMOTE_ADDR": address}
    )
    assert reply.status_code == 403


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"auth_secret": "short"}, "SEGMENTATION_AUTH_SECRET: expected at least 32"),
        ({"auth_proxy": ("the proxy",)}, "SEGMENTATION_AUTH_PROXY: 'the proxy'"),
        ({"auth": "people.txt"}, "not both"),
    ],
)
def test_a_proxy_that_cannot_be_believed_stops_the_start(
    tmp_path: Path, changed: dict, words: str
) -> None:
    """The setting is named, the secret is not."""
    usable = {"auth_proxy": ("10.0.0.7",), "auth_secret": SECRET_SENT}
    with pytest.raises(SettingError, match=words) as caught:
        create_app({"INSTANCE": tmp_path, "SETTINGS": Settings(**{**usable, **changed})})
    assert "short" not in str(caught.value)


def test_without_a_proxy_its_headers_are_worth_nothing(guarded: Flask, client: FlaskClient) -> None:
    """Where people sign in here, and where nobody does."""
    assert guarded.test_client().get("/", headers=NAMED).status_code == 303
    assert (
        client.get("/", headers=NAMED, environ_base={"REMOTE_ADDR": "10.0.0.7"}).status_code == 403
    )
