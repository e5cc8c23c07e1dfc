"""Properties that hold for any customers, found by hypothesis where they do not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import CHOICES, Preprocessing, SegmenterSpec
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.cache import canonical_order
from segmentation.types import FloatArray
from tests.segmentation.planted import EVALUATION, SCHEMA, planted, spec

WIDTH = len(SCHEMA.columns)
MODELS = ("k_means", "gaussian_full", "ward")
RULES = {"k_means": "prototype", "gaussian_full": "gaussian", "ward": "neighbours"}

value = st.one_of(
    st.just(np.nan),
    st.just(0.0),
    st.floats(0, 1),
    st.floats(0, 1e5),
    st.floats(-1e300, 1e300),
)
customers = arrays(np.float64, st.tuples(st.integers(1, 9), st.just(WIDTH)), elements=value)
preprocessings = st.builds(
    Preprocessing,
    **{name: st.sampled_from(choices) for name, choices in CHOICES.items()},
    variance=st.sampled_from([None, 0.8]),
)
quick = settings(max_examples=60, deadline=None, derandomize=True)
costly = settings(max_examples=20, deadline=None, derandomize=True)


@cache
def model(name: str) -> SegmentationModel:
    """Return a model of the planted book."""
    table, _ = planted(400)
    segmenter = Segmenter(spec(name, RULES[name], n_clusters=4), SCHEMA).fit(table)
    return SegmentationModel.build(segmenter, table, EVALUATION, seed=0)


@pytest.mark.parametrize("name", MODELS)
@given(rows=customers)
@quick
def test_any_customer_alone_scores_as_in_a_batch(name: str, rows: FloatArray) -> None:
    """Whatever the values, the answer for a row does not depend on its neighbours."""
    batch = model(name).score(rows)
    alone = pd.concat([model(name).score(row[None]) for row in rows], ignore_index=True)
    pd.testing.assert_frame_equal(alone, batch, check_exact=True)


@pytest.mark.parametrize("name", MODELS)
@given(rows=customers)
@quick
def test_any_customer_gets_a_valid_answer(name: str, rows: FloatArray) -> None:
    """The segment is the most probable, the runner-up comes second, all together make 1."""
    answer = model(name).score(rows)
    assert answer["segment"].between(1, 4).all()
    assert answer["runner_up"].between(1, 4).all()
    assert (answer["segment"] != answer["runner_up"]).all()
    assert answer["confidence"].between(0, 1).all()
    memberships = pd.DataFrame(answer["memberships"].tolist())
    assert memberships.shape == (len(answer), 4)
    assert np.allclose(memberships.sum(axis=1), 1.0)
    own, others = (
        [row[str(number)] for row, number in zip(answer["memberships"], answer[name], strict=True)]
        for name in ("segment", "runner_up")
    )
    assert own == answer["confidence"].tolist()
    assert np.allclose(memberships.max(axis=1), own)
    second = np.sort(memberships.to_numpy(), axis=1)[:, -2]
    assert np.allclose(second, others)


@given(preprocessing=preprocessings, seed=st.integers(0, 5))
@costly
def test_shuffled_rows_give_the_same_partition(preprocessing: Preprocessing, seed: int) -> None:
    """For any preprocessing the order of the file leaves no trace."""
    table, _ = planted(150, seed=seed)
    made = SegmenterSpec("planted", preprocessing, "k_means", {"n_clusters": 3}, seed=seed)
    turned = table.iloc[::-1]
    one = Segmenter(made, SCHEMA).fit(table).assignment_
    two = Segmenter(made, SCHEMA).fit(turned).assignment_
    assert np.array_equal(one.segment, two.segment[::-1])
    assert np.array_equal(one.margins, two.margins[::-1])


@given(preprocessing=preprocessings, column=st.integers(0, 3), power=st.integers(-8, 8))
@costly
def test_rescaled_unit_gives_the_same_segments(
    preprocessing: Preprocessing, column: int, power: int
) -> None:
    """A money column in any other unit leaves every customer where it was.

    Units here are powers of two, which are exact in floating point: the test then demands
    identical segments, not nearly all of them.
    """
    table, _ = planted(150)
    name = SCHEMA.column_names[column]
    other = table.assign(**{name: table[name] * 2.0**power})
    made = SegmenterSpec("planted", preprocessing, "k_means", {"n_clusters": 3}, seed=1)
    one = Segmenter(made, SCHEMA).fit(table).assignment_.segment
    two = Segmenter(made, SCHEMA).fit(other).assignment_.segment
    assert np.array_equal(one, two)


@given(rows=customers, seed=st.integers(0, 100))
@quick
def test_canonical_order_is_a_permutation_of_values(rows: FloatArray, seed: int) -> None:
    """Every row appears once, and reversing the rows gives the same sequence of values."""
    order = canonical_order(rows, seed)
    assert sorted(order) == list(range(len(rows)))
    turned = rows[::-1]
    assert np.array_equal(rows[order], turned[canonical_order(turned, seed)], equal_nan=True)
