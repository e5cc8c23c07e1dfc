"""A map that does not separate the segments says so, and offers the two columns that do best."""

import re
from dataclasses import replace

import numpy as np
import pytest
from flask.testing import FlaskClient

from experiments.registry.client import ModelInfo
from serve.web.separation import best_pair, mixed_share
from serve.web.views import customer_map
from tests.serve.web.test_segments import text_of


def test_dots_among_others_are_counted() -> None:
    """None where segments lie apart, most where their dots were drawn alike."""
    rng = np.random.default_rng(0)
    dots = [(float(x), float(y), 1 + n % 2) for n, (x, y) in enumerate(rng.normal(size=(200, 2)))]
    apart = [(x + 100 * segment, y, segment) for x, y, segment in dots]
    assert mixed_share(tuple(apart)) == 0
    assert 0.3 < mixed_share(tuple(dots)) < 0.7
    assert mixed_share(((0.0, 0.0, 1), (0.0, 0.0, 2))) == 0


def test_the_pair_that_separates_most_is_chosen() -> None:
    """Two columns that separate different segments, before one that separates a part of both."""
    halves = {
        "first": {1: (0.0, 1.0), 2: (5.0, 6.0), 3: (5.0, 6.0)},
        "second": {1: (0.0, 1.0), 2: (0.0, 1.0), 3: (5.0, 6.0)},
        "third": {1: (0.0, 1.0), 2: (0.5, 2.0), 3: (0.5, 2.0)},
        "constant": {1: (0.0, 0.0), 2: (0.0, 0.0), 3: (0.0, 0.0)},
    }
    assert best_pair(halves) == ("first", "second", 3)
    assert best_pair({"first": halves["first"]}) is None


def test_a_map_that_separates_nothing_says_so(
    client: FlaskClient, model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its share of mixed dots, and each segment's middle half in two columns; else neither."""
    assert "does not separate the segments" not in client.get("/").text
    places = np.random.default_rng(1).normal(size=(300, 2)).tolist()
    points = [[x, y, 1 + n % 2] for n, (x, y) in enumerate(places)]
    mixed = replace(model, map={**model.map, "points": points})
    pair = customer_map(mixed).pair
    assert pair is not None
    assert pair.across != pair.up
    assert (len(pair.boxes), pair.pairs) == (2, 1)
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: mixed)
    client.application.extensions["knowledge"].refresh()
    page = client.get("/").text
    share = mixed_share(tuple(tuple(point) for point in points))
    assert f"clearly: {100 * share:.0f}% of the dots" in text_of(page)
    assert f"separate the segments best: {pair.across} and {pair.up}" in text_of(page)
    assert len(re.findall(r'<g class="box s\d', page)) == 2
