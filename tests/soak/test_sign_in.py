"""Guessing in bulk, a viewer at a promoter's doors, a session after its end."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from mlflow import MlflowClient
from werkzeug.routing import Rule

from experiments.benchmark.races import NAME
from experiments.registry import promotion
from serve.web.auth import OPEN, limiter
from serve.web.auth.people import People
from tests.serve.conftest import Scoring
from tests.soak.browsing import PASSWORD, Browser, guarded

Times = Callable[[int, int], int]
Figure = Callable[[str], None]


@pytest.fixture
def pages(tmp_path: Path, scoring: Scoring, two_versions: MlflowClient) -> Iterator[Flask]:
    """Return pages that people sign in to."""
    yield guarded(tmp_path, scoring.url)
    limiter.reset()


def asked(pages: Flask) -> list[tuple[Rule, str, str]]:
    """Return every route with its path and each of its methods."""
    return [
        (rule, re.sub(r"<[^>]+>", "2", rule.rule), method)
        for rule in pages.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"OPTIONS"})
    ]


@pytest.mark.row("sign-in attempts in bulk")
def test_guessing_in_bulk(pages: Flask, times: Times, figure: Figure) -> None:
    """Ten attempts a minute by address, whatever name, cookie or header says; then 429."""
    attempts, codes = times(40, 1_000), []
    for number in range(attempts):
        if number % 10 == 0:
            browser = Browser(pages)  # forgets its cookie
            token = browser.token()
        reply = browser.open(
            "/sign-in",
            "POST",
            data={"csrf_token": token, "name": f"paul{number % 3 or ''}", "password": f"{number}"},
            headers={"X-Forwarded-For": f"192.0.2.{number % 250}", "X-Real-Ip": "192.0.2.9"},
        )
        codes.append(reply.status_code)
    right = browser.send("/sign-in", name="paul", password=PASSWORD)
    figure(
        f"{attempts:,} attempts: {codes.count(401)} looked at, {codes.count(429):,} answered 429, "
        f"the right password among them {right.status_code}"
    )
    assert set(codes) == {401, 429}
    assert codes.count(401) <= 20  # the clock may pass into the next minute
    assert right.status_code == 429


@pytest.mark.row("a viewer calling a promoter's route; nobody calling any")
def test_who_is_kept_out_of_what(pages: Flask, two_versions: MlflowClient, figure: Figure) -> None:
    """A viewer gets 403 wherever the champion could move; nobody signed in gets no page at all."""
    moves = len(promotion.history(NAME))
    kept_out, vera, nobody = [], Browser(pages, "vera"), Browser(pages)
    tokens, wrong, refused = {vera: vera.token(), nobody: nobody.token()}, [], 0
    for rule, path, method in asked(pages):
        form = {"reason": "mine", "csrf_token": tokens[vera]} if method == "POST" else None
        if rule.endpoint != "auth.sign_out":
            code = vera.open(path, method, data=form).status_code
            kept_out += [f"{method} {rule.rule}"] * (code == 403)
        if rule.endpoint not in OPEN:
            form = {"reason": "mine", "csrf_token": tokens[nobody]} if method == "POST" else None
            reply = nobody.open(path, method, data=form)
            away = reply.status_code == 303 and reply.location.startswith("/sign-in")
            wrong += [f"{method} {rule.rule} {reply.status_code}"] * (
                not away and reply.status_code != 403
            )
            refused += 1
    doors = promoters_doors(pages)
    figure(
        f"viewer: {len(kept_out)} of {len(doors)} promoters' doors answer 403; nobody: "
        f"{refused - len(wrong)} of {refused} lead to the sign-in or answer 403; 0 moves"
    )
    assert wrong == []
    assert sorted(kept_out) == sorted(doors)
    assert len(promotion.history(NAME)) == moves


def promoters_doors(pages: Flask) -> list[str]:
    """Return every method of every route that moves the champion or renames, by its address."""
    return [
        f"{method} {rule.rule}"
        for rule, _, method in asked(pages)
        if rule.rule.endswith(("/promote", "/rollback", "/name"))
    ]


@pytest.mark.row("a session replayed after sign-out, after removal, with another's signature")
def test_a_session_after_its_end(
    pages: Flask, tmp_path: Path, times: Times, figure: Figure
) -> None:
    """A copied cookie opens every page before, and none after; a forged one none at all."""
    replays, let_in, paths = times(2, 20), [], ("/", "/customer", "/file", "/versions")
    for number in range(replays):
        paul, thief = Browser(pages, "paul"), Browser(pages)
        for cookie in list(paul.client._cookies.values()):
            thief.client.set_cookie(cookie.key, cookie.value, domain="segments.example")
        assert [thief.open(path).status_code for path in paths] == [200] * len(paths)
        token = thief.token()
        if number % 2:
            paul.send("/sign-out")
        else:
            file = tmp_path / "people.txt"
            lines = file.read_text().splitlines(keepends=True)
            file.write_text("".join(line for line in lines if not line.startswith("paul:")))
        codes = {path: thief.open(path).status_code for path in paths}
        data = {"csrf_token": token, "reason": "mine"}
        codes["move"] = thief.open("/versions/rollback", "POST", data=data).status_code
        let_in += [name for name, code in codes.items() if code not in {303, 403, 400}]
        People(tmp_path / "people.txt").add("paul", "promoter", PASSWORD)
    forged = Browser(pages)
    other = guarded_elsewhere(tmp_path)
    for cookie in list(Browser(other, "paul").client._cookies.values()):
        forged.client.set_cookie(cookie.key, cookie.value, domain="segments.example")
    let_in += [path for path in paths if forged.open(path).status_code != 303]
    figure(f"{replays} replays and a foreign signature: {len(let_in)} answers let in")
    assert let_in == []


def guarded_elsewhere(folder: Path) -> Flask:
    """Return other pages with the same people and a key of their own."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    return guarded(elsewhere, "http://127.0.0.1:9")
