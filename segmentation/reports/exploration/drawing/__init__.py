"""All pictures of an exploration, by section of the report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import matplotlib as mpl

from segmentation.interpretation.formatting import inside_sentence, percent, quantity
from segmentation.reports.exploration.analysis import Exploration
from segmentation.reports.exploration.drawing.canvas import Picture
from segmentation.reports.exploration.drawing.columns import (
    draw_distribution,
    draw_levels,
    draw_missing,
)
from segmentation.reports.exploration.drawing.relations import (
    SHOWN_COLUMNS,
    caption_of,
    draw_biplot,
    draw_correlations,
    draw_explained,
    draw_loadings,
    draw_map,
    draw_outliers,
    draw_pair,
)
from segmentation.reports.exploration.univariate import Distribution

MOST_COLUMNS = 60


def pictures(found: Exploration) -> dict[str, tuple[Picture, ...]]:
    """Draw everything there is to draw, by section."""
    with mpl.rc_context({"text.parse_math": False}):  # a dollar sign is money
        return {section: tuple(draw(found)) for section, draw in SECTIONS.items()}


def _univariate(found: Exploration) -> Iterator[Picture]:
    for number, shape in enumerate(found.distributions[:MOST_COLUMNS]):
        name = f"distribution-{number + 1:02d}-{_file(shape.column.name)}"
        caption = f"{shape.column.label}: {_shape(shape)}"
        yield Picture(name, caption, caption, draw_distribution(shape))
    for number, levels in enumerate(found.levels[:MOST_COLUMNS]):
        top = max(range(len(levels.counts)), key=lambda i: levels.counts[i])
        total = max(sum(levels.counts), 1)
        share = percent(levels.counts[top] / total)
        caption = f"{levels.column.label}: {levels.levels[top]} is most frequent, {share} of known"
        name = f"levels-{number + 1:02d}-{_file(levels.column.name)}"
        yield Picture(name, caption, caption, draw_levels(levels))


def _shape(shape: Distribution) -> str:
    box, total = shape.box, max(sum(shape.counts) + shape.zeros, 1)
    outside = (box.below + box.above) / total
    middle = f"median {quantity(box.median, shape.column)}"
    zeros = f"; {percent(shape.zeros / total)} zero, the rest on a log scale" * bool(shape.zeros)
    log = "; log scale" * (shape.scale == "log" and not shape.zeros)
    return f"{middle}, {percent(outside)} outside the fences{zeros}{log}"


def _bivariate(found: Exploration) -> Iterator[Picture]:
    pairs = found.associations
    labels = {column.name: column.label for column in found.table.schema.columns}
    few = f" (the {SHOWN_COLUMNS} that go together most)" * (len(pairs.names) > SHOWN_COLUMNS)
    if len(pairs.names) >= 2:
        caption = f"Spearman below the diagonal, Pearson above, similar columns together{few}"
        figure = draw_correlations(labels, pairs.names, pairs.spearman, pairs.pearson)
        yield Picture("correlations", caption, caption, figure, wide=True)
    if found.levels and len(pairs.all_names) >= 2:
        caption = (
            "Strength of every pair, categories included: absolute Spearman between numbers and "
            "ordered levels, Cramér's V between categories, correlation ratio between the two"
        )
        figure = draw_correlations(labels, pairs.all_names, pairs.strength, pairs.strength)
        yield Picture("strength", caption, caption, figure, wide=True)
    for number, pair in enumerate(pairs.pairs):
        name = f"pair-{number + 1}-{_file(pair.first.name)}-{_file(pair.second.name)}"
        yield Picture(name, caption_of(pair), caption_of(pair), draw_pair(pair))


def _multivariate(found: Exploration) -> Iterator[Picture]:
    axes = found.components
    if not axes.explained:
        return
    caption = f"{axes.needed(0.9)} of {len(axes.names)} components explain 90% of the variance"
    yield Picture("components", caption, caption, draw_explained(axes))
    caption = "Correlation of the first components with the columns, in hundredths from 50 on"
    yield Picture("loadings", caption, caption, draw_loadings(axes))
    if len(axes.loadings) >= 2:
        caption = "Customers on the first two components; arrows: where a column grows"
        yield Picture("biplot", caption, caption, draw_biplot(axes))
    if found.map is not None:
        caption = (
            "Neighbour map (t-SNE): neighbours are alike, distances across mean nothing; violet: "
            f"high {inside_sentence(found.map.dimension)}, rose: low"
        )
        yield Picture("map", caption, caption, draw_map(found.map))


def _nulls(found: Exploration) -> Iterator[Picture]:
    if found.nulls.columns:
        most = found.nulls.columns[0]
        caption = f"{most.column.label} is missing most often: {percent(most.share)} of rows"
        yield Picture("missing", caption, caption, draw_missing(found.nulls))


def _outliers(found: Exploration) -> Iterator[Picture]:
    far = found.outliers
    if far.rows and far.distances.any():
        caption = f"{far.both:,} of {far.rows:,} customers are far out by both measures"
        yield Picture("outliers", caption, caption, draw_outliers(far))


def _file(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "column"


SECTIONS: Mapping[str, Callable[[Exploration], Iterator[Picture]]] = MappingProxyType(
    {
        "univariate": _univariate,
        "bivariate": _bivariate,
        "multivariate": _multivariate,
        "nulls": _nulls,
        "outliers": _outliers,
    }
)

__all__ = ["SECTIONS", "Picture", "pictures"]
