"""A fresh tracking store for tests that use MLflow in their own process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from experiments.study.databases import prepare_tracking


@contextmanager
def tracking_store(folder: Path) -> Iterator[MlflowClient]:
    """Work in a folder with a SQLite tracking store of its own; leave everything as it was."""
    before, here = dict(os.environ), Path.cwd()
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
    os.chdir(folder)
    try:
        prepare_tracking()
        yield MlflowClient()
    finally:
        os.chdir(here)
        # MLflow writes the active experiment into the environment, which must not leak to others.
        os.environ.clear()
        os.environ.update(before)
        mlflow.set_tracking_uri(None)
