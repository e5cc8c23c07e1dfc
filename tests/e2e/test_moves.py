"""A promoter's moves in a browser, in a real registry: evidence, promotion, undo, rename."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from mlflow import MlflowClient
from playwright.sync_api import Browser, expect

from experiments.benchmark.races import NAME, prepare
from experiments.registry.client import CHAMPION, version_of
from experiments.registry.promotion import history
from serve.app import create_app
from serve.web.settings import Settings
from tests.e2e.test_states import served
from tests.e2e.walking import DEVICES, accessible, watched
from tests.serve.conftest import Scoring, scoring
from tests.stores import tracking_store

pytestmark = pytest.mark.e2e

__all__ = ["scoring"]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowClient]:
    """Return a registry with two equal versions, the first one champion."""
    with tracking_store(tmp_path_factory.mktemp("registry")) as client:
        prepare(client, 2)
        yield client


@pytest.fixture
def pages(tmp_path: Path, scoring: Scoring, registry: MlflowClient) -> Flask:
    """Return pages for that registry."""
    settings = Settings(scoring_url=scoring.url, model_name=NAME)
    return create_app({"INSTANCE": tmp_path, "SETTINGS": settings})


@pytest.mark.parametrize("screen", DEVICES[::3], ids="-".join)
def test_promote_undo_and_rename(
    browser: Browser, pages: Flask, registry: MlflowClient, screen: tuple[str, str]
) -> None:
    """Each page is accessible; the registry says what was done, and why."""
    before = version_of(registry, NAME, CHAMPION)
    other = next(number for number in "12" if number != before)
    reason, name = f"tried on {'-'.join(screen)}", f"Seen on {screen[0]}, {screen[1]}"
    with served(pages) as url, watched(browser, *screen, url) as page:
        page.goto(f"{url}/versions/{other}/promote")
        expect(page.get_by_text("Nothing measured is worse")).to_be_visible()
        accessible(page)
        page.get_by_label("Why").fill(reason)
        page.get_by_role("button", name=f"Promote version {other}").click()
        expect(page.get_by_role("status")).to_contain_text(f"Version {other} is the champion")
        accessible(page)
        assert version_of(registry, NAME, CHAMPION) == other
        page.get_by_role("link", name="Undo").click()
        accessible(page)
        page.get_by_label("Why").fill(f"{reason}, undone")
        page.get_by_role("button", name="Roll back").click()
        expect(page.get_by_text(f"{reason}, undone")).to_be_visible()
        assert version_of(registry, NAME, CHAMPION) == before
        assert [move.why for move in history(NAME)[-2:]] == [reason, f"{reason}, undone"]
        page.goto(f"{url}/segments/1")
        page.get_by_text("Rename the segment").click()
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(
            f"Seen on {screen[0]}, {screen[1]}"
        )
        accessible(page)
