"""Two models below a prefix, behind a proxy with TLS: a person signs in and works with both."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from playwright.sync_api import Browser, expect

from experiments.benchmark.servers import until
from segmentation.data.synthetic import generate
from serve.demo import MODEL
from serve.processes import Service, ServiceGroup, free_port
from serve.web.auth.people import People
from tests.e2e.conftest import Product

pytestmark = pytest.mark.e2e

SECOND, PREFIX, PASSWORD = "Größe & mehr", "/bank/segments", "correct horse battery"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


@pytest.fixture
def address(product: Product, tmp_path: Path) -> Iterator[str]:
    """Serve the product's model under two names by `python -m serve`; return where it is."""
    client = MlflowClient(product.tracking_uri)
    client.copy_model_version(f"models:/{MODEL}/1", SECOND)
    client.set_registered_model_alias(SECOND, "champion", "1")
    people = tmp_path / "people.txt"
    People(people).add("vera", "viewer", PASSWORD)
    port, pages = free_port(18601), f"http://127.0.0.1:{free_port(18600)}"
    first, second = (f"http://127.0.0.1:{free_port(usual)}" for usual in (18602, 18603))
    environment = {
        "MLFLOW_TRACKING_URI": product.tracking_uri,
        "SEGMENTATION_MODELS": f"{MODEL}={first},{SECOND}={second}",
        "SEGMENTATION_PREFIX": PREFIX,
        "SEGMENTATION_PROXIES": "1",
        "SEGMENTATION_AUTH": str(people),
        "SEGMENTATION_HOSTS": "127.0.0.1",
        "SEGMENTATION_INSTANCE": str(tmp_path / "instance"),
        "SEGMENTATION_LOGS": str(tmp_path / "own logs"),
    }
    with ServiceGroup(tmp_path / "log", {**os.environ, **environment}) as group:
        serve = (sys.executable, "-m", "serve", "--pages", pages)
        group.start(Service("serve", serve, f"{pages}/readyz"))
        command = (sys.executable, "-m", "tests.e2e.tls_proxy", str(port), pages)
        command = (*command, str(tmp_path / "proxy.pem"))
        group.start(Service("proxy", command, ""))
        group.wait_until_ready(150)
        until(lambda: listens(port), 30)
        yield f"https://127.0.0.1:{port}"


def test_two_models_below_a_prefix_behind_tls(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    """From the list through sign-in, a customer and a file; nothing leads out of the prefix."""
    generate(60, seed=8).to_csv(tmp_path / "good.csv", index=False)
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    outside: list[str] = []
    page.on(
        "request", lambda sent: sent.url.startswith(address + PREFIX) or outside.append(sent.url)
    )
    page.on("console", lambda message: message.type == "error" and outside.append(message.text))
    page.goto(f"{address}{PREFIX}/")
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")
    (cookie,) = context.cookies()
    assert (cookie["path"], cookie["secure"], cookie["sameSite"]) == (PREFIX, True, "Strict")
    for name in (MODEL, SECOND):
        page.goto(f"{address}{PREFIX}/")
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.locator("footer")).to_contain_text(f"Model {name}, version 1")
        page.get_by_role("link", name="One customer", exact=True).click()
        page.get_by_role("link", name="Lives on cash advances").click()
        page.get_by_role("button", name="Find the segment").click()
        expect(page.locator("#answer-title")).not_to_be_empty()
        page.get_by_label("Cash advances", exact=True).fill("0")
        expect(page.locator(".what-if")).to_contain_text(re.compile("Stays|Would move"))
        page.get_by_role("link", name="A file", exact=True).click()
        page.get_by_label("Customer file").set_input_files(tmp_path / "good.csv")
        page.get_by_role("button", name="Score the file").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("60 card holders scored")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the scored file").click()
        assert len(Path(download.value.path()).read_text().splitlines()) == 61
    context.close()
    assert not outside
