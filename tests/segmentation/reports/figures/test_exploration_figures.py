"""Pictures of an exploration as files that stand alone."""

from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from scipy.ndimage import label

from segmentation.reports.exploration.bivariate import Pair, principal_variables
from segmentation.reports.exploration.descriptive import distribution
from segmentation.reports.figures.exploration_figures import (
    Picture,
    draw_distribution,
    draw_pair,
    draw_pairs,
)
from segmentation.schema import Column
from tests.segmentation.reports.figures import png


def test_every_point_is_drawn() -> None:
    """A few points far from each other are as many dots in the file, on either scale."""
    for x in (np.linspace(1, 9, 8), np.geomspace(1, 1e6, 8)):
        pair = Pair(Column("a", "A"), Column("b", "B"), "Spearman", 1.0)
        figure = draw_pair(pair, np.column_stack([x, np.linspace(1, 9, 8)]))
        figure.axes[0].set_axis_off()
        ink = imread(BytesIO(png(figure)))[..., 1] < 0.9
        assert label(ink)[1] == 8


def test_captions_lie_above_the_picture() -> None:
    """A long caption is wrapped above the axes; dollar signs in it are money."""
    caption = "Spending: median $1,850 of $2,900, nearly all of it by a small part of customers"
    shape = distribution(np.arange(50.0), Column("x", "X"))
    figure = Picture("x", caption, draw_distribution(shape)).captioned()
    (text,) = figure.texts
    renderer = FigureCanvasAgg(figure).get_renderer()
    assert "\n" in text.get_text()
    assert not text.get_parse_math()
    assert text.get_window_extent(renderer).y0 >= figure.axes[0].get_window_extent(renderer).y1


def test_pairs_are_a_triangle_of_named_columns() -> None:
    """Distributions on the diagonal, all pairs below; names at the left and at the bottom only."""
    columns = [Column("a", "Balance", "money"), Column("b", "Visits"), Column("c", "Share")]
    points = np.random.default_rng(0).lognormal(0, 2, (80, 3)) * [1, 1, 0]
    figure = draw_pairs(columns, points)
    grid = figure.axes[1:]
    assert len(grid) == 6
    names = [[axes.get_ylabel(), axes.get_xlabel()] for axes in grid]
    assert [name for pair in names for name in pair if name] == [
        *("Balance", "Visits", "Share", "Balance", "Visits", "Share"),
    ]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    for axes in grid:
        for text in (axes.xaxis.label, axes.yaxis.label):
            box = text.get_window_extent(renderer)
            assert box.x0 >= 0
            assert box.y0 >= 0


def test_principal_variables_explain_the_others() -> None:
    """One of each group of columns that go together, and what share that explains."""
    rng = np.random.default_rng(1)
    groups = rng.normal(size=(3000, 3))
    table = np.hstack([groups, groups[:, :1], groups[:, :2] + 0.1 * rng.normal(size=(3000, 2))])
    chosen, share = principal_variables(np.corrcoef(table.T))
    group = (0, 1, 2, 0, 0, 1)
    assert {group[place] for place in chosen[:3]} == {0, 1, 2}
    assert share > 0.99
    assert principal_variables(np.full((2, 2), np.nan)) == ([], 0.0)
