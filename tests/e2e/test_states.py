"""The states nobody likes to see, and the sign-in: as accessible as every other page."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from flask import Flask
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from experiments.registry.client import (
    Evidence,
    Gate,
    Migration,
    ModelInfo,
    SegmentHistory,
    Version,
)
from segmentation.data.synthetic import generate
from serve.app import create_app
from serve.web.auth import limiter
from serve.web.auth.people import People
from serve.web.settings import Settings
from tests.e2e.walking import DEVICES, accessible, watched
from tests.serve.conftest import Scoring, app, model, scoring
from tests.serve.web.test_over_time import MOVES, days, figures

pytestmark = pytest.mark.e2e

__all__ = ["app", "days", "figures", "model", "scoring"]
PASSWORD = "correct horse battery"


@contextmanager
def served(pages: Flask) -> Iterator[str]:
    """Serve an application; yield its address."""
    server = make_server("127.0.0.1", 0, pages, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("screen", DEVICES, ids="-".join)
def test_failures_are_pages_too(
    browser: Browser, app: Flask, scoring: Scoring, tmp_path: Path, screen: tuple[str, str]
) -> None:
    """No answer for a customer, none for a file, a result that is gone: said in words."""
    generate(5, seed=1).to_csv(tmp_path / "few.csv", index=False)
    scoring.mode = "breaks"
    with served(app) as url, watched(browser, *screen, url) as page:
        page.goto(f"{url}/customer")
        page.get_by_label("Balance", exact=True).fill("1500")
        page.get_by_role("button", name="Find the segment").click()
        expect(page.locator("#failure")).to_contain_text("What you typed is still here")
        accessible(page)
        page.goto(f"{url}/file")
        page.get_by_label("Customer file").set_input_files(tmp_path / "few.csv")
        page.get_by_role("button", name="Score the file").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("was not scored")
        accessible(page)
        scoring.mode = "answer"
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("5 card holders scored")
        page.goto(f"{url}/file/nothing")
        expect(page.get_by_role("heading", level=1)).to_contain_text("No longer available")
        accessible(page)


@pytest.mark.parametrize("number", [1, 2])
def test_a_segment_prints_on_one_page(browser: Browser, app: Flask, number: int) -> None:
    """On A4, whatever the theme of the screen, and without what cannot be used on paper."""
    with served(app) as url:
        page = browser.new_page(color_scheme="dark")
        page.goto(f"{url}/segments/{number}")
        printed = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
        page.emulate_media(media="print", color_scheme="dark")
        white = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
        assert white == "rgb(255, 255, 255)"
        expect(page.locator(".answer-name")).to_be_visible()
        # What sorts a column is its heading, what highlights a segment the dot of its colour.
        for absent in ("nav", "button:not(.sort, .key-dot)", ".btn", "form", ".table-filter"):
            assert not any(one.is_visible() for one in page.locator(absent).all())
        page.close()


@pytest.mark.parametrize("screen", DEVICES[::3], ids="-".join)
def test_the_map_can_be_touched(browser: Browser, app: Flask, screen: tuple[str, str]) -> None:
    """By keyboard one segment is highlighted, its values said; by pointer the values, its page."""
    with served(app) as url, watched(browser, *screen, url) as page:
        page.goto(url)
        first = page.locator('.points[data-segment="1"]')
        dot = page.get_by_role("button", name="Highlight 2 ")
        dot.focus()
        page.keyboard.press("Enter")
        expect(dot).to_have_attribute("aria-pressed", "true")
        expect(first).to_have_class(re.compile("faint"))
        accessible(page)
        tip = page.locator(".map .tip")
        expect(tip).to_contain_text("% of card holders")
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
        page.keyboard.press("Enter")
        dot.blur()
        expect(first).not_to_have_class(re.compile("faint"))
        middle = page.locator('.middle[data-segment="2"] circle')
        middle.hover()
        expect(tip).to_contain_text("% of card holders")
        middle.click()
        expect(page).to_have_url(re.compile("/segments/2$"))
        spread = page.locator("svg.spread").first
        spread.focus()
        expect(page.locator(".tip", has_text="nine of ten")).to_be_visible()


@pytest.mark.parametrize("screen", DEVICES, ids="-".join)
def test_the_evidence_before_a_promotion(
    browser: Browser,
    app: Flask,
    model: ModelInfo,
    monkeypatch: pytest.MonkeyPatch,
    screen: tuple[str, str],
) -> None:
    """What is worse, a failed check and who would move stand above the button, and are accessible.

    So do a guess on little knowledge, and two segments side by side.
    """
    evaluations = [{"stability": stability, "score": 1.2} for stability in (0.91, 0.8)]
    champion, candidate = (
        replace(model, version=number, evaluation=evaluation)
        for number, evaluation in zip("78", evaluations, strict=True)
    )
    gates = (Gate("stability", True, "0.800, at least 0.60"), Gate("feasible", False, "violates"))
    migration = Migration("7", {"1>1": 300, "1>2": 28, "2>2": 272}, "retrain", ("It drifted.",))
    evidence = Evidence(candidate, champion, gates, migration)
    version = Version("8", model.created, ("challenger",), "2", "0.80", "1.20", "", "", "", "r")
    monkeypatch.setattr("serve.web.versions.evidence", lambda *_: evidence)
    monkeypatch.setattr("serve.web.versions.list_versions", lambda *_: [version])
    monkeypatch.setattr("serve.web.versions.history", lambda *_: [])
    with served(app) as url, watched(browser, *screen, url) as page:
        page.goto(f"{url}/versions/8/promote")
        expect(page.get_by_text("Stability falls from 0.91 to 0.80.")).to_be_visible()
        expect(page.get_by_role("cell", name="28 (9%)")).to_be_visible()
        accessible(page)
        page.goto(f"{url}/segments/1/beside/2")
        expect(page.get_by_role("heading", name="What differs most")).to_be_visible()
        accessible(page)
        page.goto(f"{url}/customer")
        page.get_by_label("Balance", exact=True).fill("1500")
        page.get_by_role("button", name="Find the segment").click()
        expect(page.locator("#answer")).to_contain_text("A guess")
        accessible(page)


@pytest.mark.parametrize("screen", DEVICES[::3], ids="-".join)
def test_segments_over_time(
    browser: Browser,
    app: Flask,
    figures: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    screen: tuple[str, str],
) -> None:
    """Charts and tables are accessible; the menu is one row with the page's entry in sight."""
    record = SegmentHistory("7", datetime(2026, 6, 1, tzinfo=UTC), "abc", "1", figures)
    monkeypatch.setattr("serve.web.over_time.segment_history", lambda *_: record)
    monkeypatch.setattr("serve.web.over_time.history", lambda *_: MOVES)
    with served(app) as url, watched(browser, *screen, url) as page:
        page.goto(f"{url}/over-time")
        expect(page.get_by_text("By 1 April 2026, 30 card holders")).to_be_visible()
        expect(page.get_by_role("img", name="Line chart")).to_have_count(2)
        accessible(page)
        links = page.locator(".top .nav-link")
        tops = {link.bounding_box()["y"] for link in links.all()}
        assert len(tops) == 1
        place = page.locator(".top .nav-link.active").bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= page.viewport_size["width"]


@pytest.mark.parametrize("screen", DEVICES[::3], ids="-".join)
def test_a_table_sorts_and_filters_itself(
    browser: Browser, app: Flask, screen: tuple[str, str]
) -> None:
    """By keyboard, with aria-sort; the filter says how many are left; nothing moves about."""
    with served(app) as url, watched(browser, *screen, url) as page:
        page.goto(f"{url}/segments/1")
        names = page.locator("#columns tbody th")
        before, head = names.all_inner_texts(), page.get_by_role("button", name="Column")
        height = page.locator("#columns").bounding_box()["height"]
        head.focus()
        page.keyboard.press("Enter")
        assert names.all_inner_texts() == sorted(before, key=str.casefold)
        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Column")
        page.keyboard.press("Enter")
        assert names.all_inner_texts() == sorted(before, key=str.casefold, reverse=True)
        assert page.locator("#columns").bounding_box()["height"] == pytest.approx(height, abs=1)
        accessible(page)
        page.get_by_label("Filter columns").fill("cash")
        left = [name for name in before if "cash" in name.lower()]
        expect(page.locator("#columns tbody tr:visible")).to_have_count(len(left))
        expect(page.locator("#columns-left")).to_have_text(f"{len(left)} of {len(before)}")
        accessible(page)


def test_without_scripts_a_table_is_plain(browser: Browser, app: Flask) -> None:
    """No button and no field that does nothing."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    with served(app) as url:
        page.goto(f"{url}/segments/1")
        expect(page.locator("#columns tbody tr").first).to_be_visible()
        expect(page.locator("#columns button")).to_have_count(0)
        expect(page.get_by_label("Filter columns")).to_be_hidden()
        context.close()


@pytest.fixture
def guarded(
    scoring: Scoring, model: ModelInfo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Flask:
    """Return pages that a viewer, Vera, may sign in to."""
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: model)
    people = tmp_path / "people.txt"
    People(people).add("vera", "viewer", PASSWORD)
    settings = Settings(scoring_url=scoring.url, auth=str(people))
    app = create_app({"INSTANCE": tmp_path / "instance", "SETTINGS": settings})
    limiter.reset()
    return app


@pytest.mark.parametrize("screen", DEVICES, ids="-".join)
def test_people_sign_in_and_out(browser: Browser, guarded: Flask, screen: tuple[str, str]) -> None:
    """What is missing, what is wrong, the pages as a viewer sees them, and out again."""
    with served(guarded) as url, watched(browser, *screen, url) as page:
        page.goto(f"{url}/customer")
        accessible(page)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#name-error")).to_contain_text("Type your name")
        accessible(page)
        page.get_by_label("Name").fill("vera")
        page.get_by_label("Password").fill("not this one")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
        accessible(page)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("One customer")
        accessible(page)
        page.get_by_role("button", name="Sign out vera").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize("screen", DEVICES[::3], ids="-".join)
def test_a_list_of_customers(
    browser: Browser,
    model: ModelInfo,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    screen: tuple[str, str],
) -> None:
    """The count follows the filter; a customer is found; the list arrives as a file."""
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: model)
    table = generate(400, seed=2)
    heavy = table["CASH_ADVANCE"] > 500
    names = heavy.map({True: "Heavy", False: "Light"})
    scored = table.assign(segment=1 + heavy, segment_name=names, confidence=0.8)
    scored.to_parquet(tmp_path / "scored.parquet", index=False)
    settings = Settings(scored=str(tmp_path / "scored.parquet"))
    lists = create_app({"INSTANCE": tmp_path / "instance", "SETTINGS": settings})
    with served(lists) as url, watched(browser, *screen, url) as page:
        page.goto(url)
        page.get_by_role("link", name="Lists").click()
        accessible(page)
        page.get_by_role("checkbox").nth(1).check()
        expect(page.locator("#count")).to_contain_text(f"{heavy.sum()} of 400")
        page.get_by_role("button", name="Show them").click()
        expect(page.locator("#count")).to_contain_text(f"{heavy.sum()} of 400")
        accessible(page)
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {heavy.sum()}").click()
        assert len(pd.read_csv(download.value.path())) == heavy.sum()
        page.get_by_label("Identifier").fill(str(table["CUST_ID"][3]))
        page.get_by_role("button", name="Look up").click()
        expect(page.get_by_role("heading", name=str(table["CUST_ID"][3]))).to_be_visible()
        accessible(page)
        page.goto(f"{url}/lists?column_1=BALANCE&from_1=much")
        expect(page.get_by_text("Type a number").first).to_be_visible()
        accessible(page)
