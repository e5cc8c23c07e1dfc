"""The product as `make serve` runs it, over a small registered model, to be disturbed."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import requests

from experiments.benchmark.races import NAME
from serve.demo import BIN, Addresses, form_values, pages_service, worker_service
from serve.processes import Service, ServiceGroup, free_port
from tests.soak.searching import ROOT

START_SECONDS = 120.0
PREPARE = """
from mlflow import MlflowClient
from experiments.benchmark.races import prepare
from experiments.study.databases import prepare_tracking, quiet
quiet(); prepare_tracking(); prepare(MlflowClient(), 1)
"""
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Registry:
    """A tracking store with one registered version, the champion."""

    uri: str

    @classmethod
    def made(cls, folder: Path) -> "Registry":
        """Make one in a process of its own: MLflow keeps settings for a whole process."""
        registry = cls(f"sqlite:///{folder / 'mlflow.db'}")
        environment = {**os.environ, **registry.environment}
        command = [sys.executable, "-c", PREPARE]
        subprocess.run(command, cwd=folder, env=environment, check=True)
        return registry

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the product is told."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "OMP_NUM_THREADS": "1",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "SEGMENTATION_MODEL_NAME": NAME,
        }


@dataclass(frozen=True)
class Product:
    """A running product: addresses, the folder of its logs and files, its processes."""

    pages: str
    scoring: str
    folder: Path
    group: ServiceGroup
    services: tuple[Service, ...]

    def pid(self, name: str) -> int:
        """Return the process id of a service."""
        place = [service.name for service in self.services].index(name)
        return self.group.process_ids[place]

    def again(self, name: str) -> None:
        """Start a service again that has ended."""
        self.group.start(next(s for s in self.services if s.name == name))

    def logs(self) -> str:
        """Return everything that any process has written into a log."""
        files = sorted((self.folder / "log").glob("*"))
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


def scoring_alone(url: str) -> Service:
    """Return MLflow's own scoring server, without the front before it."""
    model = ("--model-uri", f"models:/{NAME}/1", "--env-manager", "local")
    where = ("--host", "127.0.0.1", "--port", url.rpartition(":")[2])
    command = (str(BIN / "mlflow"), "models", "serve", *model, *where)
    return Service("scoring", command, f"{url}/ping")


def front(url: str, folder: Path) -> Service:
    """Return the front that starts scoring servers by itself."""
    where = ("--port", url.rpartition(":")[2], "--logs", str(folder / "log"))
    return Service("front", (sys.executable, "-m", "serve.gateway", *where), f"{url}/ping")


@contextmanager
def product(
    registry: Registry, folder: Path, scoring: str, services: Sequence[Service], **more: str
) -> Iterator[Product]:
    """Run pages, worker and what else is given, until the block ends.

    `scoring` is the address the pages ask; `more` is added to the environment.
    """
    pages = f"http://127.0.0.1:{free_port(18600)}"
    every = (*services, pages_service(Addresses(pages, "", scoring)), worker_service())
    environment = {
        **registry.environment,
        "SEGMENTATION_SCORING_URL": scoring,
        "SEGMENTATION_UPLOAD_FILES": "1000",
        "SEGMENTATION_UPLOAD_WAITING": "1000",
        "SEGMENTATION_INSTANCE": str(folder / "instance"),
        **more,
    }
    with ServiceGroup(folder / "log", environment) as group:
        for service in every:
            group.start(service)
        group.wait_until_ready(START_SECONDS)
        yield Product(pages, scoring, folder, group, every)


class Person:
    """A browser without scripts."""

    def __init__(self, pages: str) -> None:
        self.pages = pages
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, seconds: float = 30) -> tuple[requests.Response, float]:
        """Return a page and how long it took."""
        begun = time.monotonic()
        reply = self.session.get(self.pages + path, timeout=seconds)
        return reply, time.monotonic() - begun

    def ask(self, seconds: float = 30, **changes: str) -> tuple[requests.Response, float]:
        """Send the customer form, with changes, as the first example fills it."""
        page = self.get("/customer")[0].text
        (first, *_) = re.findall(r'href="(/customer\?example=[^"]+)"', page)
        filled = form_values(self.get(unescape(first))[0].text)
        return self.post("/customer", {**filled, **changes}, seconds)

    def post(
        self, path: str, data: dict[str, str], seconds: float = 30
    ) -> tuple[requests.Response, float]:
        """Send a form; return the page and how long it took."""
        begun = time.monotonic()
        reply = self.session.post(self.pages + path, data=data, timeout=seconds)
        return reply, time.monotonic() - begun

    def token(self) -> str:
        """Return the token every form of this session carries."""
        match = TOKEN.search(self.get("/file")[0].text)
        assert match is not None
        return unescape(match[1])
