"""Real stores in servers of their own: an MLflow tracking server, a PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from serve.demo import BIN
from serve.processes import Service, ServiceGroup
from tests.soak.searching import ROOT

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@contextmanager
def tracking_server(
    folder: Path, store: str, port: int, *more: str, artifacts: str = "", **variables: str
) -> Iterator[None]:
    """Run an MLflow tracking server over a store until the block ends.

    It hands artifacts on to `artifacts`, by default a folder. `more` are further options of the
    server, `variables` of its environment.
    """
    environment = {**os.environ, **QUIET, "MLFLOW_TRACKING_URI": store}
    make = [sys.executable, "-m", "experiments.study.databases"]
    subprocess.run(make, env=environment, check=True, cwd=ROOT)
    command = (
        *(str(BIN / "mlflow"), "server", "--backend-store-uri", store),
        *("--artifacts-destination", artifacts or str(folder / "artifacts"), "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port), *more),
    )
    with ServiceGroup(folder / "log", {**QUIET, **variables}) as group:
        group.start(Service("mlflow", command, f"http://127.0.0.1:{port}/health"))
        group.wait_until_ready(180)
        yield


@contextmanager
def object_store(folder: Path, port: int, bucket: str) -> Iterator[dict[str, str]]:
    """Run an object store that speaks S3, with an empty bucket, until the block ends.

    Yields the variables by which a tracking server reaches it.
    """
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port))
    with ServiceGroup(folder / "log") as group:
        group.start(Service("objects", command, f"{url}/moto-api/"))
        group.wait_until_ready(60)
        requests.put(f"{url}/{bucket}", timeout=30).raise_for_status()
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        yield {"MLFLOW_S3_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", **credentials}
