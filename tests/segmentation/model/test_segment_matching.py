"""Segments keep numbers and names where they are the same, and only there."""

import json

import numpy as np
import pytest

from segmentation.model.segment_matching import Numbering, align, match_segments, new_numbering

NAMES = ("Savers", "Spenders", "Revolvers")
PREVIOUS = Numbering((1, 2, 5), NAMES, (0.0, 0.0, 0.0), 6)


def book(*sizes: int) -> np.ndarray:
    """Return the clusters of customers in a row: so many in each."""
    return np.repeat(np.arange(len(sizes)), sizes)


def test_the_first_version_counts_from_one() -> None:
    """Nothing came before: all are new, the next is one more."""
    numbering = new_numbering(NAMES)
    assert numbering.numbers == (1, 2, 3)
    assert (numbering.next_number, numbering.n_matched) == (4, 0)


def test_renumbered_clusters_keep_number_and_name() -> None:
    """The algorithm's order means nothing; a few customers may have moved."""
    before = book(100, 200, 300)
    after = np.array([2, 0, 1])[before]
    after[:10] = 0
    numbering = match_segments(PREVIOUS, before, after, ("a", "b", "c"))
    assert numbering.numbers == (2, 5, 1)
    assert numbering.names == ("Spenders", "Revolvers", "Savers")
    assert numbering.overlap == pytest.approx((200 / 210, 1.0, 0.9))
    assert (numbering.changes, numbering.next_number) == ((), 6)


def test_a_split_is_said_and_the_larger_part_keeps_the_number() -> None:
    """300 Revolvers become 200 and 100: the 200 are still they, the others get a new number."""
    before = book(100, 200, 300)
    after = book(100, 200, 200, 100)
    numbering = match_segments(PREVIOUS, before, after, ("a", "b", "c", "d"))
    assert numbering.numbers == (1, 2, 5, 6)
    assert numbering.names == (*NAMES, "d")
    assert numbering.changes == ("Segment 5 split into 5 and 6.",)
    assert numbering.next_number == 7


def test_a_merger_is_said() -> None:
    """100 and 200 become one: more than half of it are Spenders, so it is still they."""
    before = book(100, 200, 300)
    numbering = match_segments(PREVIOUS, before, book(300, 300), ("a", "b"))
    assert numbering.numbers == (2, 5)
    assert numbering.changes == ("Segments 1 and 2 merged into 2.",)


def test_a_new_and_a_lost_segment_are_said() -> None:
    """A segment from bits of all is new, and never gets a number used before."""
    before = book(60, 100, 100)
    after = before.copy()
    after[60:95] = after[160:195] = 0
    after[45:60] = 1
    numbering = match_segments(PREVIOUS, before, after, ("Spenders", "b", "c"))
    assert numbering.numbers == (6, 2, 5)
    assert numbering.names == ("Spenders (another)", "Spenders", "Revolvers")
    assert numbering.changes == ("Segment 1 is gone.", "Segment 6 is new.")


def test_a_new_segment_whose_name_is_taken_gets_its_next_best() -> None:
    """No digit behind a name: another one that is true of the segment, as far as there is one."""
    before = book(60, 100, 100)
    after = before.copy()
    after[60:95] = after[160:195] = 0
    after[45:60] = 1
    others = {"Spenders": ["Revolvers", "Spenders, large payments"]}
    numbering = match_segments(PREVIOUS, before, after, ("Spenders", "b", "c"), others)
    assert numbering.names == ("Spenders, large payments", "Spenders", "Revolvers")


@pytest.mark.parametrize(
    ("common", "split", "merged"),
    [
        (80, ("Segment 1 split into 3 and 4.",), ("Segments 1 and 2 merged into 4.",)),
        (
            79,
            ("Segment 1 is gone.", "Segment 3 is new.", "Segment 4 is new."),
            ("Segment 1 is gone.", "Segment 2 is gone.", "Segment 4 is new."),
        ),
    ],
)
def test_a_part_has_four_fifths_of_its_customers_in_the_whole(common, split, merged) -> None:
    """80 of 100 customers make a segment part of another one, 79 do not."""
    parts = np.repeat([0, 1, 2], [100, 100, 300])
    whole = np.concatenate([np.repeat([0, 1], [common, 100 - common])] * 2 + [np.ones(300, int)])
    assert match_segments(new_numbering("AB"), whole, parts, "abc").changes == split
    assert match_segments(new_numbering("ABC"), parts, whole, "ab").changes == merged


@pytest.mark.parametrize(("common", "number"), [(50, 3), (51, 1)])
def test_a_segment_is_the_same_when_more_than_half_is_in_both(common: int, number: int) -> None:
    """Of 100 customers 51 have to stay together; with 50 another segment might claim the name."""
    numbering = match_segments(
        new_numbering("AB"), book(100, 300), book(common, 400 - common), ("a", "b")
    )
    assert numbering.numbers == (number, 2)


def test_a_numbering_survives_as_data() -> None:
    """What is saved with a model comes back equal, and says whether a model came before."""
    numbering = match_segments(PREVIOUS, book(100, 200, 300), book(300, 300), ("a", "b"))
    assert Numbering.from_dict(json.loads(json.dumps(numbering.to_dict()))) == numbering
    assert (new_numbering(NAMES).is_first, numbering.is_first) == (True, False)


def test_numbers_and_names_belong_to_one_segment_each() -> None:
    """A number or a name used twice would give two segments one history."""
    data = new_numbering(NAMES).to_dict()
    for change in ({"numbers": [1, 1, 2]}, {"names": ["a", "b", "a"]}, {"names": ["a", "b"]}):
        with pytest.raises(ValueError, match="3 numbers and"):
            Numbering.from_dict({**data, **change})


def test_shuffled_customers_keep_nothing() -> None:
    """Chance never reaches half of either segment."""
    before = book(100, 200, 300)
    after = np.random.default_rng(0).permutation(before)
    assert match_segments(PREVIOUS, before, after, ("a", "b", "c")).n_matched == 0


def test_segments_are_matched_one_to_one() -> None:
    """Renamed segments are recognised; a superfluous one has no partner."""
    reference = np.array([0, 0, 0, 1, 1, 2, 2])
    other = np.array([2, 2, 3, 0, 0, 1, 1])
    assert align(reference, other).tolist() == [0, 0, -1, 1, 1, 2, 2]
