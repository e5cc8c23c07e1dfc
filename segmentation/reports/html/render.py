"""Fill a page's template."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from segmentation.interpretation.formatting import number, percent

FILTERS: dict[str, Callable[..., Any]] = {"number": number, "percent": percent}


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
        # The style is that of the exploration's report: one look for all of them.
        loader=ChoiceLoader(
            [
                PackageLoader("segmentation.reports.html"),
                PackageLoader("segmentation.reports.exploration"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return environment.get_template(template).render(now=now, **values)
