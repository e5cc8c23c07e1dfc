"""The whole product, really running: search, MLflow server, scoring server, pages, browser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from serve.demo import BIN, MODEL, Addresses, services
from serve.processes import ServiceGroup, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
]
# A page that is slow because other tests use the machine is no page that is wrong.
expect.set_options(timeout=20_000)
SEARCH = ("-P", "data=embedded:1500", "-P", "n_trials=8", "-P", "k_max=6")


@dataclass(frozen=True)
class Product:
    """A running product."""

    addresses: Addresses
    tracking_uri: str
    logs: Path
    search_output: str
    group: ServiceGroup


def search(tracking: str, folder: Path, parameters: Sequence[str]) -> str:
    """Run a search, or another entry point, through MLproject; return what it printed."""
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": tracking,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    command = [BIN / "mlflow", "run", ROOT, "--env-manager", "local", "--experiment-name", MODEL]
    done = subprocess.run(
        [*command, *parameters],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@contextmanager
def running(
    folder: Path, parameters: Sequence[str], ports: tuple[int, int, int], scored: str = ""
) -> Iterator[Product]:
    """Run a search through MLproject, then serve its champion, with lists of a scored table."""
    tracking = f"sqlite:///{folder / 'mlflow.db'}"
    addresses = Addresses(*(f"http://127.0.0.1:{free_port(port)}" for port in ports))
    environment = {
        "MLFLOW_TRACKING_URI": tracking,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "SEGMENTATION_SCORING_URL": addresses.scoring,
        "SEGMENTATION_UPLOAD_FILES": "1000",
        "SEGMENTATION_SCORED": scored,
        "SEGMENTATION_MLFLOW_URL": addresses.mlflow,
        "SEGMENTATION_INSTANCE": str(folder / "instance"),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    everything = {**os.environ, **environment}
    prepare = [sys.executable, "-m", "experiments.study.databases"]
    subprocess.run(prepare, env=everything, check=True, cwd=ROOT)
    output = search(tracking, folder, parameters)
    with ServiceGroup(folder / "log", environment) as group:
        for service in services(addresses, tracking):
            group.start(service)
        group.wait_until_ready(120)
        yield Product(addresses, tracking, folder / "log", output, group)


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Return the product with a small search of the embedded data."""
    ports = (18000, 15000, 15001)
    with running(tmp_path_factory.mktemp("product"), SEARCH, ports) as product:
        yield product


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Return headless Chromium; without it the test is skipped, which CI does not allow."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()
