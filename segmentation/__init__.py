"""Find, evaluate and describe customer segments; works alone in a notebook."""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segmentation.clustering.segmenter import Segmenter
    from segmentation.clustering.spec import SegmenterSpec
    from segmentation.data.readers import load_customers
    from segmentation.evaluation.evaluator import evaluate
    from segmentation.interpretation.profiles import profile_segments
    from segmentation.model.segmentation_model import SegmentationModel
    from segmentation.schema import load_schema
    from segmentation.schema.inference import infer_schema

# pandera imports pyspark wherever that is installed, and pyspark warns of pandas 3.
warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)

__all__ = [
    "SegmentationModel",
    "Segmenter",
    "SegmenterSpec",
    "evaluate",
    "infer_schema",
    "load_customers",
    "load_schema",
    "profile_segments",
]

_MODULES = {
    "SegmentationModel": "segmentation.model.segmentation_model",
    "Segmenter": "segmentation.clustering.segmenter",
    "SegmenterSpec": "segmentation.clustering.spec",
    "evaluate": "segmentation.evaluation.evaluator",
    "infer_schema": "segmentation.schema.inference",
    "load_customers": "segmentation.data.readers",
    "load_schema": "segmentation.schema",
    "profile_segments": "segmentation.interpretation.profiles",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that importing the package stays light."""
    if name not in _MODULES:
        raise AttributeError(f"module 'segmentation' has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
