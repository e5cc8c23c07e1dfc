"""The lists benchmark scores a small table into both places and asks the real pages."""

from pathlib import Path

from click.testing import CliRunner

from experiments.benchmark.__main__ import main
from serve.processes import free_port


def test_it_measures_both_places_and_tells_what_was_missed(
    workplace: Path,
    tmp_path: Path,
) -> None:
    """Every figure with a target says whether it held; the status agrees."""
    short = ["--rows", "1500", "--port", str(free_port(18360)), "--logs", str(tmp_path)]
    result = CliRunner().invoke(main, ["lists", *short])
    lines = result.output.splitlines()
    for place in ("PostgreSQL", "Parquet"):
        own = [line for line in lines if line.startswith(f"{place}  ")]
        for words in ("look-ups", "count,", "csv of 1", "parquet of 1", "more memory"):
            assert any(words in line for line in own), (result.exception, result.output)
        assert sum(line.endswith(("  yes", "  no")) for line in own) >= 5
    assert result.exit_code == any(line.endswith("  no") for line in lines), result.output
