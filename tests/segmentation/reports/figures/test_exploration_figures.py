"""Pictures of an exploration as files that stand alone."""

from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from scipy.ndimage import label

from segmentation.reports.exploration.bivariate import Pair
from segmentation.reports.exploration.descriptive import distribution
from segmentation.reports.figures.exploration_figures import (
    Picture,
    draw_distribution,
    draw_pair,
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
