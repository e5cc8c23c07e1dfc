"""Groups are found where they are and nowhere else."""

from collections.abc import Callable
from math import isnan

import numpy as np
import pandas as pd
import pytest

from segmentation.data.synthetic import generate
from segmentation.data.validation import validate
from segmentation.evaluation.clusterability import Structure, structure_of
from segmentation.evaluation.clusterability.mixtures import mixture_gains, normal_scores
from segmentation.evaluation.clusterability.modes import two_peaks
from segmentation.evaluation.clusterability.null_tables import Cloud, Columns
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema import load_schema
from segmentation.schema.inference import infer_schema
from segmentation.types import FloatArray
from tests.segmentation.planted import SCHEMA, planted

SEEDS = range(2)
Random = np.random.Generator


def verdict(table: pd.DataFrame, seed: int = 0) -> Structure:
    """Return what a search says of a table without a schema of its own."""
    schema = infer_schema(table, "table")
    prepared = prepare_table(validate(table, schema, "table", to_train=True).customers, schema)
    return structure_of(prepared.customers, prepared.schema, seed)


def columns(points: FloatArray) -> pd.DataFrame:
    return pd.DataFrame(points).rename(columns="amount {}".format)


def gaussian(random: Random, rows: int = 700) -> FloatArray:
    # Strongly correlated: one direction varies a hundred times as much as another.
    return np.asarray(random.normal(size=(rows, 4)) @ random.normal(size=(4, 4)))


def beside(points: FloatArray, **more: object) -> pd.DataFrame:
    return columns(points).assign(**more)


def names(random: Random, levels: int) -> list[str]:
    return [f"level {code}" for code in random.integers(0, levels, 700)]


WITHOUT_GROUPS: dict[str, Callable[[Random], pd.DataFrame]] = {
    "one uniform column": lambda r: columns(np.round(1_000 * r.random((700, 1)))),
    "uniform": lambda r: columns(r.random((700, 6))),
    "uniform and flags": lambda r: beside(
        r.random((700, 3)),
        country=names(r, 3),
        has_card=r.integers(0, 2, 700),
        active=r.integers(0, 2, 700),
        products=r.integers(1, 5, 700),
    ),
    "one Gaussian": lambda r: columns(gaussian(r)),
    "Gaussian and a text": lambda r: beside(gaussian(r), colour=names(r, 3)),
    "Gaussian and three texts": lambda r: beside(
        gaussian(r), one=names(r, 2), two=names(r, 6), three=names(r, 10)
    ),
    "Gaussian and a flag": lambda r: beside(gaussian(r), has_card=r.integers(0, 2, 700)),
    "Gaussian and counts": lambda r: beside(gaussian(r), products=r.integers(1, 5, 700)),
    "Gaussian and ratings": lambda r: beside(gaussian(r), rating=r.integers(1, 11, 700)),
    "heavy tails": lambda r: columns(np.exp(2 * r.normal(size=(700, 4)))),
    "one cloud with far customers": lambda r: columns(
        gaussian(r) / np.sqrt(r.chisquare(3, 700) / 3)[:, None]
    ),
    "many zeros": lambda r: columns(np.maximum(0, np.round(gaussian(r), 2))),
    "permuted": lambda r: columns(
        r.permuted(generate(700, 3).drop(columns="CUST_ID").to_numpy(), axis=0)
    ),
    "names alone": lambda r: pd.DataFrame({f"n{j}": names(r, 4) for j in range(3)}),
}


@pytest.mark.parametrize("kind", WITHOUT_GROUPS)
def test_tables_without_groups_have_no_structure(kind: str) -> None:
    """Columns of every kind that go together as in one cloud, or not at all."""
    structure = verdict(WITHOUT_GROUPS[kind](np.random.default_rng(5)))
    assert not structure.present, structure.evidence
    assert structure.answer == "no"
    assert structure.sentence.startswith("No structure: these data look like one cloud")


def shoppers(random: Random) -> pd.DataFrame:
    """Return 200 shoppers: income by spending has four corners and a middle; age says nothing."""
    centres = np.array([[26, 20], [26, 80], [55, 50], [88, 18], [87, 82]])
    points = centres[random.choice(5, 200, p=[0.12, 0.11, 0.4, 0.18, 0.19])]
    points = points + random.normal(size=(200, 2)) * [9, 8]
    age = random.integers(18, 71, 200)
    return pd.DataFrame({"income": points[:, 0], "spending": points[:, 1], "age": age}).round()


def rings(random: Random) -> pd.DataFrame:
    angle, radius = 2 * np.pi * random.random(400), random.choice([0.4, 1.0], 400)
    points = np.column_stack([np.cos(angle), np.sin(angle)]) * radius[:, None]
    return columns(points + 0.05 * random.normal(size=(400, 2)))


def stripes(random: Random) -> pd.DataFrame:
    points = random.normal(size=(400, 2)) * [3, 0.3]
    points[:, 1] += 2 * random.integers(0, 2, 400)
    return columns(points @ np.array([[1, 1], [-1, 1]]))


def joint_names(random: Random) -> pd.DataFrame:
    group = random.integers(0, 3, 400)
    noise = random.random((4, 400)) < 0.2
    codes = [np.where(noise[j], random.integers(0, 3, 400), (group + j) % 3) for j in range(4)]
    return pd.DataFrame({f"n{j}": [f"level {c}" for c in column] for j, column in enumerate(codes)})


WITH_GROUPS: dict[str, Callable[[Random], pd.DataFrame]] = {
    "shoppers": shoppers,
    "shoppers by two columns": lambda r: shoppers(r).drop(columns="age"),
    "rings": rings,
    "stripes": stripes,
    "four corners": lambda r: columns(6 * r.integers(0, 2, (400, 2)) + r.normal(size=(400, 2))),
    "names that go together": joint_names,
    "card holders": lambda r: generate(700, int(r.integers(9)), "hard").drop(columns="CUST_ID"),
}


@pytest.mark.parametrize("kind", WITH_GROUPS)
def test_groups_are_structure(kind: str) -> None:
    """Whatever sets them apart: amounts, shapes, one column, or names that go together."""
    structure = verdict(WITH_GROUPS[kind](np.random.default_rng(6)))
    assert structure.present, structure.evidence
    assert structure.answer == "yes"
    assert structure.sentence.startswith("There is structure")


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_segments_are_structure(seed: int) -> None:
    """Generated card holders, and four groups of few customers far apart."""
    schema = load_schema("cc_general")
    assert structure_of(generate(700, seed), schema, seed).present
    assert structure_of(planted(300, seed)[0], SCHEMA, seed).present


def test_order_and_units_do_not_matter() -> None:
    """Shuffled rows and other units give the same verdict from the same numbers."""
    customers = planted(400)[0]
    shuffled = customers.sample(frac=1, random_state=1) * [100, 0.01, 1, 7, 1, 12]
    one, two = structure_of(customers, SCHEMA), structure_of(shuffled, SCHEMA)
    assert one.present == two.present
    assert one.z == pytest.approx(two.z, rel=1e-6)
    assert one.p == pytest.approx(two.p, rel=1e-6)


def test_a_sentence_says_what_was_compared() -> None:
    """The z, p and null tables are in the words; a bound is given for a very small p."""
    joint = Structure(2_000, 14.04, 1e-7, 19, "", float("nan"), 1.0)
    assert joint.p == 2e-7
    assert "19 tables without groups that have the same values in every column" in joint.sentence
    assert "(z 14.0, p < 0.001)" in joint.sentence
    peaks = Structure(300, 0.4, 0.6, 7, "Income", 11.9, 1e-5)
    assert peaks.sentence == (
        "There is structure: Income has two peaks, 11.9 standard deviations beyond columns with "
        "one (p < 0.001)."
    )
    neither = Structure(300, 0.4, 0.6, 7, "", float("nan"), 1.0)
    assert "no column has two peaks (z 0.4, p 1.00)" in neither.sentence
    near = Structure(300, 3.1, 0.014, 19, "", float("nan"), 1.0)
    assert "no more than chance allows at a level of 1% in 19 tables" in near.sentence
    assert near.sentence.count("p 0.028") == 1
    alone = Structure(300, float("nan"), 1.0, 0, "", float("nan"), 1.0)
    assert "As far as 300 rows tell, no column has two peaks (p 1.00)." in alone.sentence


def test_a_table_too_small_to_judge_is_no_error() -> None:
    """Three customers say nothing, and the sentence says how many would."""
    structure = structure_of(planted(3)[0], SCHEMA)
    assert (structure.present, structure.answer) == (False, "unknown")
    assert "3 rows, at least 30 needed" in structure.sentence


def test_a_table_of_constants_is_no_error() -> None:
    """Nothing varies: no structure."""
    table = pd.DataFrame(np.ones((50, len(SCHEMA.columns))), columns=list(SCHEMA.column_names))
    structure = structure_of(table, SCHEMA)
    assert not structure.present
    assert isnan(structure.z)


def test_missing_values_make_no_groups() -> None:
    """Values missing at random, in half of the customers, are no structure."""
    random = np.random.default_rng(7)
    table = columns(gaussian(random))
    table = table.mask(random.random(table.shape) < 0.5)
    assert not verdict(table).present


def test_two_peaks_of_one_column() -> None:
    """A gap in the middle of a column is seen; whole numbers and zeros are no peaks."""
    random = np.random.default_rng(0)
    apart = np.r_[random.normal(0, 1, 300), random.normal(5, 1, 300)]
    assert two_peaks(apart, random) > 6
    assert two_peaks(np.round(apart, 1), random) > 6
    one = random.normal(size=600)
    assert two_peaks(one, random) == -np.inf
    assert two_peaks(np.where(one < 0, 0.0, np.exp(3 * one)), random) == -np.inf
    assert two_peaks(random.integers(0, 5, 600).astype(np.float64), random) == -np.inf


def test_null_tables_keep_values_and_correlations() -> None:
    """Every column has its own values, zeros included; columns agree as they did."""
    random = np.random.default_rng(2)
    points = (
        random.normal(size=(1_500, 3))
        @ np.linalg.cholesky([[1, 0.8, 0.5], [0.8, 1, 0.3], [0.5, 0.3, 1]]).T
    )
    table = Columns(np.where(points < 0, 0.0, np.exp(points)), ())
    cloud = Cloud.of(table, random)
    drawn = cloud.draw(random).values
    assert np.array_equal(np.sort(drawn, axis=0), np.sort(table.values, axis=0))
    rows = [normal_scores(values, random) for values in (table.values, drawn)]
    assert np.allclose(np.corrcoef(rows[0].T), np.corrcoef(rows[1].T), atol=0.1)


def test_names_that_go_together_do_not_in_null_tables() -> None:
    """Two equal columns of names: null tables deal them out independently."""
    random = np.random.default_rng(3)
    codes = random.integers(0, 4, 800).astype(np.float64)
    table = Columns(np.column_stack([codes, codes]), (0, 1))
    drawn = Cloud.of(table.in_order(random), random).draw(random).values
    assert (drawn[:, 0] == drawn[:, 1]).mean() < 0.35


def test_a_mixture_gains_on_groups_only() -> None:
    """Three clouds are a mixture; correlation alone gains next to nothing."""
    random = np.random.default_rng(1)
    one = random.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 1_500)
    three = one + 6 * random.integers(0, 3, 1_500)[:, None] * [1, -1]
    assert mixture_gains(normal_scores(one, random), random).max() < 0.05
    assert mixture_gains(normal_scores(three, random), random).max() > 0.5
