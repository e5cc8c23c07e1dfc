"""What a hostile page, a hostile address and a hostile header get from the pages."""

import random
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask, abort
from mlflow import MlflowClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from experiments.benchmark.races import NAME
from experiments.registry import promotion
from serve.app import create_app
from serve.web.auth import limiter
from serve.web.settings import Settings
from tests.serve.conftest import Scoring, typed
from tests.soak.browsing import HOST, Browser, guarded
from tests.soak.searching import ROOT

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
TRICKS = (
    *("../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "/etc/passwd", "../queue.db"),
    *("....//....//etc/passwd", "..\\..\\..\\etc\\passwd", "%2e%2e/secret_key", "../secret_key"),
    *("..;/secret_key", "files/../secret_key", "\x00", "x%00.csv", "~/.ssh/id_rsa", "."),
    *("file:///etc/passwd", "models:/x/1", "runs:/0/../../x", "http://evil.example/x"),
    *("x\r\nX-Evil: 1", "%0d%0aX-Evil:%201", "嘊嘍X-Evil: 1", "x\nSet-Cookie: evil=1"),
    *(
        "//evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "https:evil.example",
        "@evil.example",
    ),
    *("<script>evil()</script>", '"><img src=x onerror=evil()>', "{{7*1337}}", "${7*1337}"),
    *("' or 1=1 --", "9" * 40, "-1", "0", "1e9", "٣", "𝟙", "\u202e", "a" * 5_000, "[]", "NaN"),
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")


@pytest.fixture
def pages(tmp_path: Path, scoring: Scoring, two_versions: MlflowClient) -> Flask:
    """Return pages that people sign in to, and one page that breaks."""
    app = guarded(tmp_path, scoring.url, upload_megabytes=0.2)
    app.add_url_rule("/breaks", "breaks", lambda: 1 / 0)
    app.add_url_rule("/dwindles", "dwindles", lambda: abort(410))
    return app


def evil(reply: TestResponse, secrets: tuple[str, ...] = ()) -> list[str]:
    """Return what is wrong with an answer, whatever was asked."""
    about = f"{reply.request.method} {reply.request.path[:60]} {reply.status_code}"
    policy = reply.headers.get("Content-Security-Policy", "")
    problems = [name for name, value in HEADERS.items() if reply.headers.get(name) != value]
    problems += [part for part in POLICY if part not in policy]
    problems += ["unsafe"] * ("unsafe" in policy)
    problems += ["another header"] * any("evil" in name.lower() for name, _ in reply.headers)
    for cookie in reply.headers.getlist("Set-Cookie"):
        flags = ("; Secure" in cookie, "; HttpOnly" in cookie, "; SameSite=Strict" in cookie)
        problems += [f"cookie {cookie}"] * (not all(flags) or "evil" in cookie)
    if urlsplit(reply.headers.get("Location", "")).netloc not in {"", HOST}:
        problems.append("leads elsewhere")
    signs = (
        "root:x:",
        "Traceback",
        "site-packages",
        "9359",
        "<script>evil",
        "<img src=x",
        *secrets,
    )
    problems += [sign for sign in signs if sign in reply.get_data(as_text=True)]
    problems += ["server error"] * (reply.status_code >= 500)
    return [f"{about}: {what}" for what in problems]


def parameters() -> list[str]:
    """Return the name of every parameter that some page reads from its address."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "serve").rglob("*.py"))
    named = r'request\.args(?:\.get\(|\[)"(\w+)"|"(\w+)" in request\.args'
    return sorted({first or second for first, second in re.findall(named, text)})


def addresses(rule: Rule, trick: str) -> Iterator[str]:
    """Yield a route's address with a trick in every place that takes a parameter."""
    for safe in ("", "/%\\:@;"):
        part = quote(trick, safe=safe)
        path = re.sub(r"<[^>]+>", part.replace("\\", "\\\\"), rule.rule)
        if rule.arguments:
            yield path
        plain = re.sub(r"<[^>]+>", "1", rule.rule)
        yield f"{plain}?" + "&".join(f"{name}={quote(trick, safe='')}" for name in parameters())


@pytest.mark.row("path, header and address tricks in every parameter of every route, every method")
def test_tricks_in_every_parameter(
    pages: Flask, tmp_path: Path, two_versions: MlflowClient, times: Times, figure: Figure
) -> None:
    """Refused or taken for the text they are; nothing leaks, nothing is written elsewhere."""
    key = (tmp_path / "instance" / "secret_key").read_text()
    rules = [rule for rule in pages.url_map.iter_rules() if rule.endpoint != "breaks"]
    tricks = random.Random(3).sample(TRICKS, times(4, len(TRICKS)))
    n_requests, wrong, seen = 0, [], set()
    before = {path for path in tmp_path.rglob("*") if "instance" not in path.parts}
    for rule in rules:
        browser, path = Browser(pages, "paul"), re.sub(r"<[^>]+>", "1", rule.rule)
        for trick in tricks:
            for address in addresses(rule, trick):
                # What a route takes, and in turn each of what it does not take.
                others = sorted(set(METHODS) - (rule.methods or set()))
                methods = [*(rule.methods or ()), others[n_requests % len(others)]]
                replies = [browser.open(address, method) for method in methods]
                n_requests += len(replies)
                seen |= {reply.status_code for reply in replies}
                wrong += [text for reply in replies for text in evil(reply, (key,))]
            if "POST" in (rule.methods or ()):
                reply = browser.send(path, **dict.fromkeys(fields(rule), trick))
                n_requests, wrong = n_requests + 1, [*wrong, *evil(reply, (key,))]
                browser = Browser(pages, "paul") if "sign" in rule.rule else browser
    after = {path for path in tmp_path.rglob("*") if "instance" not in path.parts}
    figure(
        f"{n_requests:,} requests, {len(rules)} routes, {len(METHODS)} methods, "
        f"{len(tricks)} tricks: "
        f"{len(wrong)} answers with a trace, a file, another header, another site or a status of "
        f"5xx; answers were {', '.join(map(str, sorted(seen)))}"
    )
    assert wrong == []
    assert before == after


def fields(rule: Rule) -> tuple[str, ...]:
    """Return the fields of the form behind a route that takes one."""
    fields_of = {
        "customer.ask": tuple(typed()),
        "customer.what_if": tuple(typed()),
        "segments.action": ("text",),
        "access.sign_in": ("name", "password"),
        "versions.promoted": ("reason", "seen"),
        "versions.rolled_back": ("reason", "seen"),
        "upload.receive": ("file", "compare"),
    }
    return fields_of.get(rule.endpoint, ())


@pytest.mark.row("cross-site posts; missing, forged, foreign and stale tokens")
def test_forms_from_another_site(
    pages: Flask, scoring: Scoring, two_versions: MlflowClient, figure: Figure
) -> None:
    """Every route that changes something refuses each of them, and nothing has changed."""
    moves, paul, n_requests, let_in = len(promotion.history(NAME)), Browser(pages, "paul"), 0, []
    good, foreign = paul.token(), Browser(pages, "vera").token()
    routes = [rule for rule in pages.url_map.iter_rules() if "POST" in (rule.methods or ())]
    for rule in routes:
        path = re.sub(r"<[^>]+>", "2", rule.rule)
        elsewhere = {"Referer": "https://evil.example/", "Origin": "https://evil.example"}
        tries = [
            ({}, {}),
            ({"csrf_token": "forged"}, {}),
            ({"csrf_token": ("y" if good[0] == "x" else "x") + good[1:]}, {}),
            ({"csrf_token": foreign}, {}),
            ({"csrf_token": good}, elsewhere),
        ]
        for data, headers in tries:
            reply = paul.open(path, "POST", data={**typed(), **data}, headers=headers)
            n_requests += 1
            let_in += [path] * (reply.status_code != 400) + evil(reply)
        pages.config["WTF_CSRF_TIME_LIMIT"] = -1
        reply = paul.open(path, "POST", data={"csrf_token": good})
        pages.config["WTF_CSRF_TIME_LIMIT"] = 3600
        n_requests, let_in = n_requests + 1, [*let_in, *[path] * (reply.status_code != 400)]
    figure(
        f"{n_requests} posts to {len(routes)} routes: {len(let_in)} let in; "
        "0 moves, 0 customers scored"
    )
    assert (let_in, scoring.bodies) == ([], [])
    assert len(promotion.history(NAME)) == moves
    assert paul.open("/versions").status_code == 200


@pytest.mark.row("security headers and cookie flags, error answers of every kind included")
def test_headers_on_errors(pages: Flask, figure: Figure) -> None:
    """400 to 500: each kind of refusal is provoked, and carries what every page carries."""
    paul, vera, nobody = Browser(pages, "paul"), Browser(pages, "vera"), Browser(pages)
    replies = {
        200: paul.open("/"),
        303: nobody.open("/versions"),
        304: paul.open(
            "/static/pages.css", headers={"If-Modified-Since": "Fri, 01 Jan 2100 0:0:0"}
        ),
        400: paul.open("/customer", "POST"),
        401: nobody.send("/sign-in", name="paul", password="wrong"),
        403: vera.open("/versions/rollback"),
        404: paul.open("/nowhere"),
        405: paul.open("/customer", "DELETE"),
        410: paul.open("/file/" + "x" * 22),
        413: paul.send("/file", file=(BytesIO(b"x" * 300_000), "big.csv")),
        422: paul.send("/file"),
        429: [nobody.send("/sign-in", name="paul", password="wrong") for _ in range(11)][-1],
        500: paul.open("/breaks"),
    }
    wrong = [
        text
        for code, reply in replies.items()
        for text in [*evil(reply), *[f"{code}: {reply.status}"] * (reply.status_code != code)]
        if not (code == 500 and text.endswith("server error"))
    ]
    strict = [code for code, r in replies.items() if "Strict-Transport-Security" not in r.headers]
    figure(
        f"{len(replies)} kinds of answers ({', '.join(map(str, replies))}): {len(wrong)} lack one"
    )
    assert (wrong, strict) == ([], [])
    limiter.reset()


@pytest.mark.row("host-header tricks, a name of another site that leads to this machine")
def test_other_host_names(
    pages: Flask, tmp_path: Path, scoring: Scoring, two_versions: MlflowClient, figure: Figure
) -> None:
    """Without sign-in only this machine's names are let in; with it only those that are set."""
    alone = create_app(
        {
            "INSTANCE": tmp_path / "alone",
            "SETTINGS": Settings(scoring_url=scoring.url, model_name=NAME),
        }
    )
    own = ("127.0.0.1", "localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST")
    others = (
        *("evil.example", "127.0.0.1.evil.example", "evil.example:8000", "127.0.0.1@evil.example"),
        *("evil.example@127.0.0.1", "127.0.0.1:80@evil.example", "localhost.evil.example", ""),
        *("0.0.0.0", "127.1", "2130706433", "evil.example#127.0.0.1", "evil.example/127.0.0.1"),
        *("169.254.169.254", "[::ffff:127.0.0.1]", "xn--lcalhost-54a", "localhost\t", "local host"),
    )
    names = ("X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "Forwarded", "X-Original-URL")
    rules = [re.sub(r"<[^>]+>", "1", rule.rule) for rule in pages.url_map.iter_rules()]
    let_in, n_requests, browser, stranger = [], 0, Browser(pages, "paul"), alone.test_client()
    for path in rules:
        for host in (*others, "127.0.0.1", f"{HOST}.evil.example"):
            reply = browser.open(path, headers={"Host": host})
            let_in += [f"{path} {host}"] * (reply.status_code != 400)
            n_requests += 1
        for host in others:
            reply = stranger.get(path, headers={"Host": host}, buffered=True)
            let_in += [f"{path} {host} without sign-in"] * (reply.status_code not in {400, 403})
            n_requests += 1
        for name in names:
            reply = browser.open(path, headers={name: "evil.example"})
            let_in += [path] * ("evil.example" in str(reply.headers) + reply.text)
            n_requests += 1
    statuses = [stranger.get("/healthz", headers={"Host": name}).status_code for name in own]
    figure(f"{n_requests:,} requests to {len(rules)} routes: {len(let_in)} let in or repeated")
    assert (let_in, statuses) == ([], [200] * len(own))
