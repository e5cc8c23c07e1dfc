"""The whole exploration as one HTML page that needs nothing else: no network."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from markupsafe import Markup

from segmentation.interpretation.formatting import percent, sentence_case
from segmentation.reports.exploration.analysis import Exploration
from segmentation.reports.exploration.recommendations import search_parameters
from segmentation.reports.figures.exploration_figures import Picture
from segmentation.reports.html.page_template import page

KINDS = {"frequency": "share", "ordered": "ordered"}
CATEGORIES = {"category", "ordered"}


def exploration_page(
    exploration: Exploration, pictures: Mapping[str, tuple[Picture, ...]], *, seconds: float
) -> str:
    """Return the report as HTML, with its pictures by section and the seconds it took."""
    columns = exploration.descriptive.columns
    labels = exploration.table.labels
    return page(
        "exploration.html",
        exploration.table.schema.customers,
        exploration=exploration,
        schema=exploration.table.schema,
        numbers=[c for c in columns if c.kind not in CATEGORIES],
        categories=[c for c in columns if c.kind in CATEGORIES],
        pictures=pictures,
        svg=svg_markup,
        label=lambda name: labels.get(name, name),
        kind=lambda column: KINDS.get(column.kind, column.kind),
        parameters=search_parameters(exploration.recommendations),
        glance=glance(exploration),
        seconds=seconds,
    )


def glance(exploration: Exploration) -> list[tuple[str, str, str]]:
    """Return the headline numbers: name, value, and a few words more."""
    table, axes = exploration.descriptive, exploration.components
    kinds = f"{len(exploration.distributions)} of numbers, {len(exploration.levels)} categories"
    complete = f"{exploration.missingness.complete:,} rows complete"
    customers = sentence_case(exploration.table.schema.customers)
    result = [
        (
            customers,
            f"{table.rows:,}",
            f"{table.duplicated:,} duplicated",
        ),
        ("Features", f"{len(table.columns)}", kinds),
        ("Missing", percent(exploration.missing_share), complete),
    ]
    skewed = [column for column in table.columns if isfinite(column.skew)]
    if skewed:
        most = max(skewed, key=lambda column: abs(column.skew))
        middle = f"{exploration.median_skew:.1f}"
        result.append(("Median skew", middle, f"most: {most.label}, {most.skew:.1f}"))
    if axes.explained:
        needed = f"{axes.needed(0.9)} of {len(axes.names)}"
        result.append(("Main axes", needed, "explain 90% of the variance"))
    return [*result, ("Structure", exploration.structure.answer, exploration.structure.evidence)]


def svg_markup(picture: Picture) -> Markup:
    """Return a picture as markup; Matplotlib escapes every text in it."""
    return Markup(picture.svg())  # noqa: S704 # nosec B704
