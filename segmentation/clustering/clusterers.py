"""The table of clustering algorithms; a new one is one entry here."""

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
    """One clustering algorithm and what it takes."""

    name: str
    title: str
    make: Make  # builds the unfitted estimator from checked hyperparameters and a seed
    rules: tuple[str, ...]  # assignment rules that suit it; the first is the default
    space: Mapping[str, Range] = field(default_factory=dict)  # what a search tries, but n_clusters
    takes_n_clusters: bool = True
    max_rows: int | None = None  # largest fit allowed; None for no limit
    bytes_per_pair: float = 0.0  # memory for each pair of rows

    @property
    def takes_weights(self) -> bool:
        """Whether weights of columns matter: a mixture adapts its covariances to any scale."""
        return "gaussian" not in self.rules

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
        default = {"n_clusters": DEFAULT_CLUSTERS} if self.takes_n_clusters else {}
        return self.make({**default, **hyperparameters}, seed)

    def check_rows(self, rows: int) -> None:
        """Raise TooLargeError for a fit that would exhaust time or memory."""
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


def _seeded(estimator: type, **fixed: Any) -> Make:
    return lambda chosen, seed: estimator(**{**fixed, **chosen}, random_state=seed)


def _unseeded(estimator: type, **fixed: Any) -> Make:
    return lambda chosen, _: estimator(**{**fixed, **chosen})


def _mixture(estimator: type, **fixed: Any) -> Make:
    def make(chosen: dict[str, Any], seed: int) -> Any:
        components = {"n_components": chosen.pop("n_clusters"), "random_state": seed}
        return estimator(**{"reg_covar": 1e-2, **fixed, **chosen, **components})

    return make


CENTRES = ("prototype", "neighbours")
MEMBERS = ("neighbours", "prototype")
DENSITY = ("gaussian", "neighbours")
REG_COVAR = FloatRange(1e-4, 1e-1, log=True)


def _gaussian(name: str, covariance: str, title: str) -> Clusterer:
    make = _mixture(
        GaussianMixture, covariance_type=covariance, n_init=MIXTURE_STARTS, max_iter=300
    )
    return Clusterer(name, f"Gaussian mixture, {title}", make, DENSITY, {"reg_covar": REG_COVAR})


def _linkage(linkage: str, title: str) -> Clusterer:
    make = _unseeded(AgglomerativeClustering, linkage=linkage)
    return Clusterer(linkage, title, make, MEMBERS, max_rows=12_000, bytes_per_pair=8.0)


_TABLE = (
    Clusterer("k_means", "k-means", _seeded(KMeans, n_init=STARTS, max_iter=500), CENTRES),
    Clusterer(
        "mini_batch_k_means",
        "mini-batch k-means",
        _seeded(MiniBatchKMeans, n_init=STARTS, max_iter=300),
        CENTRES,
    ),
    Clusterer(
        "bisecting_k_means",
        "bisecting k-means",
        _seeded(BisectingKMeans, bisecting_strategy="biggest_inertia", n_init=STARTS, max_iter=500),
        CENTRES,
        {"bisecting_strategy": Categorical(("biggest_inertia", "largest_cluster"))},
    ),
    _gaussian("gaussian_full", "full", "full covariance"),
    _gaussian("gaussian_tied", "tied", "one covariance"),
    _gaussian("gaussian_diagonal", "diag", "diagonal covariance"),
    Clusterer(
        "bayesian_gaussian",
        "Bayesian Gaussian mixture",
        _mixture(BayesianGaussianMixture, weight_concentration_prior=0.1, max_iter=500),
        DENSITY,
        {"reg_covar": REG_COVAR, "weight_concentration_prior": FloatRange(1e-3, 1e2, log=True)},
    ),
    _linkage("ward", "Ward linkage"),
    _linkage("average", "average linkage"),
    _linkage("complete", "complete linkage"),
    Clusterer(
        "hdbscan",
        "HDBSCAN",
        _unseeded(ShareHDBSCAN),
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
        _unseeded(Genie),
        MEMBERS,
        {"gini_threshold": FloatRange(0.1, 0.5)},
        max_rows=50_000,
    ),
    Clusterer(
        "spectral",
        "spectral clustering",
        _seeded(
            SpectralClustering,
            affinity="nearest_neighbors",
            assign_labels="cluster_qr",
            n_neighbors=15,
        ),
        MEMBERS,
        {"n_neighbors": IntRange(8, 40, log=True)},
        max_rows=4_000,
    ),
)
CLUSTERERS: Mapping[str, Clusterer] = MappingProxyType({c.name: c for c in _TABLE})
# Removed clusterers: models saved with them still assign, from arrays alone.
REMOVED = frozenset({"birch"})


def clusterer_named(name: str) -> Clusterer:
    """Return a clusterer; SpecError when there is none of that name, or no longer."""
    if name in CLUSTERERS:
        return CLUSTERERS[name]
    removed = " was removed (models saved with it still assign customers)"
    raise SpecError(
        f"clusterer={name!r}{removed if name in REMOVED else ''}: "
        f"expected one of {', '.join(sorted(CLUSTERERS))}"
    )
