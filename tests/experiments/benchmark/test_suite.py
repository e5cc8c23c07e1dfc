"""Labelled problems are read and scored as the suite's format says."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from experiments.benchmark.baseline import kmeans_silhouette
from experiments.benchmark.report import QualityRow, bootstrap_mean, render
from experiments.benchmark.suite import agreement, read_suite


def write_problem(folder: Path, name: str, labels: list[list[int]]) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    values = np.arange(2 * len(labels[0]), dtype=float).reshape(-1, 2)
    np.savetxt(folder / f"{name}.data.gz", values)
    for number, labelling in enumerate(labels):
        np.savetxt(folder / f"{name}.labels{number}.gz", labelling, fmt="%d")


def test_a_suite_is_read_by_folder_and_name(tmp_path: Path) -> None:
    """Every data file with labels is a problem; one whose name starts alike is kept apart."""
    write_problem(tmp_path / "b", "ring", [[1, 1, 2]])
    write_problem(tmp_path / "b", "ring_noisy", [[1, 2, 2], [1, 1, 0]])
    np.savetxt(tmp_path / "b" / "unlabelled.data.gz", [[1.0, 2.0]])
    problems = list(read_suite(tmp_path))
    assert [p.name for p in problems] == ["b/ring", "b/ring_noisy"]
    assert problems[0].folder == "b"
    assert problems[0].values().shape == (3, 2)
    assert [len(p.labellings()) for p in problems] == [1, 2]


def test_an_empty_suite_is_refused(tmp_path: Path) -> None:
    """A folder without problems is named instead of giving an empty report."""
    with pytest.raises(FileNotFoundError, match="no NAME.data.gz below"):
        next(read_suite(tmp_path))


def test_the_best_labelling_counts_and_noise_is_left_out() -> None:
    """Several labellings: the nearest one; points labelled 0 do not count."""
    partition = np.array([0, 0, 1, 1, 1])
    wrong = np.array([1, 2, 1, 2, 1])
    right_but_noise = np.array([3, 3, 5, 5, 0])
    best = agreement(partition, [wrong, right_but_noise])
    assert best.ari == 1.0
    assert best.ami == pytest.approx(1.0)
    assert best.k_reference == 2


def test_the_baseline_finds_clear_blobs() -> None:
    """k-means with the best silhouette is not a straw man: it solves what it can."""
    values, labels = make_blobs(400, centers=4, cluster_std=0.3, random_state=1)
    assert agreement(kmeans_silhouette(values, 2, 12), [labels + 1]).ari == 1.0


def test_the_bootstrap_interval_holds_the_mean() -> None:
    """The interval is ordered, holds the mean, and shrinks to it for equal values."""
    interval = bootstrap_mean([0.1, 0.4, 0.2, 0.6])
    assert interval.mean == pytest.approx(0.325)
    assert interval.low < interval.mean < interval.high
    same = bootstrap_mean([0.5, 0.5])
    assert (same.low, same.high) == (0.5, 0.5)


def test_the_report_names_the_cases_it_loses() -> None:
    """A problem where the baseline is better is listed by name."""
    row = QualityRow("a/won", 10, 2, 3, 3, "genie", 0.9, 0.9, 1.0, 0.5, 1.0)
    lost = QualityRow("a/lost", 10, 2, 3, 3, "ward", 0.4, 0.4, 1.0, 0.5, 1.0)
    text = render([row, lost])
    assert "lost to it by more than 0.02: a/lost" in text
    assert "+0.150" in text
