"""Reasons: exact shares of a difference of distances."""

import numpy as np
import pytest

from segmentation.interpretation.explanations import Reasons


def test_contributions_add_up_to_the_difference_of_distances() -> None:
    """The split over columns is exact, and what speaks most for the segment comes first."""
    reasons = Reasons(("a", "b", "c"), np.array([[0.0, 0.0, 0.0], [3.0, -1.0, 0.0]]))
    point, zero, one = np.array([[0.5, 0.0, 9.0]]), np.array([0]), np.array([1])
    parts = reasons.contributions(point, zero, one)[0]
    own, other = (((point - medians) ** 2).sum() for medians in reasons.medians)
    assert parts.sum() == pytest.approx(other - own)
    for present, positions in ([True, True, True], [0, 1, -1]), ([False, True, True], [1, -1, -1]):
        decisive = reasons.decisive(point, zero, one, np.array([present]))
        assert decisive.tolist() == [positions]
