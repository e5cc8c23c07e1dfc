"""Typed results as plain JSON data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

# Marks a field that holds values of single customers: no file may repeat them.
CELLS: Mapping[str, bool] = MappingProxyType({"cells": True})


def plain(value: Any) -> Any:
    """Return a result as dictionaries, lists, texts and finite numbers.

    What is undefined (NaN, infinite) becomes None; dataclasses become dictionaries, without the
    fields marked :data:`CELLS`, which are for drawing only.
    """
    if is_dataclass(value) and not isinstance(value, type):
        told = [field.name for field in fields(value) if field.metadata != CELLS]
        return {name: plain(getattr(value, name)) for name in told}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
