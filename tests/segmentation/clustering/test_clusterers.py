"""The table of clusterers: all work, say what they take, and refuse what would explode."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import check_estimator

from segmentation.clustering.clusterers import (
    CLUSTERERS,
    Categorical,
    Clusterer,
    FloatRange,
    IntRange,
)
from segmentation.clustering.genie import Genie
from segmentation.clustering.hdbscan import ShareHDBSCAN
from segmentation.clustering.spec import RULES
from segmentation.errors import SpecError, TooLargeError

BLOBS_SEED = 11
ALL = sorted(CLUSTERERS)
# Groups far apart have no neighbours in common: spectral clustering says so, the segmenter
# notes it, and here it is expected.
pytestmark = pytest.mark.filterwarnings("ignore:Graph is not fully connected")


def blobs(rows: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Return three round, separate groups in four dimensions and their labels."""
    rng = np.random.default_rng(BLOBS_SEED)
    labels = rng.integers(0, 3, rows)
    centres = np.array([[0, 0, 0, 0], [8, 8, 0, 0], [0, 8, 8, 0]])
    return centres[labels] + rng.normal(size=(rows, 4)), labels


def clusters(clusterer: Clusterer) -> dict[str, int]:
    """Return the hyperparameters for three clusters, where the number can be set."""
    return {"n_clusters": 3} if clusterer.takes_n_clusters else {}


def test_there_are_at_least_ten() -> None:
    """The table offers at least ten algorithms, each under its own name."""
    assert len(CLUSTERERS) >= 10
    assert all(clusterer.name == name for name, clusterer in CLUSTERERS.items())


@pytest.mark.parametrize("name", ALL)
def test_finds_three_obvious_groups(name) -> None:
    """Every algorithm recovers three far-apart groups (noise aside)."""
    features, truth = blobs()
    estimator = CLUSTERERS[name].build(clusters(CLUSTERERS[name]), seed=0)
    labels = estimator.fit_predict(features)
    sure = labels >= 0
    assert sure.mean() > 0.8
    assert adjusted_rand_score(truth[sure], labels[sure]) > 0.95


@pytest.mark.parametrize("name", ALL)
def test_every_edge_of_the_search_space_can_be_built_and_fitted(name) -> None:
    """Both ends of each range, and each choice, are values the estimator accepts."""
    clusterer = CLUSTERERS[name]
    features, _ = blobs(120)
    for parameter, choices in clusterer.space.items():
        for value in edges(choices):
            estimator = clusterer.build({**clusters(clusterer), parameter: value}, seed=0)
            assert len(estimator.fit_predict(features)) == 120


def edges(space: IntRange | FloatRange | Categorical) -> tuple:
    """Return the extreme values of a range, or all choices."""
    return space.choices if isinstance(space, Categorical) else (space.low, space.high)


@pytest.mark.parametrize("name", ALL)
def test_rules_are_known_and_n_clusters_is_not_searched_twice(name) -> None:
    """Rules exist, there is a default, and n_clusters stays out of the space."""
    clusterer = CLUSTERERS[name]
    assert clusterer.rules
    assert set(clusterer.rules) <= set(RULES)
    assert "n_clusters" not in clusterer.space


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("k_means", {"clusters": 3}, "k_means has no hyperparameter 'clusters'.*n_clusters"),
        ("hdbscan", {"n_clusters": 3}, "hdbscan has no hyperparameter 'n_clusters'"),
        ("k_means", {"n_clusters": 2.5}, "n_clusters=2.5: expected a whole number"),
        ("k_means", {"n_clusters": True}, "n_clusters=True: expected a whole number"),
        ("k_means", {"n_clusters": 0}, "n_clusters=0"),
        ("gaussian_full", {"reg_covar": -1.0}, "reg_covar=-1.0: expected a number above 0"),
        ("hdbscan", {"selection": "best"}, "selection='best': expected one of eom, leaf"),
    ],
)
def test_impossible_hyperparameters_are_named(name, hyperparameters, message) -> None:
    """The message names the clusterer, the hyperparameter, the value and what was expected."""
    with pytest.raises(SpecError, match=message):
        CLUSTERERS[name].build(hyperparameters, seed=0)


@pytest.mark.parametrize("name", [n for n in ALL if CLUSTERERS[n].max_rows is not None])
def test_too_many_rows_are_refused_with_a_reason_and_a_remedy(name) -> None:
    """One row above the limit is refused; the limit itself is not."""
    limit = CLUSTERERS[name].max_rows
    CLUSTERERS[name].check_rows(limit)
    with pytest.raises(TooLargeError, match=rf"{name} on {limit + 1:,} rows.*because.*sample"):
        CLUSTERERS[name].check_rows(limit + 1)


@pytest.mark.parametrize("name", ["ward", "average", "complete", "hdbscan", "spectral"])
def test_whatever_grows_with_the_square_has_a_limit(name) -> None:
    """Nothing quadratic may meet 100,000 rows."""
    with pytest.raises(TooLargeError):
        CLUSTERERS[name].check_rows(100_000)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_relative_settings_do_not_depend_on_scale_or_number(scale) -> None:
    """The same shares find the same groups in data a thousand times wider or twice as many."""
    for rows in (200, 400):
        features, truth = blobs(rows)
        labels = ShareHDBSCAN(0.1, 5).fit_predict(features * scale)
        assert adjusted_rand_score(truth[labels >= 0], labels[labels >= 0]) > 0.95


@pytest.mark.parametrize("estimator", [ShareHDBSCAN(), Genie(n_clusters=3)], ids=repr)
def test_own_estimators_are_proper(estimator) -> None:
    """Our own estimators pass every one of scikit-learn's estimator checks."""
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert len(results) > 40
    # Concerns arrays of other libraries, and needs an environment variable before scipy's import.
    assert set(bad) <= {"check_array_api_input"}, bad
