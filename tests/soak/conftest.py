"""What tests of the running product share: one registered model for all of them."""

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from tests.serve.conftest import Scoring
from tests.soak.browsing import real_registry, scoring_server
from tests.soak.serving import Registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return a tracking store with a champion."""
    return Registry.made(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowClient]:
    """Return a registry with two versions."""
    with real_registry(tmp_path_factory.mktemp("registry"), 2) as client:
        yield client


@pytest.fixture
def scoring() -> Iterator[Scoring]:
    """Return a running scoring server."""
    with scoring_server() as server:
        yield server
