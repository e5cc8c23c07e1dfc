"""The segmenter: spec in, numbered segments out, the same whatever the order of the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_info, threadpool_limits

from segmentation.clustering.assignment_rules.prototype import PrototypeRule
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.microaggregation import labelled_local_means
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import CHOICES, Preprocessing
from segmentation.errors import DataError, SpecError, TooLargeError
from segmentation.evaluation.evaluator import evaluate
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.cache import Prepared, canonical_order
from tests.segmentation.planted import SCHEMA, planted, spec

PAIRS = [(c.name, rule) for c in CLUSTERERS.values() for rule in c.rules]


def fitted(name: str = "k_means", rule: str = "prototype", rows: int = 400, **more) -> Segmenter:
    """Return a segmenter fitted on planted customers, four clusters where it takes a number."""
    if CLUSTERERS[name].takes_n_clusters:
        more.setdefault("n_clusters", 4)
    return Segmenter(spec(name, rule, **more), SCHEMA).fit(planted(rows)[0])


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_every_clusterer_and_rule_finds_the_planted_segments(name, rule) -> None:
    """All allowed pairs recover most of four planted segments and assign fresh customers."""
    segmenter = fitted(name, rule)
    fresh, truth = planted(300, seed=1)
    answer = segmenter.assign(fresh)
    assert adjusted_rand_score(truth, answer.segment) > 0.7
    assert (answer.margins >= 0).all()
    assert (answer.segment != answer.runner_up).all()
    assert answer.segment.max() < segmenter.n_segments_
    assert np.array_equal(segmenter.predict(fresh), answer.segment)


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_order_of_rows_does_not_matter(name, rule) -> None:
    """Shuffled customers give every customer exactly the same answer."""
    customers, _ = planted(300)
    shuffled = customers.sample(frac=1, random_state=3)
    more = {"n_clusters": 4} if CLUSTERERS[name].takes_n_clusters else {}
    one = Segmenter(spec(name, rule, **more), SCHEMA).fit(customers).assign(customers)
    two = Segmenter(spec(name, rule, **more), SCHEMA).fit(shuffled).assign(customers)
    assert np.array_equal(one.segment, two.segment)
    assert np.array_equal(one.margins, two.margins)


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_the_same_spec_gives_the_same_segmenter(name, rule) -> None:
    """Fitting twice gives identical arrays, so a spec reproduces its run."""
    one, two = (fitted(name, rule, rows=200).rule_.to_arrays() for _ in range(2))
    assert all(np.array_equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_a_rule_alone_is_that_of_a_whole_fit(name, rule) -> None:
    """Refits learn the same arrays without assigning anybody."""
    whole = fitted(name, rule, rows=200)
    prepared = Prepared.of(planted(200)[0].to_numpy(), whole.spec_, SCHEMA)
    alone = Segmenter(whole.spec_, SCHEMA).fit_rule(prepared)
    one, two = whole.rule_.to_arrays(), alone.rule_.to_arrays()
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert alone.n_segments_ == whole.n_segments_


def test_fit_runs_on_one_thread() -> None:
    """Threads finish in any order, and so would the sums they make: a fit uses one."""
    seen: list[int] = []

    class Watched(Segmenter):
        def _fit(self, matrix):
            seen.extend(pool["num_threads"] for pool in threadpool_info())
            super()._fit(matrix)

    with threadpool_limits(limits=2):
        Watched(spec(n_clusters=4), SCHEMA).fit(planted(50)[0])
    assert seen
    assert set(seen) == {1}


def test_segments_are_numbered_by_falling_size() -> None:
    """Segment 0 is the largest, and the assignment is in the customers' own order."""
    segmenter = fitted()
    sizes = np.bincount(segmenter.assignment_.segment)
    assert (np.diff(sizes) <= 0).all()
    again = segmenter.assign(planted()[0])
    assert np.array_equal(again.segment, segmenter.assignment_.segment)
    assert np.array_equal(again.margins, segmenter.assignment_.margins)


def test_noise_is_counted_and_still_assigned() -> None:
    """HDBSCAN's noise shows in noise_share_, yet every customer has a segment."""
    overlapping, _ = planted(400, spread=0.8)
    segmenter = Segmenter(spec("hdbscan", "neighbours", neighbours=5), SCHEMA).fit(overlapping)
    assert 0 < segmenter.noise_share_ < 1
    assert len(segmenter.assignment_) == 400
    assert segmenter.assignment_.segment.min() == 0


def test_nothing_but_noise_is_one_segment() -> None:
    """When no region is dense, there is one segment of all customers, and all of it is noise."""
    noise = pd.DataFrame(
        np.random.default_rng(0).uniform(1, 2, (60, 6)), columns=list(SCHEMA.column_names)
    )
    segmenter = Segmenter(spec("hdbscan", "neighbours", smallest_share=0.45), SCHEMA).fit(noise)
    assert (segmenter.n_segments_, segmenter.noise_share_) == (1, 1.0)
    assert not segmenter.assignment_.segment.any()


def test_isolated_customers_are_assigned_but_do_not_shape_segments() -> None:
    """A handful of absurd customers own a segment, unless they are set aside from the fit."""
    customers, _ = planted()
    customers.iloc[:5, :4] = 1e7
    sizes = {}
    for outliers in ("none", "isolate"):
        preprocessing = Preprocessing(outliers=outliers, skew="none")
        made = spec("k_means", preprocessing=preprocessing, n_clusters=4)
        segmenter = Segmenter(made, SCHEMA).fit(customers)
        sizes[outliers] = np.bincount(segmenter.assignment_.segment).min()
        assert len(segmenter.assignment_) == len(customers)
    assert sizes["none"] <= 5 < sizes["isolate"]


@pytest.mark.parametrize("skew", ["log1p", "yeo_johnson", "quantile", "none"])
@pytest.mark.parametrize("scale", CHOICES["scale"])
def test_unit_of_money_does_not_matter(skew, scale) -> None:
    """Cents instead of dollars in one column leave every customer's segment as it was."""
    customers, _ = planted()
    cents = customers.assign(BALANCE=customers["BALANCE"] * 100)
    preprocessing = Preprocessing(skew=skew, scale=scale, ratios="add")
    made = spec("k_means", preprocessing=preprocessing, n_clusters=4)
    one, two = (Segmenter(made, SCHEMA).fit(table).assignment_ for table in (customers, cents))
    assert np.array_equal(one.segment, two.segment)


def test_what_the_clusterer_warned_of_is_noted_not_lost() -> None:
    """Fewer distinct customers than clusters is recorded, and not passed on as a warning."""
    customers = planted(3)[0].fillna(0.0)
    repeated = pd.concat([customers] * 10, ignore_index=True)
    segmenter = Segmenter(spec(n_clusters=5), SCHEMA).fit(repeated)
    assert any("distinct clusters" in note for note in segmenter.notes_)
    assert segmenter.n_segments_ <= 3


def test_unexpected_warnings_pass_through(monkeypatch) -> None:
    """Only the clusterers' expected warnings are noted; any other still reaches the caller."""
    from segmentation.clustering.segmenter import EXPECTED_WARNINGS, _fit_predict

    class Talkative:
        def fit_predict(self, features):
            import warnings

            warnings.warn("something new", RuntimeWarning, stacklevel=1)
            return np.zeros(len(features))

    assert all(category is not RuntimeWarning for category, _ in EXPECTED_WARNINGS)
    with pytest.warns(RuntimeWarning, match="something new"):
        _fit_predict(Talkative(), np.zeros((3, 1)))


def test_unknown_clusterer_and_unsuitable_rule_are_refused() -> None:
    """The messages name the choice and what there is, also for a clusterer that was removed."""
    customers, _ = planted(50)
    with pytest.raises(SpecError, match="clusterer='kmeans': expected one of.*k_means"):
        Segmenter(spec("kmeans"), SCHEMA).fit(customers)
    with pytest.raises(SpecError, match="rule='gaussian' does not suit k_means.*prototype"):
        Segmenter(spec("k_means", "gaussian"), SCHEMA).fit(customers)
    with pytest.raises(SpecError, match="clusterer='birch' was removed .*expected one of.*k_means"):
        Segmenter(spec("birch"), SCHEMA).fit(customers)


def test_a_model_saved_with_a_removed_clusterer_still_assigns(tmp_path: Path) -> None:
    """Its spec is read and its several prototypes a segment assign; only a new fit is refused."""
    customers, _ = planted(200)
    segmenter = fitted(rows=200)
    model = SegmentationModel.build(segmenter, customers, evaluate(segmenter, customers), 0)
    points, owner = labelled_local_means(segmenter.features(customers), segmenter.labels_, 40)
    segmenter.rule_ = PrototypeRule(points, owner)
    segmenter.spec_ = spec("birch", n_clusters=4, radius_share=0.3)
    model.save(tmp_path / "model")
    restored = SegmentationModel.load(tmp_path / "model").segmenter
    assert np.array_equal(restored.predict(customers), segmenter.predict(customers))
    with pytest.raises(SpecError, match="'birch' was removed"):
        clone(restored).fit(customers)


def test_too_few_and_too_many_rows_are_refused_before_the_fit() -> None:
    """Fewer rows than clusters, or more than a quadratic algorithm can take, never start."""
    with pytest.raises(DataError, match="at least 4 customers.*found 3"):
        Segmenter(spec(n_clusters=4), SCHEMA).fit(planted(3)[0])
    with pytest.raises(TooLargeError, match="spectral on 4,001 rows"):
        Segmenter(spec("spectral", n_clusters=4), SCHEMA).fit(np.zeros((4001, 6)))


def test_missing_column_is_named() -> None:
    """Fitting and assigning name the column that is not there."""
    customers, _ = planted(50)
    with pytest.raises(DataError, match="TENURE"):
        Segmenter(spec(), SCHEMA).fit(customers.drop(columns="TENURE"))
    with pytest.raises(DataError, match="BALANCE"):
        fitted(rows=50).assign(customers.drop(columns="BALANCE"))


def test_canonical_order_depends_on_values_only() -> None:
    """Sorted by value and shuffled by seed: the file's own order leaves no trace."""
    matrix = planted(200)[0].to_numpy()
    turned = matrix[::-1]
    one, two = matrix[canonical_order(matrix, 1)], turned[canonical_order(turned, 1)]
    assert np.array_equal(one, two, equal_nan=True)
    assert not np.array_equal(one, matrix[canonical_order(matrix, 2)], equal_nan=True)
