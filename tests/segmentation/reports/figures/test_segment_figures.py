"""Pictures of a segmentation: their numbers, and that they can be drawn and read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.cluster.hierarchy import leaves_list, linkage
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_samples

from segmentation.evaluation.evaluator import Evaluator
from segmentation.interpretation.formatting import percent
from segmentation.reports.figures import FIGURES, FigureData
from segmentation.reports.figures.segment_figures import (
    CLEARANCE,
    centres,
    draw_customer_tree,
    effect_table,
    segment_map,
    silhouette_profile,
    spread_apart,
)
from segmentation.reports.figures.style import colour
from tests.segmentation.planted import SCHEMA, planted, spec
from tests.segmentation.reports.figures import SIGNATURE, png, title


@pytest.fixture(scope="module")
def data() -> FigureData:
    evaluator = Evaluator(planted(400, spread=0.8)[0], SCHEMA)
    return FigureData.of(evaluator, evaluator.evaluate(spec(n_clusters=4)))


def test_map_is_the_first_two_principal_components(data: FigureData) -> None:
    """Points and shown variance are scikit-learn's, up to the direction of an axis."""
    rows = data.sample()
    pca = PCA(2).fit(data.coordinates[rows])
    projection = segment_map(data)
    assert np.allclose(np.abs(projection.points), np.abs(pca.transform(data.coordinates[rows])))
    assert projection.explained == pytest.approx(tuple(pca.explained_variance_ratio_))
    for axis, columns in enumerate(projection.axes):
        column = data.coordinates[rows][:, columns[0]]
        assert np.corrcoef(projection.points[:, axis], column)[0, 1] > 0


def test_a_map_of_numbers_fits_ten_segments() -> None:
    """Without names the legend has numbers and shares, and the title has room."""
    evaluator = Evaluator(planted(300)[0], SCHEMA)
    data = FigureData.of(evaluator, evaluator.evaluate(spec(n_clusters=10)), named=False)
    figure = FIGURES["map"](data)
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = [*figure.texts, *figure.axes[0].texts]
    assert f"10  {percent(data.profiles[-1].share)}" in [text.get_text() for text in texts]
    assert overlapping(texts, figure) == []
    assert all(t.get_window_extent(renderer).x1 <= figure.bbox.x1 for t in texts)


def test_centres_are_the_medians_of_the_points(data: FigureData) -> None:
    """A segment's number stands at the median of its points."""
    projection = segment_map(data)
    for k, centre in enumerate(projection.centres):
        assert np.allclose(centre, np.median(projection.points[projection.segment == k], axis=0))


def test_marks_are_spread_apart() -> None:
    """Marks that would cover each other are moved, others stay, missing ones stay missing."""
    centres = np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0], [np.nan, np.nan]])
    points = np.array([[-10.0, -10.0], [10.0, 10.0]])
    moved = spread_apart(centres, points)
    assert np.linalg.norm((moved[0] - moved[1]) / 20) == pytest.approx(CLEARANCE)
    assert np.array_equal(moved[2], centres[2])
    assert np.isnan(moved[3]).all()


def test_silhouettes_are_those_of_scikit_learn(data: FigureData) -> None:
    """Widths by segment, falling; mean and share of misplaced customers."""
    rows = data.sample()
    widths = silhouette_samples(data.coordinates[rows], data.segment[rows])
    silhouettes = silhouette_profile(data)
    assert silhouettes.mean == pytest.approx(widths.mean())
    assert silhouettes.misplaced == pytest.approx(np.mean(widths < 0))
    for k, own in enumerate(silhouettes.widths):
        assert np.allclose(own, np.sort(widths[data.segment[rows] == k])[::-1])


def test_heat_map_shows_the_profiles_effects(data: FigureData) -> None:
    """Rows in the table's order, columns by segment, the effects of the profiles."""
    table = effect_table(data)
    assert table.labels == tuple(column.label for column in SCHEMA.columns)
    assert table.left_out == 0
    for k, profile in enumerate(data.profiles):
        for column in profile.columns:
            row = SCHEMA.column_names.index(column.column)
            assert table.effects[row, k] == column.effect


def test_strongest_column_counts_customers_not_segments(data: FigureData) -> None:
    """A column that sets one tiny segment apart is not what segments differ most in."""
    shares, balance, tenure = (0.5, 0.45, 0.05), (0.7, -0.8, 0.1), (0.0, 0.0, 0.99)
    profiles = []
    for k in range(3):
        effects = {"BALANCE": balance[k], "TENURE": tenure[k]}
        columns = [replace(c, effect=effects.get(c.column, 0.0)) for c in data.profiles[k].columns]
        profiles.append(replace(data.profiles[k], share=shares[k], columns=tuple(columns)))
    assert effect_table(replace(data, profiles=tuple(profiles))).strongest == "Balance"


def test_sample_is_bounded_and_repeatable(data: FigureData) -> None:
    """At most 2,000 customers are drawn, the same ones each time."""
    many = replace(data, segment=np.zeros(5000, dtype=np.int64))
    assert len(many.sample()) == len(set(many.sample())) == 2000
    assert np.array_equal(many.sample(), many.sample())


@pytest.mark.parametrize("name", FIGURES)
def test_every_picture_can_be_drawn(name: str, data: FigureData) -> None:
    """A PNG with a title that states the finding, wide enough to read, and not heavy."""
    figure = FIGURES[name](data)
    picture = png(figure)
    assert picture.startswith(SIGNATURE)
    assert 5_000 < len(picture) < 400_000
    assert len(title(figure)) > 15
    assert figure.get_figwidth() * figure.dpi > 600


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("k", [1, 2, 10])
def test_any_number_of_segments_fits(name: str, k: int) -> None:
    """One segment has no silhouette and two axes still; ten have room for their names."""
    evaluator = Evaluator(planted(200)[0], SCHEMA)
    evaluated = evaluator.evaluate(spec(n_clusters=max(2, k)))
    if k == 1:
        evaluated.segmenter.assignment_.segment[:] = 0
    assert png(FIGURES[name](FigureData.of(evaluator, evaluated))).startswith(SIGNATURE)


def overlapping(texts: list[Text], figure: Figure) -> list[tuple[str, str]]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_text()]
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]]
    return [(a, b) for (a, one), (b, other) in pairs if one.overlaps(other)]


@pytest.mark.parametrize("name", FIGURES)
def test_labels_do_not_overlap(name: str) -> None:
    """With eight long names, no two texts lie on each other and none leaves the picture."""
    evaluator = Evaluator(planted(400, spread=1.0)[0], SCHEMA)
    data = FigureData.of(evaluator, evaluator.evaluate(spec(n_clusters=8)))
    named = [replace(p, name=f"Seldom buyers {p.number}, high payments") for p in data.profiles]
    figure = FIGURES[name](replace(data, profiles=tuple(named)))
    axes = figure.axes[0]
    texts = [*figure.texts, *axes.texts, *axes.get_yticklabels(), *axes.get_xticklabels()]
    assert overlapping(texts, figure) == []
    renderer = FigureCanvasAgg(figure).get_renderer()
    for text in texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= figure.bbox.width, text.get_text()


def test_threads_can_draw_at_once(data: FigureData) -> None:
    """Four threads draw the same bytes as one: no global state."""
    draw = FIGURES["segment_sizes"]
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda _: png(draw(data)), range(4)))
    assert set(pictures) == {png(draw(data))}


def test_the_dendrogram_names_the_nearest_segments(data: FigureData) -> None:
    """The two whose medians lie nearest, in the colours of the other pictures, leaves by name."""
    medians = centres(data)
    pairs = combinations(range(len(medians)), 2)
    near = min(pairs, key=lambda pair: np.linalg.norm(medians[pair[0]] - medians[pair[1]]))
    one, other = sorted(data.profiles[place].number for place in near)
    figure = FIGURES["dendrogram"](data)
    assert title(figure) == f"Segments {one} and {other} are most alike"
    (axes,) = figure.axes
    leaves = [int(text.get_text().split()[0]) - 1 for text in axes.get_yticklabels()]
    expected = to_rgba_array([colour(place) for place in leaves])
    assert np.allclose(axes.collections[1].get_facecolors(), expected)
    assert sorted(leaves) == list(range(len(medians)))


def test_the_strip_below_a_tree_of_customers_is_that_of_their_segments(data: FigureData) -> None:
    """One bar a customer, in the order of the leaves."""
    coordinates, segment = data.coordinates[:60], data.segment[:60]
    tree = linkage(coordinates, "ward")
    figure = draw_customer_tree(tree, segment, data.profiles, "height")
    bars = figure.axes[0].patches
    expected = to_rgba_array([colour(segment[row]) for row in leaves_list(tree)])
    assert np.allclose([bar.get_facecolor() for bar in bars], expected)
    assert png(figure).startswith(SIGNATURE)
