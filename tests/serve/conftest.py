"""Pages in front of a small real HTTP server that answers, fails or dawdles on command."""

import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from experiments.registry.client import ModelInfo
from segmentation.data.synthetic import generate
from segmentation.interpretation.profiles import book_summary, profile_segments
from segmentation.schema import load_schema
from serve.app import create_app
from serve.web.settings import Settings
from serve.web.views import typed as as_typed

SCHEMA = load_schema("cc_general")
SECONDS = {"slow": 2.5, "dawdles": 0.8}
TRACE = 'Traceback (most recent call last): File "/srv/secret.py" canary-trace'


class Scoring(ThreadingHTTPServer):
    """A scoring server; `mode` says how it behaves, `bodies` what it was sent."""

    mode = "answer"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[str] = []

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Scoring

    def do_GET(self) -> None:
        self._reply(200, "")

    def do_POST(self) -> None:
        version = "8" if self.path.startswith("/challenger/") else "7"
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        table = pd.read_parquet(io.BytesIO(sent))
        body = table.to_csv(index=False)
        self.server.bodies.append(body)
        mode = self.server.mode
        if mode in SECONDS:
            time.sleep(SECONDS[mode])
        if mode == "dies":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
            self.close_connection = True
            return
        replies = {
            "refuses": (400, json.dumps({"message": TRACE + body})),
            "breaks": (500, TRACE),
            "babbles": (200, "<p>not json"),
            "short": (200, json.dumps({"predictions": []})),
            "mistypes": (200, answers(body, version).replace("0.91", "NaN")),
            "redirects": (307, "elsewhere"),
        }
        self._reply(*replies.get(mode, (200, answers(body, version))))

    def _reply(self, status: int, text: str) -> None:
        self.send_response(status)
        if status == 307:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


def answers(body: str, version: str) -> str:
    """Return a contract answer: heavy cash users are segment 2, all others segment 1.

    Version 8, the challenger, calls others heavy.
    """
    rows: list[dict[str, Any]] = []
    for row in csv.DictReader(io.StringIO(body)):
        heavy = float(row.get("CASH_ADVANCE") or 0) > (500 if version == "7" else 0)
        rows.append(
            {
                "segment": 1 + heavy,
                "segment_name": "Cash-advance users" if heavy else "Full payers",
                "confidence": 0.91,
                "runner_up": 2 - heavy,
                "runner_up_name": "Full payers" if heavy else "Cash-advance users",
                "unlike_training": float(row.get("BALANCE") or 0) > 1e6,
                "map_x": 0.5,
                "map_y": -0.25,
                "reasons": ["CASH_ADVANCE", "BALANCE"],
                "model_version": version,
            }
        )
    if rows and "basic" in {row.get("detail"), row.get("detail_")}:
        return json.dumps({"predictions": {"segment": [one["segment"] for one in rows]}})
    return json.dumps({"predictions": rows})


@contextmanager
def running(server: Scoring) -> Iterator[Scoring]:
    """Run a scoring server until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def scoring() -> Iterator[Scoring]:
    """Return a running scoring server."""
    with running(Scoring()) as server:
        yield server


@pytest.fixture(scope="session")
def model() -> ModelInfo:
    """Return what a registry would know: real profiles of generated customers."""
    customers = generate(600, seed=1).drop(columns="CUST_ID")
    segment = (customers["CASH_ADVANCE"] > 500).to_numpy().astype("int64")
    profiles = [p.to_dict() for p in profile_segments(customers, segment, SCHEMA)]
    return ModelInfo(
        name="customer-segmentation",
        version="7",
        challenger="8",
        run_id="abc",
        experiment_id="1",
        created=datetime(2026, 11, 1, tzinfo=UTC),
        schema=SCHEMA,
        profiles=profiles,
        book=book_summary(customers, SCHEMA),
        evaluation={"notes": ["A note for people."]},
        map={
            "points": [[0.0, 0.0, 1], [1.0, -1.0, 2]],
            "prototypes": [[0.1, 0.0, 1], [0.9, -0.9, 2]],
        },
    )


@pytest.fixture
def app(
    tmp_path: Path, scoring: Scoring, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    """Return pages that know the model and ask the scoring server."""
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: model)
    settings = Settings(scoring_url=scoring.url, mlflow_url="http://127.0.0.1:5000")
    return create_app(
        {
            "INSTANCE": tmp_path,
            "SETTINGS": settings,
            "WTF_CSRF_ENABLED": False,
            "FILES_AT_ONCE": True,
        }
    )


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser without JavaScript."""
    return app.test_client()


@pytest.fixture
def customers_csv() -> bytes:
    """Return 30 generated customers as a CSV file."""
    return generate(30, seed=4).to_csv(index=False).encode()


def typed(**changes: str) -> dict[str, str]:
    """Return the first example as a person would type it, with changes."""
    values = {k: as_typed(v, SCHEMA.column(k)) for k, v in SCHEMA.examples[0].values.items()}
    return {**values, **changes}


def scored(text: bytes) -> pd.DataFrame:
    """Read a downloaded file."""
    return pd.read_csv(io.BytesIO(text))
