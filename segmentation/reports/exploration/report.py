"""The whole exploration as one HTML page that needs nothing else: no network, no scripts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from segmentation.interpretation.formatting import number, percent
from segmentation.reports.exploration.analysis import Exploration
from segmentation.reports.exploration.drawing import Picture
from segmentation.reports.exploration.evidence import search_parameters

TEMPLATE = "report.html"
SHOWN_TABLE = 300
KIND_WORDS = {
    "money": "money",
    "count": "count",
    "frequency": "share",
    "months": "months",
    "number": "number",
    "category": "category",
    "ordered": "ordered",
}


def render(
    found: Exploration,
    drawn: Mapping[str, tuple[Picture, ...]],
    *,
    seconds: float,
    now: datetime | None = None,
) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    found
        Everything computed.
    drawn
        Its pictures by section.
    seconds
        What computing took, for the foot of the page.
    now
        Time printed; by default the clock's.
    """
    page = _environment().get_template(TEMPLATE)
    labels = {column.name: column.label for column in found.table.schema.columns}
    return page.render(
        found=found,
        schema=found.table.schema,
        numbers=[c for c in found.descriptive.columns if c.kind not in {"category", "ordered"}],
        categories=[c for c in found.descriptive.columns if c.kind in {"category", "ordered"}],
        drawn={
            section: [{"picture": p, "svg": _markup(p)} for p in pictures]
            for section, pictures in drawn.items()
        },
        label=lambda name: labels.get(name, name),
        kinds=KIND_WORDS,
        parameters=search_parameters(found.recommendations),
        glance=glance(found),
        seconds=seconds,
        now=(now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
    )


def glance(found: Exploration) -> list[tuple[str, str, str]]:
    """Return the headline numbers: what, how much, and a few words more."""
    table, axes = found.descriptive, found.components
    cells = found.table.customers.size or 1
    missing = sum(column.nulls for column in table.columns)
    skewed = sorted(abs(c.skew) for c in table.columns if isfinite(c.skew))
    worst = max(
        (c for c in table.columns if isfinite(c.skew)), key=lambda c: abs(c.skew), default=None
    )
    structure = {True: "yes", False: "no", None: "unknown"}[found.tendency.structure]
    kinds = f"{len(found.distributions)} of numbers, {len(found.levels)} categories"
    result = [
        ("Customers", f"{table.rows:,}", f"{table.duplicated:,} duplicated"),
        ("Features", f"{len(table.columns)}", kinds),
        ("Missing", percent(missing / cells), f"{found.nulls.complete:,} rows complete"),
    ]
    if skewed and worst:
        middle = f"{skewed[len(skewed) // 2]:.1f}"
        result.append(("Median skew", middle, f"most: {worst.label}, {worst.skew:.1f}"))
    if axes.explained:
        needed = f"{axes.needed(0.9)} of {len(axes.names)}"
        result.append(("Main axes", needed, "explain 90% of the variance"))
    result.append(("Clusters", structure, f"Hopkins {found.tendency.hopkins:.2f}"))
    return result


def _markup(picture: Picture) -> Markup:
    """Return a picture drawn here, every text in it escaped."""
    drawn = picture.svg()
    return Markup(drawn)  # noqa: S704 # nosec B704


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("segmentation.reports.exploration"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"number": number, "percent": percent}
    environment.filters.update(filters)
    return environment
