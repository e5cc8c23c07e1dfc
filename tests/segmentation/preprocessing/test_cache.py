"""Preprocessing that is fitted once gives what fitting it every time gives."""

from dataclasses import asdict

import numpy as np
import pytest

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.evaluation.evaluator import Evaluator
from segmentation.evaluation.stability import random_halves
from segmentation.preprocessing.cache import CACHE_SIZE, Preparations, Prepared
from segmentation.preprocessing.columns import customer_matrix
from tests.segmentation.planted import SCHEMA, planted, spec

ISOLATED = Preprocessing(outliers="isolate", skew="log1p")


def without_seconds(evaluator: Evaluator, candidate: SegmenterSpec) -> dict[str, object]:
    return {
        k: v for k, v in asdict(evaluator.evaluate(candidate).evaluation).items() if k != "seconds"
    }


@pytest.mark.parametrize("preprocessing", [Preprocessing(), ISOLATED], ids=["plain", "isolate"])
def test_an_evaluation_does_not_depend_on_those_before(preprocessing: Preprocessing) -> None:
    """After another spec with the same preprocessing all numbers are those of a new evaluator."""
    customers, _ = planted(300)
    second = spec("genie", "neighbours", preprocessing, n_clusters=4, gini_threshold=0.3)
    used, fresh = Evaluator(customers, SCHEMA), Evaluator(customers, SCHEMA)
    used.evaluate(spec(preprocessing=preprocessing, n_clusters=3))
    assert without_seconds(used, second) == without_seconds(fresh, second)


def test_a_prepared_table_is_fitted_as_the_customers_are() -> None:
    """Segments and margins are the same, whichever way the table came in."""
    customers, _ = planted(300)
    candidate = spec(preprocessing=ISOLATED, n_clusters=4)
    matrix = customer_matrix(customers, SCHEMA.column_names)
    one = Segmenter(candidate, SCHEMA).fit(customers).assignment_
    other = (
        Segmenter(candidate, SCHEMA)
        .fit_prepared(Prepared.of(matrix, candidate, SCHEMA))
        .assignment_
    )
    for name in ("segment", "margins"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_specs_share_a_preprocessing_until_others_replace_it() -> None:
    """The same preprocessing is fitted once; that unused for longest is dropped first."""
    customers, _ = planted(60)
    matrix = customer_matrix(customers, SCHEMA.column_names)
    cache = Preparations(matrix, SCHEMA, random_halves(np.arange(60)))
    specs = [
        spec(preprocessing=Preprocessing(category_weight=1 + i)) for i in range(CACHE_SIZE + 1)
    ]
    first, second = (cache.whole(candidate) for candidate in specs[:2])
    halves = cache.halves(specs[0])
    assert cache.whole(spec("genie", "neighbours", specs[0].preprocessing)) is first
    assert cache.halves(specs[0]) is halves
    for candidate in specs[2:]:
        cache.whole(candidate)
    assert cache.whole(specs[0]) is first
    assert cache.whole(specs[1]) is not second
