"""Fill a page's template."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from segmentation.interpretation.formatting import flow_cell, number, percent, whole_percent


def page(template: str, **values: Any) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    template
        File among the templates of this package.
    values
        What it shows.
    """
    environment = Environment(
        loader=PackageLoader("segmentation.reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return environment.get_template(template).render(now=now, **values)


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign: ``+0.42``, ``−1.3``."""
    return f"{value:+.{decimals}f}".replace("-", "−")


FILTERS: dict[str, Callable[..., str]] = {
    "number": number,
    "percent": percent,
    "flow_cell": flow_cell,
    "whole_percent": whole_percent,
    "signed": signed,
    "thousands": lambda value: f"{value:,}",
}
