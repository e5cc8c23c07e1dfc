"""What a search tries: preprocessing × algorithm × hyperparameters, as Optuna suggestions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import optuna

from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.hyperparameters import Categorical, FloatRange, IntRange, Range
from segmentation.clustering.spec import CHOICES, HyperParameter, Preprocessing, SegmenterSpec
from segmentation.errors import SpecError

Parameters = dict[str, Any]

# Left out: `iterative` imputation costs twenty times the median and only 3.5 % of one column
# are missing; `outliers=isolate` sets customers aside whom the constraints then limit.
PREPROCESSING: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nulls": ("median", "indicator"),
        "outliers": ("none", "winsorise", "isolate"),
        "skew": ("yeo_johnson", "log1p", "quantile", "none"),
        "scale": ("standard", "robust"),
        "ratios": ("none", "add"),
        "zeros": ("plain", "two_part", "light"),
        "categories": ("one_hot", "famd"),
        "reduction": ("none", "pca"),
    }
)
VARIANCE = FloatRange(0.70, 0.98)
CATEGORY_WEIGHT = FloatRange(0.3, 1.5)
# The others never won on labelled problems or card tables: see experiments/README.md.
ALGORITHMS = (
    "k_means",
    "gaussian_diagonal",
    "gaussian_tied",
    "gaussian_full",
    "genie",
    "hdbscan",
)
ALL_K = (2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Family:
    """Specs that a study starts with; `ks` is (0,) where the algorithm chooses its own number."""

    algorithm: str
    ks: tuple[int, ...]
    choices: Mapping[str, Any] = field(default_factory=dict)


# Good on 41 labelled problems and 49 generated and real tables: see experiments/README.md.
FAMILIES = (
    Family("k_means", ALL_K),
    Family("gaussian_full", ALL_K),
    Family("gaussian_tied", (3, 4, 5, 7, 9)),
    Family("gaussian_diagonal", (3, 5, 7, 9)),
    Family("genie", (2, 3, 4, 5, 6), {"genie_gini_threshold": 0.1}),
    Family("genie", (2, 3, 4, 5, 6, 8), {"genie_gini_threshold": 0.3}),
    Family("genie", (2, 3, 4, 5, 6, 8), {"genie_gini_threshold": 0.5}),
    Family("hdbscan", (0,), {"hdbscan_smallest_share": 0.02}),
    Family("hdbscan", (0,), {"hdbscan_smallest_share": 0.05}),
    Family("hdbscan", (0,), {"hdbscan_smallest_share": 0.1}),
)
# Where columns are often zero: treatments that look past the zeros.
PAST_ZEROS = (
    Family("k_means", (4, 5, 6), {"reduction": "pca", "variance": 0.83}),
    Family("k_means", (4, 5, 6), {"zeros": "two_part"}),
    Family("k_means", (4, 5, 6), {"zeros": "light"}),
)
# Where there are categories: factor analysis of mixed data, and categories that weigh less.
MIXED = (
    Family("k_means", (4, 5, 6), {"categories": "famd"}),
    Family("k_means", (3, 4, 5, 6), {"category_weight": 0.5}),
)
USUAL: Mapping[str, Any] = MappingProxyType(
    {
        "gaussian_full_reg_covar": 1e-4,
        "gaussian_tied_reg_covar": 1e-4,
        "gaussian_diagonal_reg_covar": 1e-4,
        "hdbscan_neighbours": 10,
        "hdbscan_selection": "eom",
    }
)


EXCLUDED, SHARE = "excluded", "variance"


@dataclass(frozen=True)
class Fixed:
    """Choices that are not searched.

    Choices are by name, see :data:`segmentation.clustering.spec.CHOICES`; `variance` is the share
    that PCA retains, in (0, 1), or None to search it; excluded columns only describe segments.
    """

    choices: Mapping[str, str] = field(default_factory=dict)
    variance: float | None = None
    excluded: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Fixed:
        """Read ``name=value`` pairs, separated by commas, as `explore` recommends them.

        Raises
        ------
        SpecError
            When a name or value is none that a search understands.
        """
        choices: dict[str, str] = {}
        variance: float | None = None
        excluded: list[str] = []
        for pair in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (part.strip() for part in pair.partition("="))
            if name == EXCLUDED and value:
                excluded.append(value)
            elif name == SHARE:
                variance = _share(pair, value)
            elif value in CHOICES.get(name, ()):
                choices[name] = value
            else:
                raise SpecError(f"fix: {pair!r} is not understood; expected {_expected(name)}")
        return cls(choices, variance, tuple(excluded))


def _share(pair: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise SpecError(f"fix: {pair!r} is not understood; expected a share between 0 and 1")
    return share


def _expected(name: str) -> str:
    if name in CHOICES:
        return " or ".join(f"{name}={choice}" for choice in CHOICES[name])
    return f"{', '.join([*CHOICES, SHARE, EXCLUDED])}, each followed by = and a value"


@dataclass(frozen=True)
class Space:
    """What may be proposed.

    Numbers of segments are in [k_min, k_max]. `often_zero`: columns are one value for many
    customers; `mixed`: there are nominal columns. The treatments of both are then searched too.
    `begin_with` are specs of earlier studies to try first; one that this space cannot propose,
    since its columns are of other kinds perhaps, is left out. Every proposal has the weights.
    """

    schema: str
    k_min: int
    k_max: int
    seed: int
    algorithms: tuple[str, ...] = ALGORITHMS
    often_zero: bool = False
    mixed: bool = False
    fixed: Fixed = field(default_factory=Fixed)
    begin_with: tuple[SegmenterSpec, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()

    def propose(self, trial: optuna.trial.BaseTrial) -> SegmenterSpec:
        """Return the spec a trial is about."""
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

    def first(self) -> list[Parameters]:
        """Return the parameters of the trials a study starts with, families taking turns."""
        families = [list(self._members(family)) for family in self._families()]
        longest = max((len(family) for family in families), default=0)
        usual = [
            family[turn] for turn in range(longest) for family in families if turn < len(family)
        ]
        begins = [own for spec in self.begin_with for own in self._again(spec)]
        return [*begins, *(parameters for parameters in usual if parameters not in begins)]

    def near(self, spec: SegmenterSpec, k: int) -> Iterator[Parameters]:
        """Yield what to try next to a good spec with `k` segments.

        The same with a segment more or less, then the other families with as many.
        """
        if CLUSTERERS[spec.clusterer].takes_n_clusters:
            own = self._parameters(spec)
            yield from ({**own, "n_clusters": n} for n in (k + 1, k - 1) if self._in_interval(n))
        for family in self._families():
            if family.ks != (0,) and self._in_interval(k):
                yield from self._members(replace(family, ks=(k,)))

    def spec_of(self, parameters: Parameters) -> SegmenterSpec:
        """Return the spec that complete parameters stand for."""
        return self.propose(optuna.trial.FixedTrial(parameters))

    def fingerprint(self) -> str:
        """Return text that changes when the space does."""
        ranges = {name: repr(dict(CLUSTERERS[name].space)) for name in self.algorithms}
        first = self.first()
        parts = (
            self.schema,
            self.k_min,
            self.k_max,
            self.seed,
            ranges,
            self._choices(),
            first,
            self.fixed,
            *((self.weights,) if self.weights else ()),
        )
        return repr(parts)

    def _families(self) -> Iterator[Family]:
        choices = self._choices()
        for family in (*FAMILIES, *PAST_ZEROS * self.often_zero, *MIXED * self.mixed):
            allowed = (
                value in choices.get(name, (value,)) for name, value in family.choices.items()
            )
            if family.algorithm in self.algorithms and all(allowed):
                yield family

    def _members(self, family: Family) -> Iterator[Parameters]:
        plain: Parameters = {name: choices[0] for name, choices in self._choices().items()}
        named = f"{family.algorithm}_"
        usual = {name: value for name, value in USUAL.items() if name.startswith(named)}
        if plain["reduction"] == "pca":
            plain |= {"variance": self._variance.high}
        if self.mixed:
            plain |= {"category_weight": 1.0}
        common = {**plain, "algorithm": family.algorithm, **usual, **family.choices}
        if self.fixed.variance is not None:
            common["variance"] = self.fixed.variance
        for k in family.ks:
            if not k:
                yield common
            elif self._in_interval(k):
                yield {**common, "n_clusters": k}

    def _parameters(self, spec: SegmenterSpec) -> Parameters:
        """Return the parameters that :meth:`propose` made a spec of."""
        chosen = {name: getattr(spec.preprocessing, name, "none") for name in self._choices()}
        if spec.preprocessing.variance is not None:
            chosen |= {"reduction": "pca", "variance": spec.preprocessing.variance}
        if self.mixed:
            chosen |= {"category_weight": spec.preprocessing.category_weight}
        hyperparameters = {
            name if name == "n_clusters" else f"{spec.clusterer}_{name}": value
            for name, value in spec.hyperparameters.items()
        }
        return {**chosen, "algorithm": spec.clusterer, **hyperparameters}

    def _again(self, spec: SegmenterSpec) -> Iterator[Parameters]:
        """Yield the parameters of an earlier study's spec, if this space can propose it."""
        parameters = self._parameters(spec)
        try:
            proposed = self.spec_of(parameters)
        except (KeyError, ValueError):
            return  # a choice, or an algorithm, that this table does not offer
        weighted = replace(spec.preprocessing, weights=self.weights)
        if proposed == replace(spec, schema=self.schema, seed=self.seed, preprocessing=weighted):
            yield parameters

    def _in_interval(self, k: int) -> bool:
        return self.k_min <= k <= self.k_max

    def _choices(self) -> dict[str, tuple[str, ...]]:
        """Return the preprocessing choices that can make a difference to this table."""
        choices = dict(PREPROCESSING)
        if not self.often_zero:
            del choices["zeros"]
        if not self.mixed:
            del choices["categories"]
        if self.fixed.variance is not None:
            choices["reduction"] = ("pca",)
        return {**choices, **{name: (value,) for name, value in self.fixed.choices.items()}}

    @property
    def _variance(self) -> FloatRange:
        share = self.fixed.variance
        return VARIANCE if share is None else FloatRange(share, share)

    def _preprocessing(self, trial: optuna.trial.BaseTrial) -> Preprocessing:
        chosen: Parameters = {
            name: trial.suggest_categorical(name, choices)
            for name, choices in self._choices().items()
        }
        reduced = chosen.pop("reduction", "none") == "pca"
        if self.mixed:
            low, high = CATEGORY_WEIGHT.low, CATEGORY_WEIGHT.high
            chosen["category_weight"] = trial.suggest_float("category_weight", low, high)
        low, high = self._variance.low, self._variance.high
        variance = trial.suggest_float("variance", low, high) if reduced else None
        return Preprocessing(**chosen, variance=variance, weights=self.weights)


def _suggest(trial: optuna.trial.BaseTrial, name: str, values: Range) -> HyperParameter:
    match values:
        case IntRange(low, high, log):
            return trial.suggest_int(name, low, high, log=log)
        case FloatRange(low, high, log):
            return trial.suggest_float(name, low, high, log=log)
        case Categorical(choices):
            return str(trial.suggest_categorical(name, choices))
