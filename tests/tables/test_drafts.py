"""What is drafted for each table from its file alone: roles, kinds, orders, what is said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.tables.__main__ import SHAPES
from tests.tables.shape import Shape


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the tables."""
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(params=SHAPES, ids=lambda shape: shape.name)
def shape(request: pytest.FixtureRequest) -> Shape:
    """Return each table in turn."""
    chosen: Shape = request.param
    return chosen


def test_the_truth_is_what_was_made(shape: Shape, folder: Path) -> None:
    """Read by hand, the file gives the values that were made: figures can be checked against it."""
    made, _ = shape.make()
    read = shape.read(shape.written(folder))
    assert [*read] == [*made]
    assert len(read) == len(made)
    for name in shape.kinds:
        numbers = pd.to_numeric(read[name], errors="coerce")
        if read[name].dtype.kind in "iuf":
            clean = made[name].astype(str).str.replace(r"[$,%]", "", regex=True)
            expected = pd.to_numeric(clean.replace(" ", "nan"), errors="coerce")
            assert numbers.round(6).equals(expected.astype(numbers.dtype).round(6)), name
        else:
            blank = made[name].isna() | made[name].isin(shape.missing)
            assert read[name].isna().equals(blank), name
            assert (read[name] == made[name])[~blank].all(), name
