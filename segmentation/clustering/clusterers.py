"""The table of clustering algorithms; a new one is one entry and one function here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sklearn.cluster import (
    AgglomerativeClustering,
    BisectingKMeans,
    KMeans,
    MiniBatchKMeans,
    SpectralClustering,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from segmentation.clustering.genie import Genie
from segmentation.clustering.hdbscan import ShareHDBSCAN
from segmentation.clustering.hyperparameters import (
    N_CLUSTERS,
    Categorical,
    FloatRange,
    IntRange,
    Range,
)
from segmentation.clustering.spec import HyperParameter
from segmentation.errors import SpecError, TooLargeError

HyperParameters = Mapping[str, HyperParameter]
Make = Callable[[dict[str, Any], int], Any]
DEFAULT_CLUSTERS = 4
STARTS = 5
MIXTURE_STARTS = 3


@dataclass(frozen=True)
class Clusterer:
    """One clustering algorithm and what may be asked of it.

    Parameters
    ----------
    name, title
        Key in :data:`CLUSTERERS`; what a person reads.
    make
        Builds the unfitted estimator from checked hyperparameters and a seed.
    rules
        Assignment rules that suit it; the first is the default.
    space
        What a search may try, ``n_clusters`` aside.
    takes_n_clusters
        Whether ``n_clusters`` is a hyperparameter.
    max_rows
        Most rows it can be fitted on; None for no limit.
    bytes_per_pair
        Memory for each pair of rows, for the message of a refusal.
    """

    name: str
    title: str
    make: Make
    rules: tuple[str, ...]
    space: Mapping[str, Range] = field(default_factory=dict)
    takes_n_clusters: bool = True
    max_rows: int | None = None
    bytes_per_pair: float = 0.0

    def build(self, hyperparameters: HyperParameters, seed: int) -> Any:
        """Return the unfitted scikit-learn estimator.

        Raises
        ------
        SpecError
            When a hyperparameter is unknown or impossible.
        """
        allowed = dict(self.space)
        if self.takes_n_clusters:
            allowed["n_clusters"] = N_CLUSTERS
        for name, value in hyperparameters.items():
            if name not in allowed:
                raise SpecError(
                    f"{self.name} has no hyperparameter {name!r}: "
                    f"expected {', '.join(sorted(allowed)) or 'none'}"
                )
            if problem := allowed[name].problem(value):
                raise SpecError(f"{self.name} {name}={value!r}: {problem}")
        given = dict(hyperparameters)
        if self.takes_n_clusters:
            given.setdefault("n_clusters", DEFAULT_CLUSTERS)
        return self.make(given, seed)

    def check_rows(self, rows: int) -> None:
        """Refuse a fit that would exhaust time or memory.

        Raises
        ------
        TooLargeError
            When `rows` is above :attr:`max_rows`.
        """
        if self.max_rows is None or rows <= self.max_rows:
            return
        why = f"its time grows at least with the square of the rows ({rows:,}² = {rows**2:.1e})"
        if self.bytes_per_pair:
            why = f"it would need about {rows**2 * self.bytes_per_pair / 1e9:.1f} GB for pairs"
        raise TooLargeError(
            f"{self.name} on {rows:,} rows: the limit is {self.max_rows:,} rows, because {why}. "
            f"Fit it on a sample of {self.max_rows:,} customers and assign the others, or use "
            "k_means, mini_batch_k_means or a gaussian mixture."
        )


def _k_means(given: dict[str, Any], seed: int) -> KMeans:
    return KMeans(n_init=STARTS, max_iter=500, random_state=seed, **given)


def _mini_batch_k_means(given: dict[str, Any], seed: int) -> MiniBatchKMeans:
    return MiniBatchKMeans(n_init=STARTS, max_iter=300, random_state=seed, **given)


def _bisecting_k_means(given: dict[str, Any], seed: int) -> BisectingKMeans:
    given.setdefault("bisecting_strategy", "biggest_inertia")
    return BisectingKMeans(n_init=STARTS, max_iter=500, random_state=seed, **given)


def _gaussian(covariance: str) -> Make:
    def make(given: dict[str, Any], seed: int) -> GaussianMixture:
        return GaussianMixture(
            n_components=given.pop("n_clusters"),
            covariance_type=covariance,
            reg_covar=given.pop("reg_covar", 1e-2),
            n_init=MIXTURE_STARTS,
            max_iter=300,
            random_state=seed,
        )

    return make


def _bayesian_gaussian(given: dict[str, Any], seed: int) -> BayesianGaussianMixture:
    return BayesianGaussianMixture(
        n_components=given.pop("n_clusters"),
        covariance_type="full",
        weight_concentration_prior=given.pop("weight_concentration_prior", 0.1),
        reg_covar=given.pop("reg_covar", 1e-2),
        max_iter=500,
        random_state=seed,
    )


def _linkage(linkage: str) -> Make:
    def make(given: dict[str, Any], seed: int) -> AgglomerativeClustering:  # noqa: ARG001
        return AgglomerativeClustering(linkage=linkage, **given)

    return make


def _hdbscan(given: dict[str, Any], seed: int) -> ShareHDBSCAN:  # noqa: ARG001
    return ShareHDBSCAN(**given)


def _genie(given: dict[str, Any], seed: int) -> Genie:  # noqa: ARG001
    return Genie(**given)


def _spectral(given: dict[str, Any], seed: int) -> SpectralClustering:
    given.setdefault("n_neighbors", 15)
    return SpectralClustering(
        affinity="nearest_neighbors", assign_labels="cluster_qr", random_state=seed, **given
    )


CENTRES = ("prototype", "neighbours")
MEMBERS = ("neighbours", "prototype")
DENSITY = ("gaussian", "neighbours")
REG_COVAR = FloatRange(1e-4, 1e-1, log=True)
PAIRS_LIMIT = 12_000

CLUSTERERS: Mapping[str, Clusterer] = MappingProxyType(
    {
        clusterer.name: clusterer
        for clusterer in (
            Clusterer("k_means", "k-means", _k_means, CENTRES),
            Clusterer("mini_batch_k_means", "mini-batch k-means", _mini_batch_k_means, CENTRES),
            Clusterer(
                "bisecting_k_means",
                "bisecting k-means",
                _bisecting_k_means,
                CENTRES,
                {"bisecting_strategy": Categorical(("biggest_inertia", "largest_cluster"))},
            ),
            Clusterer(
                "gaussian_full",
                "Gaussian mixture, full covariance",
                _gaussian("full"),
                DENSITY,
                {"reg_covar": REG_COVAR},
            ),
            Clusterer(
                "gaussian_tied",
                "Gaussian mixture, one covariance",
                _gaussian("tied"),
                DENSITY,
                {"reg_covar": REG_COVAR},
            ),
            Clusterer(
                "gaussian_diagonal",
                "Gaussian mixture, diagonal covariance",
                _gaussian("diag"),
                DENSITY,
                {"reg_covar": REG_COVAR},
            ),
            Clusterer(
                "bayesian_gaussian",
                "Bayesian Gaussian mixture",
                _bayesian_gaussian,
                DENSITY,
                {
                    "reg_covar": REG_COVAR,
                    "weight_concentration_prior": FloatRange(1e-3, 1e2, log=True),
                },
            ),
            Clusterer(
                "ward",
                "Ward linkage",
                _linkage("ward"),
                MEMBERS,
                max_rows=PAIRS_LIMIT,
                bytes_per_pair=8.0,
            ),
            Clusterer(
                "average",
                "average linkage",
                _linkage("average"),
                MEMBERS,
                max_rows=PAIRS_LIMIT,
                bytes_per_pair=8.0,
            ),
            Clusterer(
                "complete",
                "complete linkage",
                _linkage("complete"),
                MEMBERS,
                max_rows=PAIRS_LIMIT,
                bytes_per_pair=8.0,
            ),
            Clusterer(
                "hdbscan",
                "HDBSCAN",
                _hdbscan,
                MEMBERS,
                {
                    "smallest_share": FloatRange(0.01, 0.15, log=True),
                    "neighbours": IntRange(3, 50, log=True),
                    "selection": Categorical(("eom", "leaf")),
                },
                takes_n_clusters=False,
                max_rows=20_000,
            ),
            Clusterer(
                "genie",
                "Genie",
                _genie,
                MEMBERS,
                {"gini_threshold": FloatRange(0.1, 0.5)},
                max_rows=50_000,
            ),
            Clusterer(
                "spectral",
                "spectral clustering",
                _spectral,
                MEMBERS,
                {"n_neighbors": IntRange(8, 40, log=True)},
                max_rows=4_000,
            ),
        )
    }
)

# Removed clusterers: models saved with them still assign, from arrays alone.
REMOVED = frozenset({"birch"})


def clusterer_named(name: str) -> Clusterer:
    """Return a clusterer by name.

    Raises
    ------
    SpecError
        When there is none, or no longer.
    """
    if name in CLUSTERERS:
        return CLUSTERERS[name]
    removed = " was removed (models saved with it still assign customers)"
    raise SpecError(
        f"clusterer={name!r}{removed if name in REMOVED else ''}: "
        f"expected one of {', '.join(sorted(CLUSTERERS))}"
    )
