"""Fixtures for every room: the public tables, where they are at hand."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the public tables; without it the test is skipped."""
    folder = Path(os.environ.get("SEGMENTATION_DATA_DIR", ROOT.parent / "shared" / "data"))
    if not (folder / "CC GENERAL.csv").is_file():
        pytest.skip(f"CC GENERAL.csv is not in {folder}: name its folder in SEGMENTATION_DATA_DIR")
    return folder
