"""Labelled clustering problems; the labels are read only when a choice is scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from segmentation.types import FloatArray, IntArray

NOISE = 0
SCIKIT_LEARN: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        "breast_cancer": load_breast_cancer,
        "digits": load_digits,
        "iris": load_iris,
        "wine": load_wine,
    }
)


class LabelledProblem(Protocol):
    """A table, and the groups it is known to have."""

    @property
    def name(self) -> str:
        """Folder or kind, and the problem's own name, for example ``"fcps/atom"``."""

    def frame(self) -> pd.DataFrame:
        """Return the table, shape (n, d)."""

    def labellings(self) -> Sequence[IntArray]:
        """Return every reference labelling, each of shape (n,); 0 is noise."""


@dataclass(frozen=True)
class ScikitLearnTable:
    """A real table with classes that comes with scikit-learn, a key of `SCIKIT_LEARN`."""

    title: str

    @property
    def name(self) -> str:
        """The title, in the folder of scikit-learn's tables."""
        return f"scikit-learn/{self.title}"

    def frame(self) -> pd.DataFrame:
        """Return the columns, shape (n, d)."""
        return numbered(SCIKIT_LEARN[self.title]().data)

    def labellings(self) -> list[IntArray]:
        """Return the classes, from 1."""
        return [np.asarray(SCIKIT_LEARN[self.title]().target, dtype=np.int64) + 1]


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

    def frame(self) -> pd.DataFrame:
        """Read the points as a table."""
        return numbered(self.values())

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


def numbered(values: FloatArray) -> pd.DataFrame:
    """Return values of shape (n, d) as a table whose columns are x1, x2, ..."""
    return pd.DataFrame(values, columns=[f"x{i + 1}" for i in range(values.shape[1])])


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
