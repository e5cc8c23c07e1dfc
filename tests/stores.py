"""A fresh tracking store for tests that use MLflow in their own process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from experiments.study.databases import prepare_tracking


@contextmanager
def tracking_store(folder: Path, uri: str = "") -> Iterator[MlflowClient]:
    """Work in a folder with a tracking store, SQLite there or another; leave all as it was."""
    before, here, paths = dict(os.environ), Path.cwd(), list(sys.path)
    os.environ["MLFLOW_TRACKING_URI"] = uri or f"sqlite:///{folder / 'mlflow.db'}"
    os.chdir(folder)
    try:
        prepare_tracking()
        yield MlflowClient()
    finally:
        os.chdir(here)
        # The code that travels with a model, which MLflow puts first, is not all of ours.
        sys.path[:] = paths
        mlflow.set_tracking_uri(None)
        # MLflow writes its address and the active experiment into the environment, and takes them
        # out: neither may leak to others.
        os.environ.clear()
        os.environ.update(before)


def files_with(folder: Path, *texts: str) -> list[str]:
    """Return the files below a folder that hold one of these texts.

    Another process reads them: one that opens a database's file by itself, and closes it, takes
    away the locks of its own connections.
    """
    patterns = [part for text in texts for part in ("-e", text)]
    command = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--text"]
    ended = subprocess.run(
        [*command, *patterns, str(folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode in {0, 1}, ended.stderr
    return ended.stdout.splitlines()
