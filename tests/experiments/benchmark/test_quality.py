"""The benchmark runs the product's own search and reads labels only to score."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from sklearn.datasets import make_blobs

from experiments.benchmark.__main__ import main
from experiments.benchmark.quality import choose, scored
from experiments.benchmark.simulated import KINDS, simulated_tables
from experiments.benchmark.suite import ScikitLearnTable, read_suite

NAMES = {
    "dataset",
    "n",
    "d",
    "k_chosen",
    "k_reference",
    "algorithm",
    "ari",
    "ami",
    "ari_best_candidate",
    "ari_kmeans_silhouette",
    "seconds",
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a suite of one easy problem."""
    folder = tmp_path_factory.mktemp("suite") / "easy"
    folder.mkdir()
    points, labels = make_blobs(240, centers=3, cluster_std=0.5, random_state=3)
    np.savetxt(folder / "blobs.data.gz", points)
    np.savetxt(folder / "blobs.labels0.gz", labels + 1, fmt="%d")
    return folder.parent


def test_the_report_holds_one_object_per_problem(suite: Path, tmp_path: Path) -> None:
    """The command writes the JSON list and prints the tables."""
    out = tmp_path / "report.json"
    plot = tmp_path / "quality.png"
    command = ["quality", "--suite", str(suite), "--trials", "5", "--jobs", "1", "--out", str(out)]
    command += ["--plot", str(plot)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(out.read_text(encoding="utf-8"))
    assert set(row) == NAMES
    assert (row["dataset"], row["n"], row["d"], row["k_reference"]) == ("easy/blobs", 240, 2, 3)
    assert row["ari"] <= row["ari_best_candidate"] <= 1
    assert "paired difference to k-means + silhouette" in result.output
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_permuted_labels_change_no_choice(suite: Path, tmp_path: Path) -> None:
    """The choice is made from the points alone: other labels, same partition and algorithm."""
    (table,) = read_suite(suite)
    shuffled = tmp_path / "labels.gz"
    np.savetxt(shuffled, np.random.default_rng(0).permutation(table.labellings()[0]), fmt="%d")
    one = scored(table, trials=4, seed=0)
    other = scored(replace(table, label_files=(shuffled,)), trials=4, seed=0)
    assert (one.k_chosen, one.algorithm) == (other.k_chosen, other.algorithm)
    assert other.ari < 0.1 < one.ari
    again = choose(table.frame(), 4, 0)
    assert len(again.candidates) == 4
    assert int(again.partition.max()) + 1 == one.k_chosen


def test_tracking_changes_no_choice(suite: Path, workplace: Path, client: MlflowClient) -> None:
    """With every trial an MLflow run, the same partition is chosen."""
    (table,) = read_suite(suite)
    plain, tracked = (choose(table.frame(), 4, 0, name="blobs", track=t) for t in (False, True))
    assert np.array_equal(plain.partition, tracked.partition)
    experiment = client.get_experiment_by_name("benchmark")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 5


def test_simulated_and_real_tables_are_searched_too(tmp_path: Path) -> None:
    """By option; categories are taken as the product takes them."""
    out = tmp_path / "report.json"
    (table,) = [t for t in simulated_tables(1) if t.kind == "categories"]
    row = scored(table, trials=2, seed=0)
    assert row.d == table.frame().shape[1]
    assert 0 <= row.ari_kmeans_silhouette <= 1
    assert ScikitLearnTable("iris").frame().shape == (150, 4)
    assert set(ScikitLearnTable("iris").labellings()[0]) == {1, 2, 3}
    nothing = CliRunner().invoke(main, ["quality", "--out", str(out)])
    assert nothing.exit_code == 2
    assert "give --suite, --scikit-learn or --simulated" in nothing.output


def test_a_simulated_table_is_drawn_again_alike() -> None:
    """Every kind once a seed, the same for the same seed, with groups of eight or more."""
    once, again = list(simulated_tables(1)), list(simulated_tables(1))
    assert [table.name for table in once] == [f"{kind}/0" for kind in KINDS]
    for table, same in zip(once, again, strict=True):
        assert table.frame().equals(same.frame())
        (groups,) = table.labellings()
        sizes = np.bincount(groups)[1:]
        assert len(groups) == len(table.frame())
        assert len(sizes) >= 2
        assert sizes.min() >= 8
