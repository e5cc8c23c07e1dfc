"""Pages behind a proxy, below a prefix, of several models: every link leads back to them."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from flask import Flask, Response, request
from werkzeug.test import Client

from experiments.registry.client import ModelInfo
from serve.app import HEALTH, Site, create_app, create_site
from serve.web.auth.people import People
from serve.web.settings import SettingError, Settings
from tests.serve.conftest import Scoring, typed

PASSWORD = "correct horse battery"
ADDRESS = re.compile(r'(?:href|src|action|formaction|data-[a-z-]+)="(/[^"]*)"')
PATHS = ("/", "/customer?like=1", "/file", "/segments/1", "/engineers", "/nowhere")


@pytest.fixture
def site(
    tmp_path: Path, scoring: Scoring, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> Site:
    """Return the pages of two models below a prefix, behind one proxy, with sign-in."""
    monkeypatch.setattr(
        "serve.web.model_cache.describe", lambda name, *_: replace(model, name=name)
    )
    people = tmp_path / "people.txt"
    People(people).add("vera", "promoter", PASSWORD)
    variables = {
        "SEGMENTATION_MODELS": f"cards={scoring.url}, Größe & mehr={scoring.url}/",
        "SEGMENTATION_PREFIX": "/segments/",
        "SEGMENTATION_PROXIES": "1",
        "SEGMENTATION_AUTH": str(people),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    site = create_site({"INSTANCE": tmp_path, "WTF_CSRF_ENABLED": False, "FILES_AT_ONCE": True})
    assert isinstance(site, Site)
    return site


def browser(site: Site) -> Client:
    """Return a browser that reaches the pages over HTTPS, signed in."""
    client = Client(site)
    reply = client.post(
        "/segments/models/cards/sign-in",
        data={"name": "vera", "password": PASSWORD},
        base_url="https://localhost",
    )
    assert reply.status_code == 303
    assert "Path=/segments;" in reply.headers["Set-Cookie"]
    return client


def test_every_link_stays_below_the_prefix_and_the_model(site: Site) -> None:
    """Who signed in once walks through the pages of both models; nothing leads elsewhere."""
    client = browser(site)
    for name in site.apps:
        root = quote(f"/segments/models/{name}")
        for path in PATHS:
            reply = client.get(f"{root}{path}", base_url="https://localhost")
            assert reply.status_code == (404 if path == "/nowhere" else 200), path
            addresses = {unquote(unescape(a)) for a in ADDRESS.findall(reply.text)}
            assert addresses
            for address in addresses:
                assert address.startswith(f"/segments/models/{name}/"), (path, address)
        answer = client.post(f"{root}/customer", data=typed(), base_url="https://localhost")
        assert "Full payers" in answer.text
        jobs = site.apps[name].instance_path
        assert jobs.endswith(f"models/{name}")


def test_the_first_page_lists_the_models(site: Site) -> None:
    """With what each serves; only below the prefix, and not before somebody signed in."""
    assert "sign-in" in Client(site).get("/segments/").location
    client = browser(site)
    for path in ("/segments", "/segments/", "/segments/models/cards/models/"):
        page = client.get(path, base_url="https://localhost")
        assert page.status_code == 200
        assert quote("/segments/models/Größe & mehr/") in page.text
        assert page.text.count("2 segments of 600") == 2
    for path in ("/segments/customer", "/segments/models/else/", "/segments/models/cardsharp"):
        assert client.get(path, base_url="https://localhost").status_code == 404
    # Nor does the browser send the cookie elsewhere.
    for path in ("/", "/customer", "/models/cards/"):
        assert "/segments/models/cards/sign-in" in client.get(path).location
    assert all(client.get(path).status_code in {200, 503} for path in HEALTH)


def test_one_model_has_no_list(app: Flask) -> None:
    """There is nothing to choose."""
    assert app.test_client().get("/models/").status_code == 404


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "192.0.2.7")])
def test_only_own_proxies_are_believed(tmp_path: Path, proxies: int, address: str) -> None:
    """About who asks and whether over HTTPS, as many as are set; about path and host nobody."""
    app = create_app({"INSTANCE": tmp_path, "SETTINGS": Settings(proxies=proxies)})
    seen: dict[str, str] = {}

    @app.after_request
    def see(response: Response) -> Response:
        seen.update(address=request.remote_addr, url=request.url, root=request.root_path)
        return response

    headers = {
        "X-Forwarded-For": "198.51.100.1, 192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
    }
    # A proxy between means that somebody else asks: without sign-in they are refused.
    assert app.test_client().get("/healthz", headers=headers).status_code == 403
    assert seen == {
        "address": address,
        "url": f"http{'s' if proxies else ''}://localhost/healthz",
        "root": "",
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SEGMENTATION_PREFIX", "segments"),
        ("SEGMENTATION_PREFIX", "/a/../b"),
        ("SEGMENTATION_PREFIX", "/a;b"),
        ("SEGMENTATION_PROXIES", "yes"),
        ("SEGMENTATION_PROXIES", "-1"),
        ("SEGMENTATION_MODELS", "cards"),
        ("SEGMENTATION_MODELS", "cards=http://one,cards=http://two"),
        ("SEGMENTATION_MODELS", "a/b=http://one"),
        ("SEGMENTATION_SCORED", "scored.csv"),
        ("SEGMENTATION_SCORED", "loans=scored.csv"),
    ],
)
def test_a_setting_that_is_none_is_named(variable: str, value: str) -> None:
    """With what is expected."""
    variables = {"SEGMENTATION_MODELS": "cards=http://one", variable: value}
    with pytest.raises(SettingError, match=r"SEGMENTATION_\w+: .*expected|=.*expected"):
        Settings.of_every_model(variables)


def test_each_model_has_its_own_table_for_lists() -> None:
    """Named by the model; the others have none."""
    variables = {
        "SEGMENTATION_MODELS": "cards=http://one,loans=http://two",
        "SEGMENTATION_SCORED": "cards=duckdb:///bank.db?table=a",
    }
    cards, loans = Settings.of_every_model(variables)
    assert (cards.scored, loans.scored) == ("duckdb:///bank.db?table=a", "")
