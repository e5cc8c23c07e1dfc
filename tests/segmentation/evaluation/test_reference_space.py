"""The reference space and its neighbour graph."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import PowerTransformer, StandardScaler

from segmentation.errors import DataError, ModelFileError
from segmentation.evaluation.reference_space import NeighbourGraph, ReferenceSpace
from segmentation.types import FloatArray

COLUMNS = ("balance", "cash", "share", "months")


def skewed(rows: int = 400, seed: int = 0) -> FloatArray:
    """Return money, zero-inflated money with nulls, a 0-1 share and nearly constant months."""
    rng = np.random.default_rng(seed)
    cash = rng.lognormal(6, 1.5, rows) * (rng.random(rows) > 0.5)
    cash[rng.random(rows) < 0.05] = np.nan
    months = np.where(rng.random(rows) < 0.9, 12.0, rng.integers(6, 12, rows))
    return np.column_stack([rng.lognormal(7, 2, rows), cash, rng.beta(0.3, 0.3, rows), months])


def test_equals_scikit_learn_up_to_its_unit() -> None:
    """PowerTransformer on skewed columns in their typical unit, StandardScaler on the rest."""
    # Not the nearly constant months, whose unbounded best power is far out.
    matrix = skewed()[:, :3]
    matrix[np.isnan(matrix)] = 0.0
    sizes = np.where(matrix == 0, np.nan, np.abs(matrix))
    unit = np.nanquantile(sizes, 0.25, axis=0)
    expected = PowerTransformer().fit_transform(matrix / unit)
    expected[:, 2] = StandardScaler().fit_transform(matrix[:, 2:])[:, 0]
    transformed = ReferenceSpace(COLUMNS[:3]).fit_transform(matrix)
    assert np.allclose(transformed, expected, atol=1e-5)


@pytest.mark.parametrize("factor", [100.0, 0.01, 1e9, 1e-9])
def test_units_change_nothing(factor: float) -> None:
    """A column in cents, or in billions, gives the same coordinates."""
    matrix = skewed()
    rescaled = matrix * np.array([factor, 1.0, 1.0, factor])
    one, two = (ReferenceSpace(COLUMNS).fit_transform(m) for m in (matrix, rescaled))
    assert np.allclose(one, two, rtol=0, atol=1e-9)


def test_each_column_counts_alike() -> None:
    """Coordinates have mean 0 and variance 1, however heavy a column's tail."""
    coordinates = ReferenceSpace(COLUMNS).fit_transform(skewed())
    assert np.allclose(coordinates.mean(axis=0), 0, atol=1e-9)
    assert np.allclose(coordinates.std(axis=0), 1)


def test_missing_value_sits_at_the_median() -> None:
    """A null has the coordinate of the column's median."""
    matrix = skewed()
    space = ReferenceSpace(COLUMNS).fit(matrix)
    row = matrix[:1].copy()
    row[0, 1] = np.nan
    typical = row.copy()
    typical[0, 1] = np.nanmedian(matrix[:, 1])
    assert np.allclose(space.transform(row), space.transform(typical))


def test_column_names_decide_not_their_order() -> None:
    """A table with shuffled and additional columns gives the same coordinates."""
    table = pd.DataFrame(skewed(), columns=list(COLUMNS))
    space = ReferenceSpace(COLUMNS).fit(table)
    shuffled = table[["months", "cash", "balance", "share"]].assign(more=1.0)
    assert np.array_equal(space.transform(shuffled), space.transform(table))
    with pytest.raises(DataError, match="cash"):
        space.transform(table.drop(columns="cash"))


@given(st.integers(0, 399))
def test_row_alone_equals_row_in_batch(position: int) -> None:
    """Bit for bit: scoring one customer differs in nothing from scoring a file."""
    matrix = skewed()
    space = ReferenceSpace(COLUMNS).fit(matrix)
    alone = space.transform(matrix[position : position + 1])
    assert np.array_equal(alone[0], space.transform(matrix)[position])


@pytest.mark.parametrize(
    "column",
    [
        np.zeros(50),
        np.full(50, 7.3),
        np.full(50, np.nan),
        np.r_[np.zeros(49), 1e12],
        np.r_[np.full(49, 1e-300), 1.0],
        -np.geomspace(1, 1e15, 50),
    ],
    ids=["zeros", "constant", "missing", "one-huge", "tiny", "negative"],
)
def test_difficult_columns_stay_finite(column: FloatArray) -> None:
    """Constant, empty, enormous and negative columns give finite coordinates, no warning."""
    matrix = np.column_stack([column, np.arange(50.0)])
    space = ReferenceSpace(("a", "b")).fit(matrix)
    assert np.isfinite(space.transform(matrix)).all()
    absurd = space.transform(np.array([[1e300, -1e300], [np.nan, np.nan]]))
    assert np.isfinite(absurd).all()


def test_survives_a_file_without_pickle() -> None:
    """Saved as plain arrays and read back, it transforms alike bit for bit."""
    matrix = skewed()
    space = ReferenceSpace(COLUMNS).fit(matrix)
    file = io.BytesIO()
    np.savez(file, **space.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        again = ReferenceSpace.from_arrays(arrays)
    assert again.columns == COLUMNS
    assert np.array_equal(again.transform(matrix), space.transform(matrix))


def test_damaged_arrays_are_named() -> None:
    """A missing or misshapen array is refused by name."""
    arrays = ReferenceSpace(COLUMNS).fit(skewed()).to_arrays()
    with pytest.raises(ModelFileError, match="power"):
        ReferenceSpace.from_arrays({k: v for k, v in arrays.items() if k != "power"})
    with pytest.raises(ModelFileError, match="'spread' has shape"):
        ReferenceSpace.from_arrays({**arrays, "spread": arrays["spread"][:2]})


def test_neighbours_are_the_nearest_others() -> None:
    """The graph holds the ten smallest distances, never the customer itself."""
    matrix = np.random.default_rng(1).normal(size=(60, 3))
    distances = np.linalg.norm(matrix[:, None] - matrix[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    expected = np.argsort(distances, axis=1)[:, :10]
    assert np.array_equal(NeighbourGraph.of(matrix).indices, expected)


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_few_customers_have_fewer_neighbours(rows: int) -> None:
    """With at most ten customers, everybody else is a neighbour."""
    graph = NeighbourGraph.of(np.arange(float(rows))[:, None])
    assert graph.indices.shape == (rows, rows - 1)
    assert len(graph) == rows
