"""Real stores in servers of their own: an MLflow tracking server, a PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve.demo import BIN
from serve.processes import Service, ServiceGroup
from tests.soak.searching import ROOT

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@contextmanager
def tracking_server(
    folder: Path, store: str, port: int, *more: str, **variables: str
) -> Iterator[None]:
    """Run an MLflow tracking server over a store until the block ends.

    `more` are further options of the server, `variables` of its environment.
    """
    environment = {**os.environ, **QUIET, "MLFLOW_TRACKING_URI": store}
    make = [sys.executable, "-m", "experiments.study.databases"]
    subprocess.run(make, env=environment, check=True, cwd=ROOT)
    command = (
        *(str(BIN / "mlflow"), "server", "--backend-store-uri", store),
        *("--artifacts-destination", str(folder / "artifacts"), "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port), *more),
    )
    with ServiceGroup(folder / "log", {**QUIET, **variables}) as group:
        group.start(Service("mlflow", command, f"http://127.0.0.1:{port}/health"))
        group.wait_until_ready(90)
        yield
