"""One scikit-learn pipeline from the choices in a spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sklearn.pipeline import Pipeline

from segmentation.clustering.spec import Preprocessing
from segmentation.preprocessing.categorical import BalanceBlocks, blocks_of
from segmentation.preprocessing.columns import ColumnMatrix, RatioAdder, weights_of
from segmentation.preprocessing.imputation import MedianFill, RegressionFill
from segmentation.preprocessing.scaling import PrincipalComponents, Standardise, UnitFree, Weigh
from segmentation.preprocessing.step import ArrayStep
from segmentation.preprocessing.transforms import (
    Lighten,
    NormalScores,
    SignedLog,
    TwoPart,
    Winsorise,
    YeoJohnson,
)
from segmentation.schema import TableSchema

FAMD_VARIANCE = 0.9
Build = Callable[[], ArrayStep]

IMPUTATION: Mapping[str, Build] = MappingProxyType(
    {
        "median": MedianFill,
        "indicator": lambda: MedianFill(indicator=True),
        "iterative": RegressionFill,
    }
)
OUTLIERS: Mapping[str, Build] = MappingProxyType({"winsorise": Winsorise})
SKEW: Mapping[str, Build] = MappingProxyType(
    {"log1p": SignedLog, "yeo_johnson": YeoJohnson, "quantile": NormalScores}
)
SCALE: Mapping[str, Build] = MappingProxyType(
    {"standard": Standardise, "robust": lambda: Standardise(robust=True)}
)
ZEROS: Mapping[str, Build] = MappingProxyType({"two_part": TwoPart, "light": Lighten})


def build_pipeline(preprocessing: Preprocessing, schema: TableSchema) -> Pipeline:
    """Return the unfitted pipeline from customers in the schema's columns to features.

    ``outliers="isolate"`` adds no step: :class:`segmentation.preprocessing.cache.Prepared` leaves
    such rows out of the fit.
    """
    steps: list[tuple[str, ArrayStep]] = [("columns", ColumnMatrix(schema.column_names))]
    if preprocessing.ratios == "add" and schema.ratios:
        steps.append(("ratios", RatioAdder.of(schema)))
    steps.append(("units", UnitFree()))
    steps.append(("nulls", IMPUTATION[preprocessing.nulls]()))
    if preprocessing.outliers in OUTLIERS:
        steps.append(("outliers", OUTLIERS[preprocessing.outliers]()))
    if preprocessing.skew in SKEW:
        steps.append(("skew", SKEW[preprocessing.skew]()))
    steps.append(("scale", SCALE[preprocessing.scale]()))
    if preprocessing.zeros in ZEROS:
        steps.append(("zeros", ZEROS[preprocessing.zeros]()))
    variance = preprocessing.variance
    if blocks := blocks_of(schema):
        famd = preprocessing.categories == "famd"
        weigh = BalanceBlocks(blocks, preprocessing.category_weight, famd)
        steps.append(("categories", weigh))
        variance = variance or (FAMD_VARIANCE if famd else None)
    if preprocessing.weights:
        steps.append(("weights", Weigh(weights_of(schema, preprocessing.weights))))
    if variance is not None:
        steps.append(("reduction", PrincipalComponents(variance)))
    return Pipeline(steps)
