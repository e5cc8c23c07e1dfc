"""Move the champion while customers are scored without pause: nothing fails, nothing is late."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import mlflow
import psutil
import requests
from mlflow import MlflowClient

from experiments.benchmark.races import NAME, prepare
from experiments.benchmark.servers import Server, running, until
from experiments.registry.client import CHAMPION, EXAMPLE, servable, version_of
from experiments.registry.promotion import promote

CONNECTIONS = 4
READY_SECONDS = 120.0
LATEST_SECONDS = 60.0


@dataclass
class Load:
    """What several connections saw that asked without pause.

    Parameters
    ----------
    answers
        When each version answered, in seconds of the monotonic clock.
    failures
        What went wrong, one text each.
    """

    answers: list[tuple[float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PromotionRow:
    """What became of several promotions under load.

    Parameters
    ----------
    moves
        Of the champion.
    requests, failed
        Sent, and not answered as they should be.
    slowest
        Seconds until a new version answered, at most.
    broken_served
        Answers by a version whose files were damaged.
    problem
        What the front said of that version.
    """

    moves: int
    requests: int
    failed: int
    slowest: float
    broken_served: int
    problem: str


def run_promotions(
    moves: int, port: int, logs: Path, connections: int = CONNECTIONS
) -> PromotionRow:
    """Promote again and again under load, then name a damaged version champion.

    Parameters
    ----------
    moves
        How often the champion moves.
    port
        Of the front.
    logs
        Folder for the servers' logs.
    connections
        That ask without pause.
    """
    client = MlflowClient()
    versions = prepare(client, 3)
    url = f"http://127.0.0.1:{port}"
    with servable(NAME, versions[0]) as folder:
        body = (folder / EXAMPLE).read_text(encoding="utf-8")
    with serving(port, logs), loading(url, body, connections) as load:
        until(lambda: bool(load.answers), READY_SECONDS)
        slowest = 0.0
        for _ in range(moves):
            champion = version_of(client, NAME, CHAMPION)
            other = versions[1] if champion == versions[0] else versions[0]
            promote(NAME, other, reason="benchmark")
            start = time.monotonic()
            until(partial(_answered, load, other, start), LATEST_SECONDS)
            slowest = max(slowest, time.monotonic() - start)
        problem = _break(client, versions[2], url)
    broken = sum(version == versions[2] for _, version in load.answers)
    total = len(load.answers) + len(load.failures)
    return PromotionRow(moves, total, len(load.failures), slowest, broken, problem)


@contextmanager
def serving(port: int, logs: Path, *options: str) -> Iterator[psutil.Popen]:
    """Run the gateway as people do."""
    command = (sys.executable, "-m", "serve.gateway", "--port", str(port), "--model-name", NAME)
    front = Server((*command, "--logs", str(logs), *options), f"http://127.0.0.1:{port}/ping")
    with running({"front": front}, logs, {}) as processes:
        yield processes["front"]


@contextmanager
def loading(url: str, body: str, connections: int = CONNECTIONS) -> Iterator[Load]:
    """Ask on several connections without pause until the block ends."""
    load, stop = Load(), threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(url, body, load, stop)) for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _ask(url: str, body: str, load: Load, stop: threading.Event) -> None:
    headers = {"Content-Type": "application/json"}
    with requests.Session() as session:
        while not stop.is_set():
            try:
                reply = session.post(
                    f"{url}/invocations", data=body, headers=headers, timeout=LATEST_SECONDS
                )
                rows = json.loads(reply.text)["predictions"] if reply.ok else []
                if rows:
                    load.answers.append((time.monotonic(), str(rows[0]["model_version"])))
                else:
                    load.failures.append(f"{reply.status_code} {reply.text[:200]}")
            except (requests.RequestException, ValueError, KeyError) as error:
                load.failures.append(type(error).__name__)


def _answered(load: Load, version: str, since: float) -> bool:
    return any(when > since and answered == version for when, answered in load.answers[-400:])


def _break(client: MlflowClient, version: str, url: str) -> str:
    """Damage a version, name it champion by hand, and return what the front says of it."""
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{version}"))
    (arrays,) = folder.rglob("arrays.npz")
    arrays.write_bytes(arrays.read_bytes()[:-1])
    client.set_registered_model_alias(NAME, "champion", version)
    until(lambda: _problem(url) != "", LATEST_SECONDS)
    return _problem(url)


def _problem(url: str) -> str:
    return str(requests.get(f"{url}/live", timeout=10).json()["problem"])
