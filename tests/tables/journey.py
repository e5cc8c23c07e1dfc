"""From a table's file to a registered model, a scored file and pages, as the commands do it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from socket import socket
from typing import NamedTuple

import mlflow
import pandas as pd
import uvicorn
from click.testing import CliRunner
from flask.testing import FlaskClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.pyfunc import scoring_server
from werkzeug.test import TestResponse

from experiments import score
from experiments.registry.client import ModelInfo, describe
from experiments.search.__main__ import main as search_command
from serve.app import create_app
from serve.processes import free_port
from serve.web.settings import Settings
from tests.tables.shape import Shape

# Few trials in this process: what is checked is what is said, not what a long search finds.
SEARCH = {
    "schema": "auto",
    "n-trials": "3",
    "k-max": "5",
    "algorithms": "k_means",
    "n-jobs": "1",
    "trial-seconds": "0",
    "trial-gigabytes": "0",
}


class Element(NamedTuple):
    """An element of a page: its tag, its attributes, and all text in it."""

    tag: str
    attributes: dict[str, str | None]
    text: str


class Reader(HTMLParser):
    """Reads the elements of a page, in the order in which they begin."""

    EMPTY = frozenset({"meta", "link", "input", "br", "img", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self._elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        element: tuple[str, dict[str, str | None], list[str]] = (tag, dict(attrs), [])
        self._elements.append(element)
        if tag not in self.EMPTY:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Close the last element of this tag."""
        for place in reversed(range(len(self._open))):
            if self._open[place][0] == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        """Add text to every open element."""
        for _, _, texts in self._open:
            texts.append(data)

    def elements(self) -> list[Element]:
        """Return the elements, blanks in their texts collapsed."""
        return [
            Element(tag, own, " ".join("".join(texts).split()))
            for tag, own, texts in self._elements
        ]


def read(reply: TestResponse) -> list[Element]:
    """Return the elements of a page that was answered."""
    assert reply.status_code == 200, reply.text
    return Reader(reply.text).elements()


@dataclass(frozen=True)
class Journey:
    """What a table led to."""

    shape: Shape
    file: Path
    truth: pd.DataFrame  # read by hand
    output: str  # of the search, standard error included
    model: ModelInfo
    version: ModelVersion
    scored: pd.DataFrame
    score_output: str


def search(name: str, file: Path, **options: str) -> tuple[int, str]:
    """Run a search as the command does; return its exit status and all that it printed."""
    values = {"data": str(file), "model-name": name, "experiment-name": name}
    pairs = {**SEARCH, **values, **options}.items()
    arguments = [part for name, value in pairs for part in (f"--{name}", value)]
    result = CliRunner().invoke(search_command, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def travelled(shape: Shape, folder: Path) -> Journey:
    """Take a table all the way, without a schema written by hand."""
    file = shape.written(folder)
    # One cloud has hardly a partition that comes back: it takes more of a search to end with one.
    trials = {} if shape.structure else {"n-trials": "8", "algorithms": ""}
    status, output = search(shape.name, file, **trials)
    assert status == 0, output
    target = folder / f"{shape.name}_scored.csv"
    arguments = ["--data", str(file), "--out", str(target), "--model-name", shape.name]
    scoring = CliRunner().invoke(score.main, arguments)
    assert scoring.exit_code == 0, scoring.output
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias(shape.name, "champion")
    model = describe(shape.name)
    return Journey(
        shape=shape,
        file=file,
        truth=shape.read(file),
        output=output,
        model=model,
        version=version,
        scored=pd.read_csv(target, dtype={str(model.schema.identifier): str}),
        score_output=scoring.output,
    )


class Announcing(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def pages(journey: Journey, folder: Path) -> Iterator[FlaskClient]:
    """Yield a browser of the pages, in front of MLflow's own scoring server with the model."""
    model = mlflow.pyfunc.load_model(f"models:/{journey.shape.name}@champion")
    port = free_port(18700)
    config = uvicorn.Config(scoring_server.init(model), port=port, log_level="error")
    server = Announcing(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(60), f"nothing listens on port {port}"
        settings = Settings(
            scoring_url=f"http://127.0.0.1:{port}", model_name=journey.shape.name, timeout=20
        )
        app = create_app(
            {
                "INSTANCE": folder,
                "SETTINGS": settings,
                "WTF_CSRF_ENABLED": False,
                "FILES_AT_ONCE": True,
            }
        )
        yield app.test_client()
    finally:
        server.should_exit = True
        thread.join()


def typing(value: object, decimal: str) -> str:
    """Return a value as a person types it."""
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.12g}".replace(".", decimal)
    return str(value)
