"""Segments keep numbers and names where they are the same, and only there."""

import numpy as np
import pytest

from segmentation.model.segment_matching import Known, first_identity, match

NAMES = ("Savers", "Spenders", "Revolvers")
KNOWN = Known((1, 2, 5), NAMES, 6)


def book(*sizes: int) -> np.ndarray:
    """Return the clusters of customers in a row: so many in each."""
    return np.repeat(np.arange(len(sizes)), sizes)


def test_the_first_version_counts_from_one() -> None:
    """Nothing came before: all are new, the next is one more."""
    identity = first_identity(NAMES)
    assert identity.numbers == (1, 2, 3)
    assert (identity.following, identity.kept) == (4, 0)


def test_renumbered_clusters_keep_number_and_name() -> None:
    """The algorithm's order means nothing; a few customers may have moved."""
    before = book(100, 200, 300)
    after = np.array([2, 0, 1])[before]
    after[:10] = 0
    identity = match(KNOWN, before, after, ("a", "b", "c"))
    assert identity.numbers == (2, 5, 1)
    assert identity.names == ("Spenders", "Revolvers", "Savers")
    assert identity.overlap == pytest.approx((200 / 210, 1.0, 0.9))
    assert (identity.changes, identity.following) == ((), 6)


def test_a_split_is_said_and_the_larger_part_keeps_the_number() -> None:
    """300 Revolvers become 200 and 100: the 200 are still they, the others get a new number."""
    before = book(100, 200, 300)
    after = book(100, 200, 200, 100)
    identity = match(KNOWN, before, after, ("a", "b", "c", "d"))
    assert identity.numbers == (1, 2, 5, 6)
    assert identity.names == (*NAMES, "d")
    assert identity.changes == ("Segment 5 split into 5 and 6.",)
    assert identity.following == 7


def test_a_merger_is_said() -> None:
    """100 and 200 become one: more than half of it are Spenders, so it is still they."""
    before = book(100, 200, 300)
    identity = match(KNOWN, before, book(300, 300), ("a", "b"))
    assert identity.numbers == (2, 5)
    assert identity.changes == ("Segments 1 and 2 merged into 2.",)


def test_a_new_and_a_lost_segment_are_said() -> None:
    """A segment from bits of all is nobody's heir, and never gets a number used before."""
    before = book(60, 100, 100)
    after = before.copy()
    after[60:95] = after[160:195] = 0
    after[45:60] = 1
    identity = match(KNOWN, before, after, ("Spenders", "b", "c"))
    assert identity.numbers == (6, 2, 5)
    assert identity.names == ("Spenders (6)", "Spenders", "Revolvers")
    assert identity.changes == ("Segment 1 is gone.", "Segment 6 is new.")


def test_shuffled_customers_keep_nothing() -> None:
    """Chance never reaches half of either segment."""
    before = book(100, 200, 300)
    after = np.random.default_rng(0).permutation(before)
    assert match(KNOWN, before, after, ("a", "b", "c")).kept == 0
