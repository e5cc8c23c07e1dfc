"""Everything that makes a segmenter, frozen and round-tripping through JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from segmentation.errors import SpecError

HyperParameter = int | float | str | bool

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nulls": ("median", "indicator", "iterative"),
        "outliers": ("none", "winsorise", "isolate"),
        "skew": ("none", "log1p", "yeo_johnson", "quantile"),
        "scale": ("standard", "robust"),
        "ratios": ("none", "add"),
        "zeros": ("plain", "two_part", "light"),
        "categories": ("one_hot", "famd"),
    }
)
LARGEST_WEIGHT = 10
RULES = ("prototype", "gaussian", "neighbours")


@dataclass(frozen=True)
class Preprocessing:
    """How a customer table becomes a feature matrix.

    Parameters
    ----------
    nulls
        Imputation: ``median``; ``indicator`` (median plus a 0/1 column per column that had
        missing values); ``iterative`` (regress each column on the others).
    outliers
        ``none``; ``winsorise`` (clip to the 1st and 99th percentile); ``isolate`` (set aside
        from the fit by an isolation forest, then assigned like new customers).
    skew
        ``none``, ``log1p`` (signed), ``yeo_johnson`` or ``quantile`` (to a normal).
    scale
        ``standard`` or ``robust`` (median and interquartile range).
    ratios
        ``none`` or ``add`` (the schema's ratios become features).
    zeros
        Of columns that are one value, zero say, for 10% to 90% of customers: ``plain`` (a
        value like others), ``two_part`` (first whether, then how much) or ``light`` (the
        column weighs 0.4).
    categories
        Of nominal columns: ``one_hot`` (indicators, balanced against the numbers) or ``famd``
        (factor analysis of mixed data: indicators by the root of their share, then main axes).
    variance
        Share of variance kept by PCA, in (0, 1); None for no reduction.
    category_weight
        Weight of a category against one number, in (0, 10].
    weights
        Columns of the customers' table and how much more than others they count, in (0, 10]:
        differences in a column of weight 2 count twice. Others weigh 1.
    """

    nulls: str = "median"
    outliers: str = "none"
    skew: str = "yeo_johnson"
    scale: str = "standard"
    ratios: str = "none"
    zeros: str = "plain"
    categories: str = "one_hot"
    variance: float | None = None
    category_weight: float = 1.0
    weights: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise SpecError(
                    f"preprocessing {name}={getattr(self, name)!r}: expected one of "
                    f"{', '.join(allowed)}"
                )
        if not 0 < self.category_weight <= 10:
            raise SpecError(
                f"preprocessing category_weight={self.category_weight!r}: expected in (0, 10]"
            )
        if self.variance is not None and not 0 < self.variance < 1:
            raise SpecError(f"preprocessing variance={self.variance!r}: expected in (0, 1) or None")
        for column, weight in self.weights:
            if not 0 < weight <= LARGEST_WEIGHT:
                raise SpecError(
                    f"preprocessing weights: {column}={weight!r}: expected in (0, {LARGEST_WEIGHT}]"
                )
        weights = tuple(sorted((str(column), float(weight)) for column, weight in self.weights))
        object.__setattr__(self, "weights", weights)

    def to_dict(self) -> dict[str, Any]:
        """Return the choices by name; weights only where there are some."""
        choices = asdict(self)
        if not self.weights:
            del choices["weights"]
        return choices


@dataclass(frozen=True)
class SegmenterSpec:
    """Everything needed to fit the same segmenter again.

    Parameters
    ----------
    schema
        Name of the table schema.
    preprocessing
        See :class:`Preprocessing`.
    clusterer
        Key into :data:`segmentation.clustering.clusterers.CLUSTERERS`.
    hyperparameters
        Passed to the clusterer, ``n_clusters`` among them where it takes one.
    rule
        How a customer is assigned: ``prototype`` (nearest labelled prototype), ``gaussian``
        (largest posterior) or ``neighbours`` (distance-weighted vote of nearest customers).
    seed
        Seeds every random step.
    """

    schema: str
    preprocessing: Preprocessing
    clusterer: str
    hyperparameters: Mapping[str, HyperParameter] = field(default_factory=dict)
    rule: str = "prototype"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise SpecError(f"rule={self.rule!r}: expected one of {', '.join(RULES)}")
        object.__setattr__(self, "hyperparameters", MappingProxyType(dict(self.hyperparameters)))

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Travel between processes as JSON (a mapping proxy does not pickle)."""
        return SegmenterSpec.from_json, (self.to_json(),)

    def __hash__(self) -> int:
        return hash(self.to_json())

    def to_json(self) -> str:
        """Return the canonical JSON (sorted keys); equal specs give equal text."""
        raw = {
            "schema": self.schema,
            "preprocessing": self.preprocessing.to_dict(),
            "clusterer": self.clusterer,
            "hyperparameters": dict(self.hyperparameters),
            "rule": self.rule,
            "seed": self.seed,
        }
        return json.dumps(raw, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SegmenterSpec:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        SpecError
            When the text is not JSON or a key is missing, unknown or out of range.
        """
        try:
            raw = json.loads(text)
            return cls(**{**raw, "preprocessing": Preprocessing(**raw["preprocessing"])})
        except SpecError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise SpecError(f"not a segmenter spec: {error}") from error
