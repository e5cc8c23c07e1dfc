"""What tests of the running product share: one registered model for all of them."""

import pytest

from tests.soak.serving import Registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return a tracking store with a champion."""
    return Registry.made(tmp_path_factory.mktemp("registry"))
