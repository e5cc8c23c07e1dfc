"""Groups are found where they are and nowhere else."""

from math import isnan

import numpy as np
import pandas as pd
import pytest

from segmentation.data.synthetic import generate
from segmentation.evaluation.clusterability import (
    MIXTURE_Z,
    TWO_MODES,
    mixture_z,
    structure_of,
    structureless,
    two_modes,
)
from segmentation.schema import load_schema
from segmentation.schema.inference import infer_schema
from tests.segmentation.planted import SCHEMA, planted

SEEDS = range(2)


def noise(kind: str, seed: int) -> pd.DataFrame:
    """Return a table without groups: uniform, Gaussian, or card holders' columns permuted."""
    rng = np.random.default_rng(seed)
    if kind == "permuted":
        customers = generate(700, seed).drop(columns="CUST_ID").to_numpy()
        return pd.DataFrame(rng.permuted(customers, axis=0), columns=names())
    if kind == "uniform":
        points = rng.uniform(size=(700, 6))
    else:
        # Strongly correlated: one direction varies a hundred times as much as another.
        points = rng.normal(size=(700, 6)) @ rng.normal(size=(6, 6))
    return pd.DataFrame(points, columns=[f"x{i}" for i in range(6)])


def names() -> list[str]:
    return list(load_schema("cc_general").column_names)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["uniform", "gaussian", "permuted"])
def test_tables_without_groups_have_no_structure(kind: str, seed: int) -> None:
    """Uniform noise, one Gaussian, and columns that have nothing to do with each other."""
    table = noise(kind, seed)
    structure = structure_of(table, infer_schema(table, "noise"), seed)
    assert not structure.present
    assert structure.sentence.startswith("No structure: these data look like one cloud")


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_segments_are_structure(seed: int) -> None:
    """Generated card holders, and four groups of few customers far apart."""
    schema = load_schema("cc_general")
    assert structure_of(generate(700, seed), schema, seed).present
    structure = structure_of(planted(300, seed)[0], SCHEMA, seed)
    assert structure.present
    assert structure.sentence.startswith("There is structure")


def test_order_and_units_do_not_matter() -> None:
    """Shuffled rows and other units give the same verdict from the same numbers."""
    customers = planted(400)[0]
    shuffled = customers.sample(frac=1, random_state=1) * [100, 0.01, 1, 7, 1, 12]
    one, two = structure_of(customers, SCHEMA), structure_of(shuffled, SCHEMA)
    assert one.present == two.present
    assert one.mixture_z == pytest.approx(two.mixture_z, rel=1e-6)


def test_two_modes_of_one_column_count() -> None:
    """A gap in the middle of a column is seen; whole numbers have no gaps that count."""
    rng = np.random.default_rng(0)
    apart = np.r_[rng.normal(0, 1, 300), rng.normal(7, 1, 300)]
    assert two_modes(apart[:, None]) > 0.75
    assert two_modes(rng.normal(size=(600, 1))) < 0.75
    assert two_modes(rng.integers(0, 5, (600, 1)).astype(np.float64)) == 0.0


def test_dependence_alone_is_no_mixture() -> None:
    """Correlated columns are one cloud still; three clouds are a mixture."""
    rng = np.random.default_rng(1)
    one = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 1500)
    assert mixture_z(one) < 4
    three = one + 6 * rng.integers(0, 3, 1500)[:, None] * [1, -1]
    assert mixture_z(three) > 20


def test_a_table_too_small_to_split_is_no_error() -> None:
    """Three customers say nothing."""
    table = planted(3)[0]
    assert not structure_of(table, SCHEMA).present


def test_structureless_tables_keep_what_they_should() -> None:
    """Permuted columns keep their values; the Gaussian keeps the covariance."""
    rng = np.random.default_rng(2)
    points = rng.normal(size=(4000, 2)) @ [[1, 0.8], [0, 0.6]]
    one, other, gaussian = structureless(points, seed=0)
    for table in (one, other):
        assert np.array_equal(np.sort(table, axis=0), np.sort(points, axis=0))
        assert abs(np.corrcoef(table.T)[0, 1]) < 0.05
    assert np.allclose(np.cov(gaussian.T), np.cov(points.T), atol=0.1)


def test_two_modes_alone_decide() -> None:
    """A column with two modes is structure, also where no mixture predicts better."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(120, 6)), columns=[f"x{i}" for i in range(6)])
    table["x0"] += np.where(np.arange(120) < 60, 0.0, 5.0)
    verdict = structure_of(table, infer_schema(table, "modes"))
    assert verdict.mixture_z < MIXTURE_Z
    assert TWO_MODES < verdict.two_modes < 2 * TWO_MODES
    assert verdict.present
    assert isnan(verdict.gap)
