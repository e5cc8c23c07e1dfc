"""Pages in front of a real registry, people who sign in to them, and what a browser would send."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from mlflow import MlflowClient
from werkzeug.test import TestResponse

from experiments.benchmark.races import NAME, prepare
from serve.app import create_app
from serve.web.auth import limiter
from serve.web.auth.people import People
from serve.web.settings import Settings
from tests.serve.conftest import Scoring
from tests.stores import tracking_store

PASSWORD = "correct horse battery"
HOST = "segments.example"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
PEOPLE = {"paul": "promoter", "vera": "viewer"}


@contextmanager
def real_registry(folder: Path, versions: int) -> Iterator[MlflowClient]:
    """Yield a registry with equal versions of one model, the first one champion."""
    with tracking_store(folder) as client:
        prepare(client, versions)
        yield client


@contextmanager
def scoring_server() -> Iterator[Scoring]:
    """Run a small scoring server."""
    server = Scoring()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def guarded(folder: Path, scoring_url: str, **settings: Any) -> Flask:
    """Return pages behind HTTPS that the people above may sign in to."""
    file = folder / "people.txt"
    for name, role in PEOPLE.items():
        People(file).add(name, role, PASSWORD)
    options = {"auth": str(file), "https": True, "hosts": (HOST,), "model_name": NAME, **settings}
    app = create_app(
        {
            "INSTANCE": folder / "instance",
            "SETTINGS": Settings(scoring_url=scoring_url, **options),
            "FILES_AT_ONCE": True,
        }
    )
    limiter.reset()
    return app


class Browser:
    """A browser that came to the pages by their own address.

    Parameters
    ----------
    app
        The pages.
    name
        Who signs in; empty for nobody.
    """

    def __init__(self, app: Flask, name: str = "") -> None:
        self.client = app.test_client()
        self.base = f"https://{HOST}"
        if name:
            limiter.reset()
            self.send("/sign-in", name=name, password=PASSWORD)

    def open(self, path: str, method: str = "GET", **more: Any) -> TestResponse:
        """Ask for a path."""
        headers = {"Referer": f"{self.base}/", **more.pop("headers", {})}
        options = {"method": method, "base_url": self.base, "headers": headers, **more}
        return self.client.open(path, buffered=True, **options)

    def token(self) -> str:
        """Return the token that a form of this session holds."""
        for path in ("/file", "/sign-in"):
            if match := TOKEN.search(self.open(path).text):
                return match[1]
        raise AssertionError("no page holds a form")

    def send(self, path: str, **fields: Any) -> TestResponse:
        """Send a form with the token of this session."""
        data = {"csrf_token": self.token(), **fields}
        return self.open(path, "POST", data=data, content_type="multipart/form-data")
