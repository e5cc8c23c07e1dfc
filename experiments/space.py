"""What a search tries: preprocessing × algorithm × hyperparameters, as Optuna suggestions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import optuna

from segmentation.clusterers import CLUSTERERS
from segmentation.clusterers.space import Categorical, FloatRange, IntRange, Range
from segmentation.spec import HyperParameter, Preprocessing, SegmenterSpec

# Left out: `iterative` imputation costs twenty times the median and only 3.5 % of one column
# are missing; `outliers=isolate` sets customers aside whom the guards then ask about.
PREPROCESSING: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nulls": ("median", "indicator"),
        "outliers": ("none", "winsorise", "isolate"),
        "skew": ("yeo_johnson", "log1p", "quantile", "none"),
        "scale": ("standard", "robust"),
        "ratios": ("none", "add"),
        "reduction": ("none", "pca"),
    }
)
VARIANCE = FloatRange(0.70, 0.98)
# What a search starts with, one at every number of segments in turn: plain, good recipes.
FIRST = ("k_means", "gaussian_diagonal", "ward")


@dataclass(frozen=True)
class Space:
    """What may be proposed.

    Parameters
    ----------
    schema
        Name of the table schema.
    k_min, k_max
        Closed interval of the number of segments asked for.
    seed
        Of every proposed spec.
    algorithms
        Keys of :data:`segmentation.clusterers.CLUSTERERS`.
    preprocessing
        Choices by name, see :data:`PREPROCESSING`.
    """

    schema: str
    k_min: int
    k_max: int
    seed: int
    algorithms: tuple[str, ...] = tuple(CLUSTERERS)
    preprocessing: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: PREPROCESSING)

    def propose(self, trial: optuna.Trial) -> SegmenterSpec:
        """Return the recipe a trial is about."""
        algorithm = trial.suggest_categorical("algorithm", self.algorithms)
        clusterer = CLUSTERERS[algorithm]
        hyperparameters: dict[str, HyperParameter] = {}
        if clusterer.takes_n_clusters:
            hyperparameters["n_clusters"] = trial.suggest_int("n_clusters", self.k_min, self.k_max)
        for name, values in clusterer.space.items():
            hyperparameters[name] = _suggest(trial, f"{algorithm}_{name}", values)
        return SegmenterSpec(
            schema=self.schema,
            preprocessing=self._preprocessing(trial),
            clusterer=algorithm,
            hyperparameters=hyperparameters,
            rule=clusterer.rules[0],
            seed=self.seed,
        )

    def first(self) -> Iterator[dict[str, Any]]:
        """Yield the parameters of the trials a study starts with."""
        plain = {name: choices[0] for name, choices in self.preprocessing.items()}
        for algorithm in FIRST:
            if algorithm not in self.algorithms:
                continue
            middle = (self.k_min + self.k_max) // 2
            for k in sorted({self.k_min, min(self.k_min + 2, self.k_max), middle}):
                yield {**plain, "algorithm": algorithm, "n_clusters": k}

    def fingerprint(self) -> str:
        """Return text that changes when the space does."""
        ranges = {name: repr(dict(CLUSTERERS[name].space)) for name in self.algorithms}
        parts = (self.schema, self.k_min, self.k_max, self.seed, ranges, dict(self.preprocessing))
        return repr(parts)

    def _preprocessing(self, trial: optuna.Trial) -> Preprocessing:
        chosen = {
            name: trial.suggest_categorical(name, choices)
            for name, choices in self.preprocessing.items()
        }
        reduced = chosen.pop("reduction", "none") == "pca"
        variance = _suggest(trial, "variance", VARIANCE) if reduced else None
        return Preprocessing(**chosen, variance=variance)  # type: ignore[arg-type]


def _suggest(trial: optuna.Trial, name: str, values: Range) -> HyperParameter:
    match values:
        case IntRange(low, high, log):
            return trial.suggest_int(name, low, high, log=log)
        case FloatRange(low, high, log):
            return trial.suggest_float(name, low, high, log=log)
        case Categorical(choices):
            return str(trial.suggest_categorical(name, choices))
