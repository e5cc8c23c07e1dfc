"""From a file, a warehouse, a public data set or the generator to validated customers, and back."""

from typing import Any

__all__ = ["features_from_transactions", "rfm_groups"]


def __getattr__(name: str) -> Any:
    """Import a front door at its first use, so that importing the package stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'segmentation.data' has no attribute {name!r}")
    from segmentation.data.transactions import collect, rfm  # noqa: PLC0415 - light until used

    return getattr(rfm if name == "rfm_groups" else collect, name)
