"""A real tracking store for the searches of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.search.options import SearchOptions
from tests.stores import tracking_store

OPTIONS = SearchOptions(
    data="embedded:600",
    schema="cc_general",
    n_trials=6,
    timeout=0.0,
    seed=0,
    k_min=3,
    k_max=5,
    k=0,
    algorithms="",
    fix="",
    n_jobs=1,
    trial_seconds=0.0,
    trial_gigabytes=0.0,
    experiment_name="test",
    model_name="test",
    sensitive=False,
    as_features="",
    new_study=False,
    storage="",
    begin_with="",
    smallest_share=0.05,
    largest_share=0.70,
    weights="",
)


@pytest.fixture(scope="package")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Work in a folder with a fresh tracking store."""
    folder = tmp_path_factory.mktemp("workplace")
    with tracking_store(folder):
        yield folder


@pytest.fixture
def client(workplace: Path) -> MlflowClient:
    """Return a client of the store."""
    return MlflowClient(f"sqlite:///{workplace / 'mlflow.db'}")
