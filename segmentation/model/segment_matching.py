"""Which segments of a new model are segments of the previous one: numbers and names that last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from segmentation.interpretation.formatting import listed
from segmentation.types import FloatArray, IntArray

# Two segments are the same when more than half of the customers of either are in both: then no
# third one can be the same as either of them.
SAME_ABOVE = 0.5
# A segment is part of another one when nearly all of its customers are in the other.
PART_FROM = 0.8
NO_PARTNER = -1


@dataclass(frozen=True)
class Numbering:
    """Lasting numbers and names of a model's segments, in the order of its clusters."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    overlap: tuple[float, ...]  # Jaccard index with the earlier segment of this number, 0 if new
    next_number: int  # for the next new segment: above every number used before
    changes: tuple[str, ...] = ()  # new, gone, split and merged segments, a sentence each

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Numbering:
        """Build a numbering from what :meth:`to_dict` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            When the data do not have this shape, or a number or name is missing or used twice.
        """
        numbers, names = tuple(map(int, raw["numbers"])), tuple(map(str, raw["names"]))
        if not len(set(numbers)) == len(set(names)) == len(numbers) == len(names):
            raise ValueError(f"{len(numbers)} numbers and {len(names)} names, some of them twice")
        return cls(
            numbers,
            names,
            tuple(map(float, raw["overlap"])),
            int(raw["following"]),
            tuple(map(str, raw["changes"])),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON."""
        data = asdict(self)
        data["following"] = data.pop("next_number")
        return data

    @property
    def is_first(self) -> bool:
        """Whether there was no model to compare with."""
        return not any(self.overlap) and not self.changes

    @property
    def n_matched(self) -> int:
        """How many segments are segments of the previous model."""
        return sum(value > 0 for value in self.overlap)

    @property
    def name_of(self) -> dict[int, str]:
        """Name by segment number."""
        return dict(zip(self.numbers, self.names, strict=True))


def new_numbering(names: Sequence[str], start: int = 1) -> Numbering:
    """Return numbers from `start` for the segments of a model without a predecessor."""
    end = start + len(names)
    return Numbering(tuple(range(start, end)), tuple(names), (0.0,) * len(names), end)


def match_segments(
    previous: Numbering,
    before: IntArray,
    after: IntArray,
    names: Sequence[str],
    other_names: Mapping[str, Sequence[str]] | None = None,
) -> Numbering:
    """Give a new model's segments the numbers and names they had in the previous model.

    The assignment of new to previous segments maximises the sum of Jaccard indices; pairs with
    an index of at most one half are not the same segment.

    Parameters
    ----------
    previous
        Of the previous model.
    before, after
        Cluster of every customer in the previous and in the new model, shape (n,), from 0.
    names
        What the new model's segments are called where they are new.
    other_names
        By name, others that are true of the segment, for a name that an earlier segment keeps.
    """
    counts = contingency(before, after, (len(previous.numbers), len(names)))
    overlap = jaccard(counts)
    same = {
        new: old
        for new, old in enumerate(best_partner(overlap).tolist())
        if old != NO_PARTNER and overlap[old, new] > SAME_ABOVE
    }
    next_number = max(previous.next_number, *(number + 1 for number in previous.numbers))
    used_names = {previous.names[old] for old in same.values()}
    numbers, lasting_names = [], []
    for new, name in enumerate(names):
        if new in same:
            numbers.append(previous.numbers[same[new]])
            lasting_names.append(previous.names[same[new]])
            continue
        numbers.append(next_number)
        choices = [name, *(other_names or {}).get(name, ()), f"{name} (another)"]
        free = (choice for choice in choices if choice not in used_names)
        lasting_names.append(next(free, f"{name} ({next_number})"))
        used_names.add(lasting_names[-1])
        next_number += 1
    return Numbering(
        tuple(numbers),
        tuple(lasting_names),
        tuple(float(overlap[same[new], new]) if new in same else 0.0 for new in range(len(names))),
        next_number,
        tuple(_changes(previous.numbers, numbers, counts, same)),
    )


def align(reference: IntArray, other: IntArray) -> IntArray:
    """Return `other` with the labels of `reference` that agree with it best, one to one.

    Both have shape (n,) and label the same customers from 0; a label of `other` without a
    partner becomes -1.
    """
    shape = int(reference.max()) + 1, int(other.max()) + 1
    aligned: IntArray = best_partner(contingency(reference, other, shape))[other]
    return aligned


def contingency(before: IntArray, after: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Return how many customers are in every pair of clusters."""
    counts = np.zeros(shape)
    np.add.at(counts, (before, after), 1.0)
    return counts


def best_partner(similarity: FloatArray) -> IntArray:
    """Return the row paired with each column, one to one, or -1, so that the sum is greatest.

    The Hungarian method (Kuhn 1955; scipy's ``linear_sum_assignment``).
    """
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    partner = np.full(similarity.shape[1], NO_PARTNER, dtype=np.int64)
    partner[columns] = rows
    return partner


def jaccard(counts: FloatArray) -> FloatArray:
    """Return the Jaccard index of every pair, in [0, 1]: customers in both over those in either."""
    union = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    return _ratio(counts, union)


def _changes(
    old_numbers: Sequence[int],
    new_numbers: Sequence[int],
    counts: FloatArray,
    same: Mapping[int, int],
) -> list[str]:
    """Say which segments split, merged, are gone or are new."""
    is_part_of_old = _ratio(counts, counts.sum(axis=0, keepdims=True)) >= PART_FROM
    is_part_of_new = _ratio(counts, counts.sum(axis=1, keepdims=True)) >= PART_FROM
    sentences = []
    explained_old, explained_new = set(same.values()), set(same)
    for old, number in enumerate(old_numbers):
        parts = np.flatnonzero(is_part_of_old[old]).tolist()
        if len(parts) > 1:
            names = _listed(new_numbers[new] for new in parts)
            sentences.append(f"Segment {number} split into {names}.")
            explained_new.update(parts)
            explained_old.add(old)
    for new, number in enumerate(new_numbers):
        parts = np.flatnonzero(is_part_of_new[:, new]).tolist()
        if len(parts) > 1:
            names = _listed(old_numbers[old] for old in parts)
            sentences.append(f"Segments {names} merged into {number}.")
            explained_old.update(parts)
            explained_new.add(new)
    sentences += [
        f"Segment {number} is gone."
        for old, number in enumerate(old_numbers)
        if old not in explained_old
    ]
    sentences += [
        f"Segment {number} is new."
        for new, number in enumerate(new_numbers)
        if new not in explained_new
    ]
    return sentences


def _ratio(counts: FloatArray, total: FloatArray) -> FloatArray:
    ratio: FloatArray = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    return ratio


def _listed(numbers: Iterable[int]) -> str:
    return listed([str(number) for number in sorted(numbers)])
