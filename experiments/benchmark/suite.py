"""Labelled clustering problems on disk; the labels are read only when a choice is scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from segmentation.types import FloatArray, IntArray

NOISE = 0


@dataclass(frozen=True)
class LabelledTable:
    """One problem of a suite: ``NAME.data.gz`` with its ``NAME.labels*.gz``.

    Parameters
    ----------
    name
        Path below the suite's folder without the endings, for example ``"fcps/atom"``.
    data_file
        Whitespace-separated numbers, one row a point.
    label_files
        One integer a row; 0 is noise. Several labellings may be equally right.
    """

    name: str
    data_file: Path
    label_files: tuple[Path, ...]

    @property
    def folder(self) -> str:
        """The battery the problem belongs to."""
        return str(Path(self.name).parent)

    def values(self) -> FloatArray:
        """Read the points, shape (n, d)."""
        return np.loadtxt(self.data_file, dtype=np.float64, ndmin=2)

    def labellings(self) -> list[IntArray]:
        """Read every reference labelling, each of shape (n,)."""
        return [np.loadtxt(path, dtype=np.int64, ndmin=1) for path in self.label_files]


@dataclass(frozen=True)
class Agreement:
    """How well one partition matches the nearest reference labelling.

    Parameters
    ----------
    ari, ami
        Adjusted Rand index and adjusted mutual information with the labelling that gives the
        highest adjusted Rand index; reference noise left out.
    k_reference
        Number of clusters in that labelling.
    """

    ari: float
    ami: float
    k_reference: int


def read_suite(folder: Path) -> Iterator[LabelledTable]:
    """Yield every problem below `folder`, by name.

    Raises
    ------
    FileNotFoundError
        When there is no problem below `folder`.
    """
    files = sorted(folder.rglob("*.data.gz"))
    if not files:
        raise FileNotFoundError(f"no NAME.data.gz below {folder}")
    for path in files:
        stem = path.name.removesuffix(".data.gz")
        labels = tuple(sorted(path.parent.glob(f"{stem}.labels*.gz")))
        if labels:
            name = str((path.parent / stem).relative_to(folder))
            yield LabelledTable(name, path, labels)


def agreement(partition: IntArray, labellings: Sequence[IntArray]) -> Agreement:
    """Score a partition against the nearest of several reference labellings."""
    best = max(
        ((_known_ari(partition, labels), labels) for labels in labellings),
        key=lambda pair: pair[0],
    )
    ari, labels = best
    labelled = labels != NOISE
    ami = adjusted_mutual_info_score(labels[labelled], partition[labelled])
    return Agreement(ari, float(ami), len(np.unique(labels[labelled])))


def _known_ari(partition: IntArray, labels: IntArray) -> float:
    labelled = labels != NOISE
    return float(adjusted_rand_score(labels[labelled], partition[labelled]))
