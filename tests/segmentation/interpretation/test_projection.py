"""The map: points look like their segment and are no customer."""

import numpy as np

from segmentation.interpretation.projection import Plane, segment_map


def test_map_points_lie_with_their_segment_and_are_nobody() -> None:
    """Points look like their segment, and none is a customer's position."""
    rng = np.random.default_rng(1)
    segment = np.repeat([0, 1], 200)
    coordinates = rng.normal(size=(400, 3)) + 10.0 * segment[:, None]
    drawn = segment_map(coordinates, segment, Plane.learn(coordinates), seed=0)
    points = np.array(drawn["points"])
    assert len(points) == 400
    ends = np.array(drawn["prototypes"])[:, :2]
    nearest = ((points[:, None, :2] - ends) ** 2).sum(axis=2).argmin(axis=1) + 1
    assert np.array_equal(nearest, points[:, 2])
