"""Search, evaluate, record and promote, with Optuna and MLflow."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.search.notebook import Segments, find_segments

__all__ = ["Segments", "find_segments"]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that importing the package stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'experiments' has no attribute {name!r}")
    return getattr(import_module("experiments.search.notebook"), name)
