"""Assignment rules: what they answer, how sure they are, and that nothing else matters."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from segmentation.clustering.assignment_rules import RULES, learn_rule, rule_from_arrays
from segmentation.clustering.assignment_rules.gaussian import GaussianRule
from segmentation.clustering.assignment_rules.neighbours import NeighboursRule
from segmentation.clustering.assignment_rules.prototype import PrototypeRule
from segmentation.clustering.assignment_rules.rule import assigned_to_best
from segmentation.clustering.microaggregation import labelled_local_means, local_means
from segmentation.clustering.spec import RULES as SPEC_RULES
from segmentation.preprocessing.rowwise import matmul, row_sums

LINE = np.array([[0.0], [4.0], [10.0]])


def points(rows: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three overlapping groups in five dimensions and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    return rng.normal(size=(rows, 5)) + 2.0 * labels[:, None], labels.astype(np.int64)


def fitted_rules() -> list:
    """Return one rule of every kind, learned from the same points; several prototypes too."""
    features, labels = points()
    mixtures = [
        GaussianMixture(3, covariance_type=kind, random_state=0).fit(features)
        for kind in ("full", "tied", "diag")
    ]
    return [
        learn_rule("prototype", KMeans(3, random_state=0).fit(features), features, labels),
        PrototypeRule(*labelled_local_means(features, labels, 9)),
        learn_rule("neighbours", None, features, labels),
        *(learn_rule("gaussian", mix, features, mix.predict(features)) for mix in mixtures),
    ]


def test_rules_of_the_table_are_the_rules_of_the_spec() -> None:
    """A spec may name every rule there is, and no other."""
    assert set(RULES) == set(SPEC_RULES)


def test_prototype_margins_grow_evenly_from_the_border() -> None:
    """On a line: 0 in the middle between two prototypes, and twice as much twice as far."""
    rule = PrototypeRule(LINE, np.array([0, 1, 2]))
    answer = rule.assign(np.array([[0.0], [1.0], [2.0], [9.0]]))
    assert answer.segment.tolist() == [0, 0, 0, 2]
    assert answer.runner_up.tolist() == [1, 1, 1, 1]
    assert np.allclose(answer.margins[:3, 1], [16.0, 8.0, 0.0])
    assert np.allclose(answer.margins[3], [80.0, 24.0, 0.0])


def test_prototypes_of_one_segment_do_not_compete() -> None:
    """The runner-up is the nearest other segment, not the second prototype of the same."""
    rule = PrototypeRule(LINE, np.array([0, 0, 1]))
    answer = rule.assign(np.array([[1.0]]))
    assert (answer.segment[0], answer.runner_up[0]) == (0, 1)
    assert answer.margins[0].tolist() == [0.0, 80.0]


def test_gaussian_agrees_with_scikit_learn() -> None:
    """Assignment and posterior, from log odds, are the mixture's own for every covariance."""
    features, _ = points()
    for kind in ("full", "tied", "diag"):
        mixture = GaussianMixture(3, covariance_type=kind, random_state=0).fit(features)
        rule = GaussianRule.learn(mixture, features, mixture.predict(features))
        answer = rule.assign(features)
        assert np.array_equal(answer.segment, mixture.predict(features))
        posterior = np.exp(-answer.margins) / np.exp(-answer.margins).sum(axis=1, keepdims=True)
        assert np.allclose(posterior, mixture.predict_proba(features))


def test_margins_far_from_everything_are_still_finite() -> None:
    """A million standard deviations away nothing overflows, and no margin is negative."""
    for rule in fitted_rules():
        margins = rule.assign(np.full((1, 5), 1e6)).margins
        assert np.isfinite(margins).all()
        assert (margins >= 0).all()


def test_neighbours_vote_and_name_the_nearer_other_segment() -> None:
    """Voters of one mind assign; the runner-up is the segment with the nearest points."""
    places = np.concatenate([np.linspace(c, c + 1, 10) for c in (0.0, 5.0, 20.0)])[:, None]
    rule = NeighboursRule(places, np.repeat(np.arange(3), 10))
    answer = rule.assign(np.array([[0.5], [19.0], [3.0]]))
    assert answer.segment.tolist()[:2] == [0, 2]
    assert answer.runner_up.tolist()[:2] == [1, 1]


def test_most_of_equally_far_neighbours_decide() -> None:
    """Three equally far voters outvote two, on the very border."""
    ring = np.exp(2j * np.pi * np.arange(5) / 5)
    rule = NeighboursRule(np.column_stack([ring.real, ring.imag]), np.array([0, 0, 0, 1, 1]))
    answer = rule.assign(np.zeros((1, 2)))
    assert answer.segment[0] == 0
    assert np.allclose(answer.margins, 0.0)


def test_margins_of_neighbours_grow_from_the_border() -> None:
    """Five neighbours of one mind at a border are still nearer to it than in the interior."""
    places = np.linspace(0, 1, 300)[:, None]
    rule = NeighboursRule(places, (places[:, 0] > 0.5).astype(np.int64))
    answer = rule.assign(np.array([[0.1], [0.485], [0.5]]))
    assert answer.segment.tolist()[:2] == [0, 0]
    assert answer.margins[0, 1] > 0.3 > answer.margins[1, 1] > answer.margins[2].max()


def test_no_kept_point_is_a_customer() -> None:
    """The arrays of a rule are averages of five: no training row is found among them."""
    features, _ = points()
    for rule in fitted_rules():
        for array in rule.to_arrays().values():
            if array.shape[-1:] == (5,):
                same = (array.reshape(-1, 1, 5) == features).all(axis=2)
                assert not same.any()


def test_averages_keep_to_their_label_and_number() -> None:
    """Each label gives its share of averages, every one inside its own group."""
    features, labels = points(600)
    means, owner = labelled_local_means(features, labels * 1, 60)
    assert len(means) == pytest.approx(60, abs=3)
    for label in range(3):
        group = features[labels == label]
        inside = (means[owner == label] >= group.min(axis=0)).all()
        assert inside
    assert len(local_means(features[:3])) == 3


@pytest.mark.parametrize("index", range(6))
def test_a_row_alone_is_answered_as_in_a_batch(index) -> None:
    """Bit for bit the same segment, runner-up and margins, for every rule."""
    rule = fitted_rules()[index]
    features, _ = points(97, seed=1)
    batch = rule.assign(features)
    for i, row in enumerate(features):
        alone = rule.assign(row[None])
        assert alone.segment[0] == batch.segment[i]
        assert alone.runner_up[0] == batch.runner_up[i]
        assert np.array_equal(alone.margins[0], batch.margins[i])


@pytest.mark.parametrize("index", range(6))
def test_saved_arrays_give_the_same_rule(index) -> None:
    """A rule rebuilt from its arrays answers bit for bit the same."""
    rule = fitted_rules()[index]
    again = rule_from_arrays(rule.name, rule.to_arrays())
    features, _ = points(50, seed=2)
    assert np.array_equal(again.assign(features).margins, rule.assign(features).margins)


@pytest.mark.parametrize("index", range(6))
def test_renumbering_permutes_the_answer(index) -> None:
    """Cluster i of the renumbered rule is cluster order[i] of the first."""
    rule = fitted_rules()[index]
    order = np.array([2, 0, 1])
    features, _ = points(50, seed=3)
    before, after = rule.assign(features), rule.renumbered(order).assign(features)
    assert np.array_equal(order[after.segment], before.segment)
    assert np.array_equal(order[after.runner_up], before.runner_up)
    assert np.allclose(after.margins, before.margins[:, order])


@pytest.mark.parametrize("index", range(6))
def test_a_cluster_can_be_dropped(index) -> None:
    """After a cluster is dropped, no customer is assigned to it."""
    rule = fitted_rules()[index].renumbered(np.array([2, 1]))
    features, _ = points(50, seed=4)
    assert rule.n_segments == 2
    assert set(rule.assign(features).segment) <= {0, 1}


def test_one_segment_is_beyond_doubt() -> None:
    """With a single cluster the runner-up is the segment itself, and there is no border."""
    features, _ = points(20)
    for name in ("prototype", "neighbours"):
        answer = learn_rule(name, None, features, np.zeros(20, dtype=np.int64)).assign(features)
        assert not answer.runner_up.any()
        assert answer.margins.shape == (20, 1)
        assert not answer.margins.any()


def test_ties_go_downwards_and_the_winner_is_never_its_own_runner_up() -> None:
    """Equal scores go to the lower column, even where all the others are minus infinity."""
    scores = np.array([[1.0, 1.0, 1.0], [0.0, -np.inf, -np.inf], [-np.inf, -np.inf, 0.0]])
    answer = assigned_to_best(scores)
    assert answer.segment.tolist() == [0, 0, 2]
    assert answer.runner_up.tolist() == [1, 1, 0]


def test_rowwise_products_are_products() -> None:
    """The fixed-order product and sum agree with numpy's to rounding."""
    rng = np.random.default_rng(5)
    left, right = rng.normal(size=(5000, 7)), rng.normal(size=(7, 3))
    assert np.allclose(matmul(left, right), left @ right)
    assert np.allclose(row_sums(left), left.sum(axis=1))
