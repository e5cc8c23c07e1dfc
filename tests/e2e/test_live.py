"""The champion moves, crashes and breaks while customers are scored; nobody notices."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
import requests
from mlflow.models import container

from experiments.benchmark.races import NAME, prepare
from experiments.benchmark.servers import until
from experiments.registry.client import EXAMPLE, servable
from experiments.study.worker_pool import ROOT
from segmentation.errors import ModelFileError
from serve.demo import BIN
from serve.gateway.backend import Backend
from serve.gateway.joining import Request
from serve.processes import free_port
from tests.stores import tracking_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """Work with a fresh store, for this process and those it starts."""
    with tracking_store(tmp_path):
        yield tmp_path


def test_products_started_at_once_answer_each_with_its_own_model(store: Path) -> None:
    """Gateways of different models start together; each answers as its own model does."""
    names = [f"product-{segments}" for segments in (3, 4)]
    bodies, expected = {}, {}
    for segments, name in enumerate(names, start=3):
        prepare(mlflow.MlflowClient(), 1, name, segments)
        with servable(name, "1") as folder:
            bodies[name] = (folder / EXAMPLE).read_text(encoding="utf-8")
            model = mlflow.pyfunc.load_model(str(folder))
            expected[name] = model.predict(model.input_example).to_dict("records")
    ports = {name: free_port(18410 + place) for place, name in enumerate(names)}
    with ExitStack() as gateways:
        for name in names:
            gateways.enter_context(gateway(name, ports[name], store))
        for name in names:
            reply = post_when_up(f"http://127.0.0.1:{ports[name]}/invocations", bodies[name])
            assert reply.json()["predictions"] == expected[name]
    assert len({str(answers) for answers in expected.values()}) == len(names)


def test_the_challenger_asked_while_the_champion_starts_answers_itself(store: Path) -> None:
    """Both servers start at the same moment; each answers with its own version."""
    prepare(mlflow.MlflowClient(), 2)
    with servable(NAME, "1") as folder:
        body = (folder / EXAMPLE).read_text(encoding="utf-8")
    url = f"http://127.0.0.1:{(port := free_port(18400))}"
    paths = {"/invocations": "1", "/challenger/invocations": "2"}
    with gateway(NAME, port, store), ThreadPoolExecutor() as pool:
        replies = list(pool.map(lambda path: post_when_up(url + path, body), paths))
        for reply, version in zip(replies, paths.values(), strict=True):
            assert {row["model_version"] for row in reply.json()["predictions"]} == {version}
        # As one who asks for what is not to be written down.
        odd = {"Content-Type": "text/canary", "X-Request-ID": "canary canary"}
        refused = requests.request(
            "PURGE", f"{url}/invocations?canary", data="canary", headers=odd, timeout=60
        )
        named = requests.post(f"{url}/invocations", headers={"X-Request-ID": "my-id.1"}, timeout=60)
    assert [refused.status_code, named.status_code] == [405, 415]
    assert len(refused.headers["X-Request-ID"]) == 32
    lines = events(store, NAME)
    assert "canary" not in str(lines).lower()
    requested = {line["request_id"]: line for line in lines if line["event"] == "request"}
    for (path, version), reply in zip(paths.items(), replies, strict=True):
        line = requested[reply.headers["X-Request-ID"]]
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
        assert (line["path"], line["version"], line["status"]) == (path, version, 200)
        assert (line["body_bytes"], line["answer_bytes"]) == (len(body), len(reply.content))
        assert 0 < line["milliseconds"] < 180_000
    assert requested[refused.headers["X-Request-ID"]]["method"] == "other"
    assert requested["my-id.1"]["status"] == 415
    moves = {(x["event"], x["alias"], x["version"]) for x in lines if x["event"] != "request"}
    assert {("started", "champion", "1"), ("started", "challenger", "2")} <= moves
    assert {("drained", "champion", "1"), ("drained", "challenger", "2")} <= moves


@contextmanager
def gateway(name: str, port: int, store: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the gateway of a model until the block ends; its log is for :func:`events`."""
    command = [sys.executable, "-m", "serve.gateway", "--port", str(port)]
    command += ["--model-name", name, "--logs", str(store / "log" / name)]
    with (
        (store / f"{name}.jsonl").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def events(store: Path, name: str) -> list[dict[str, Any]]:
    """Return the lines of a gateway's log."""
    log = (store / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in log.splitlines()]


def post_when_up(url: str, body: str) -> requests.Response:
    """Send customers until they are answered."""
    headers = {"Content-Type": "application/json"}
    deadline = time.monotonic() + 180
    while True:
        try:
            reply = requests.post(url, data=body, headers=headers, timeout=60)
            if reply.ok:
                return reply
        except requests.ConnectionError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_front_stopped_while_a_version_starts_leaves_no_server(store: Path) -> None:
    """Ended before the first answer, it ends the scoring server that was coming up too."""
    prepare(mlflow.MlflowClient(), 1)
    command = [sys.executable, "-m", "serve.gateway", "--port", str(free_port(18400))]
    command += ["--model-name", NAME, "--logs", str(store / "log")]
    with subprocess.Popen(command, cwd=ROOT) as front:
        until(lambda: bool(psutil.Process(front.pid).children(recursive=True)), 60)
        below = psutil.Process(front.pid).children(recursive=True)
        front.terminate()
        assert front.wait(60) in (0, -signal.SIGTERM)
        _, left = psutil.wait_procs(below, 10)
    assert left == []


def test_what_is_served_is_what_was_checked(store: Path) -> None:
    """Files changed after the check are not looked at; those served are nobody else's to change."""
    prepare(mlflow.MlflowClient(), 1)
    stored = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/1"))
    (arrays,) = stored.rglob("arrays.npz")
    late = store / "mlflow"
    late.write_text(f'#!/bin/sh\nprintf damaged > "{arrays}"\nexec "{BIN / "mlflow"}" "$@"\n')
    late.chmod(0o700)
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    backend = Backend(str(late), NAME, "1", store / "log", path)
    others = {*psutil.Process().children()}
    backend.start()
    try:
        assert arrays.read_bytes() == b"damaged"
        (server,) = {*psutil.Process().children()} - others
        command = server.cmdline()
        folder = Path(command[command.index("--model-uri") + 1])
        assert folder.parent.stat().st_mode & 0o077 == 0
        (worker,) = backend.workers
        assert worker.socket is not None
        assert worker.socket.parent.stat().st_mode & 0o077 == 0
        assert not {c.laddr for c in server.net_connections("tcp") if c.status == "LISTEN"}
        joined = backend.joiner.join([Request(backend.example.encode())])
        _, content = worker.ask(joined.request)
        split = backend.joiner.split(content, joined)
        assert split is not None
        answer = json.loads(split.replies[0].content)
        assert {row["model_version"] for row in answer["predictions"]} == {"1"}
    finally:
        backend.stop()
    assert not folder.parent.exists()
    with pytest.raises(ModelFileError, match=r"arrays\.npz"):
        backend.start()


def test_a_container_is_built_of_the_registered_files(store: Path) -> None:
    """The Dockerfile copies every file as it was registered; its base image stands there once."""
    prepare(mlflow.MlflowClient(), 1)
    command = [str(BIN / "mlflow"), "models", "generate-dockerfile", "--env-manager", "local"]
    subprocess.run([*command, "-m", f"models:/{NAME}/1", "-d", "image"], cwd=store, check=True)
    lines = (store / "image" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (base,) = (line for line in lines if line.startswith("FROM "))
    assert base == f"FROM python:{platform.python_version()}-slim"
    (copy,) = (line.split() for line in lines if line.startswith("COPY "))
    assert copy[2] == container.MODEL_PATH
    (call,) = (line for line in lines if line.startswith("ENTRYPOINT "))
    assert json.loads(call.removeprefix("ENTRYPOINT "))[-1].endswith("C._serve('local')")
    copied = store / "image" / copy[1]
    with servable(NAME, "1") as folder:
        files = {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
        for file in files:
            assert (copied / file).read_bytes() == (folder / file).read_bytes()
    assert Path("MLmodel") in files
