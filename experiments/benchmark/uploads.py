"""A file of a million customers through the pages: how long, how much memory."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from mlflow import MlflowClient

from experiments.benchmark.races import NAME, prepare
from experiments.benchmark.servers import BIN, LOOK_SECONDS, Server, memory_of, running
from segmentation.data.synthetic import iter_generate

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
LONGEST_SECONDS = 1_800.0


@dataclass(frozen=True)
class UploadRow:
    """What became of one large file.

    Parameters
    ----------
    rows, megabytes
        Of the file.
    seconds
        From the first byte sent to the result.
    peak_megabytes
        Of scoring server, its front, pages and worker together.
    looks
        How often the page was asked how far it is, and answered.
    slowest_look
        Seconds that the slowest of these answers took.
    """

    rows: int
    megabytes: float
    seconds: float
    peak_megabytes: float
    looks: int
    slowest_look: float


def run_upload(rows: int, ports: tuple[int, int], logs: Path) -> UploadRow:
    """Send generated customers through the pages' own form.

    Parameters
    ----------
    rows
        Customers in the file.
    ports
        Of pages and scoring server.
    logs
        Folder for the servers' logs.
    """
    prepare(MlflowClient(), 1)
    pages, scoring = (f"http://127.0.0.1:{port}" for port in ports)
    with TemporaryDirectory() as folder:
        table = _table(rows, Path(folder) / "customers.csv")
        environment = {
            "SEGMENTATION_MODEL_NAME": NAME,
            "SEGMENTATION_SCORING_URL": scoring,
            "SEGMENTATION_INSTANCE": str(Path(folder) / "instance"),
            "SEGMENTATION_UPLOAD_MB": "1000",
        }
        with (
            running(_servers(pages, scoring, logs), logs, environment) as processes,
            memory_of(list(processes.values())) as peak,
        ):
            start = time.monotonic()
            looks = _send(pages, table)
            seconds = time.monotonic() - start
        size = table.stat().st_size / 1e6
        return UploadRow(rows, size, seconds, max(peak), len(looks), max(looks))


def _servers(pages: str, scoring: str, logs: Path) -> dict[str, Server]:
    python, port = sys.executable, scoring.rpartition(":")[2]
    bind = ("--bind", pages.removeprefix("http://"), "--workers", "1", "--threads", "4")
    return {
        "upload-scoring": Server(
            (python, "-m", "serve.gateway", "--port", port, "--logs", str(logs)), f"{scoring}/ping"
        ),
        "upload-pages": Server(
            (str(BIN / "gunicorn"), *bind, "--no-control-socket", "serve.app:create_app()"),
            f"{pages}/readyz",
        ),
        "upload-worker": Server((python, "-m", "serve.jobs.worker")),
    }


def _table(rows: int, path: Path) -> Path:
    """Write customers with as many digits as make 200 MB of a million."""
    for number, piece in enumerate(iter_generate(rows, seed=9)):
        money = [name for name in piece.columns if piece[name].dtype == float]
        piece[money] *= 1.000000123
        with path.open("a", encoding="utf-8") as stream:
            piece.to_csv(stream, header=not number, index=False, float_format="%.14g")
    return path


def _send(pages: str, table: Path) -> list[float]:
    """Send a file, wait for its result; return how long each look at the progress took."""
    looks = []
    with requests.Session() as session:
        match = TOKEN.search(session.get(f"{pages}/file", timeout=30).text)
        with table.open("rb") as stream:
            reply = session.post(
                f"{pages}/file",
                data={"csrf_token": match[1] if match else ""},
                files={"file": (table.name, stream)},
                allow_redirects=False,
                timeout=300,
            )
        address = pages + reply.headers["Location"]
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            start = time.monotonic()
            state = session.get(f"{address}/state", timeout=30).json()
            looks.append(time.monotonic() - start)
            if state["finished"]:
                break
            time.sleep(LOOK_SECONDS)
        if state["state"] != "done":
            raise RuntimeError(f"the file ended as {state['state']}")
    return looks
