"""The benchmarks without labels on disk: planted segments, repeats, tables without groups."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from experiments.benchmark import nulls
from experiments.benchmark.__main__ import main
from experiments.benchmark.segments import planted_rows, read_table, repeat_rows
from segmentation.data.synthetic import generate

SMALL = ["--trials", "6", "--jobs", "1"]
TINY = ["--trials", "2", "--jobs", "1"]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of generated card holders."""
    path = tmp_path_factory.mktemp("cards") / "cards.csv"
    generate(500, seed=3).to_csv(path, index=False)
    return path


def test_planted_segments_are_found_better_than_the_usual_way() -> None:
    """On easy data; structure is seen, and no label helps."""
    row = next(planted_rows(1, trials=20, rows=1_000, jobs=1))
    assert row.difficulty == "easy"
    assert row.ari > row.ari_kmeans_silhouette
    assert row.structure
    assert row.stability > 0.8


def test_segments_prints_means_alternatives_and_pick(cards: Path) -> None:
    """One line a difficulty, then a table on disk."""
    command = ["segments", "--seeds", "1", "--rows", "300", *SMALL, "--table", str(cards)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    for words in ("easy", "medium", "hard", "ari_kmeans_silhouette", "cards, 500 customers"):
        assert words in result.output
    assert "restatement" in result.output


def test_shuffled_rows_and_other_units_change_nothing(cards: Path) -> None:
    """The same search on the same customers in another order or unit gives the same segments."""
    rows = list(repeat_rows(cards, 1, trials=4, jobs=1))
    assert [row.change for row in rows] == ["rows shuffled", "columns rescaled", "another seed"]
    assert [row.ari for row in rows[:2]] == [1.0, 1.0]
    result = CliRunner().invoke(main, ["repeats", "--table", str(cards), "--repeats", "1", *TINY])
    assert result.exit_code == 0, result.output
    assert "the same number of segments in" in result.output


def test_any_table_can_be_read(tmp_path: Path) -> None:
    """Without the card columns a schema is drafted: identifiers left out, categories expanded."""
    path = tmp_path / "other.csv"
    table = pd.DataFrame({"id": range(50), "a": [1.5, 2] * 25, "b": ["x", "y"] * 25})
    table.to_csv(path, index=False)
    frame, schema = read_table(path)
    assert list(frame) == ["a", "b=y"] == list(schema.column_names)


def test_tables_without_groups_are_counted(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind has its line; groups are found where they were planted and nowhere else."""
    monkeypatch.setattr(nulls, "COLUMNS", (2,))
    monkeypatch.setattr(nulls, "EXTRAS", {"a flag": nulls.EXTRAS["a flag"]})
    few = {kind: nulls.PLANTED[kind] for kind in ("planted, easy", "two moons")}
    monkeypatch.setattr(nulls, "PLANTED", few)
    result = CliRunner().invoke(
        main, ["nulls", "--table", str(cards), "--seeds", "1", "--rows", "400"]
    )
    assert result.exit_code == 0, result.output
    assert "no groups: structure in 0.0% of 5 tables" in result.output
    assert "groups planted: structure in 100.0% of 2 tables" in result.output
    assert "5 kinds and sizes; most often in 0 of 1" in result.output
    for kind in ("uniform", "permuted", "two moons"):
        assert f"{kind}, " in result.output
    assert "WRONG" not in result.output
