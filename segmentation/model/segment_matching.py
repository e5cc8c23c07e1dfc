"""Which segments of a new model are segments of the one before: numbers and names that last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from segmentation.types import FloatArray, IntArray

# Two segments are the same when more than half of the customers of either are in both: then no
# third one can be the same as either of them.
SAME = 0.5
# A segment comes from another when nearly all of its customers do.
PART = 0.8


@dataclass(frozen=True)
class Known:
    """The segments of an earlier model.

    Parameters
    ----------
    numbers, names
        Of its segments, in the order of its clusters.
    following
        The number that the next new segment gets: above every number ever given.
    """

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    following: int


@dataclass(frozen=True)
class Identity:
    """Numbers and names of a new model's segments.

    Parameters
    ----------
    numbers, names
        In the order of its clusters.
    overlap
        Jaccard index, in [0, 1], with the earlier segment of the same number; 0 for a new one.
    following
        As in :class:`Known`.
    changes
        New, gone, split and merged segments, a sentence each.
    """

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    overlap: tuple[float, ...]
    following: int
    changes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Identity:
        """Build an identity from what ``asdict`` made of one.

        Raises
        ------
        KeyError, TypeError, ValueError
            When the data are not of this shape, or not one number and name for every segment.
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

    @property
    def first(self) -> bool:
        """Whether there was no champion before."""
        return not any(self.overlap) and not self.changes

    @property
    def kept(self) -> int:
        """How many segments are those of before."""
        return sum(value > 0 for value in self.overlap)


def first_identity(names: Sequence[str], following: int = 1) -> Identity:
    """Return the identity of segments that nothing came before."""
    numbers = tuple(range(following, following + len(names)))
    return Identity(numbers, tuple(names), (0.0,) * len(names), following + len(names))


def match(known: Known, before: IntArray, after: IntArray, names: Sequence[str]) -> Identity:
    """Give a new model's segments the numbers and names they had before.

    The assignment of new to earlier segments that maximises the sum of Jaccard indices is found
    by the Hungarian method (Kuhn 1955; scipy's ``linear_sum_assignment``); pairs of an index of
    at most one half are not the same segment.

    Parameters
    ----------
    known
        The earlier model's segments.
    before, after
        Cluster of every customer in the earlier and in the new model, shape (n,), from 0.
    names
        What the new model's segments would be called.
    """
    counts = crossing(before, after, len(known.numbers), len(names))
    overlap = jaccard(counts)
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    same = {
        int(new): int(old)
        for old, new in zip(rows, columns, strict=True)
        if overlap[old, new] > SAME
    }
    following = max(known.following, *(number + 1 for number in known.numbers))
    taken = {known.names[old] for old in same.values()}
    numbers, given = [], []
    for new, name in enumerate(names):
        if new in same:
            numbers.append(known.numbers[same[new]])
            given.append(known.names[same[new]])
            continue
        numbers.append(following)
        given.append(name if name not in taken else f"{name} ({following})")
        taken.add(given[-1])
        following += 1
    return Identity(
        tuple(numbers),
        tuple(given),
        tuple(float(overlap[same[new], new]) if new in same else 0.0 for new in range(len(names))),
        following,
        tuple(_changes(known, counts, same, numbers)),
    )


def crossing(before: IntArray, after: IntArray, n_before: int, n_after: int) -> FloatArray:
    """Return how many customers are in every pair of segments, shape (n_before, n_after)."""
    counts = np.zeros((n_before, n_after))
    np.add.at(counts, (before, after), 1.0)
    return counts


def jaccard(counts: FloatArray) -> FloatArray:
    """Return the Jaccard index of every pair, in [0, 1]: common customers over those of either."""
    union = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    index: FloatArray = np.divide(counts, union, out=np.zeros_like(counts), where=union > 0)
    return index


def _changes(
    known: Known, counts: FloatArray, same: dict[int, int], numbers: Sequence[int]
) -> list[str]:
    """Say which segments split, merged, are new, or are gone."""
    of_new = _shares(counts, axis=0)
    of_old = _shares(counts, axis=1)
    told: list[str] = []
    explained_new: set[int] = set()
    explained_old: set[int] = set()
    for old, number in enumerate(known.numbers):
        parts = [new for new in range(counts.shape[1]) if of_new[old, new] >= PART]
        if len(parts) > 1:
            told.append(f"Segment {number} split into {_listed(numbers[new] for new in parts)}.")
            explained_new.update(parts)
            explained_old.add(old)
    for new, number in enumerate(numbers):
        parts = [old for old in range(counts.shape[0]) if of_old[old, new] >= PART]
        if len(parts) > 1:
            merged = _listed(known.numbers[old] for old in parts)
            told.append(f"Segments {merged} merged into {number}.")
            explained_old.update(parts)
            explained_new.add(new)
    kept = set(same.values())
    told += [
        f"Segment {number} is gone."
        for old, number in enumerate(known.numbers)
        if old not in kept and old not in explained_old
    ]
    told += [
        f"Segment {number} is new."
        for new, number in enumerate(numbers)
        if new not in same and new not in explained_new
    ]
    return told


def _shares(counts: FloatArray, axis: int) -> FloatArray:
    total = counts.sum(axis=axis, keepdims=True)
    share: FloatArray = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    return share


def _listed(numbers: Iterable[int]) -> str:
    texts = [str(number) for number in sorted(numbers)]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]
