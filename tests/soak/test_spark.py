"""A large table scored on Spark."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.searching import ROOT


@pytest.mark.row("a large table scored on Spark, local[2], beside one process")
def test_spark_answers_as_one_process_does(
    tmp_path: Path, times: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    """Every column of every customer, to the last bit; the benchmark says so by its status."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: make spark")
    rows = times(20_000, 1_000_000)
    command = [sys.executable, "-m", "experiments.benchmark", "spark", "--rows", str(rows)]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    figure(ended.stdout.strip())
    assert ended.returncode == 0, ended.stderr[-2_000:]
    assert f"{rows:,} customers scored" in ended.stdout
