"""The serving benchmark asks two real scoring servers and checks what it measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.benchmark import serving
from experiments.benchmark.__main__ import main
from experiments.benchmark.serving import MOST, TARGETS, too_slow
from serve.processes import free_port

FEWER = 5_000


def test_it_measures_both_servers_and_tells_what_was_missed(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report has every ratio; the status is 1 where the table says that one was missed."""
    monkeypatch.setattr(serving, "LARGEST", FEWER)
    names = {replace(w, rows=min(w.rows, FEWER)): name for w, name in serving.NAMES.items()}
    monkeypatch.setattr(serving, "WORKS", tuple(names))
    monkeypatch.setattr(serving, "NAMES", names)
    out = tmp_path / "report.json"
    short = ["--rounds", "1", "--seconds", "0.1", "--port", str(free_port(18340))]
    result = CliRunner().invoke(
        main, ["serving", *short, "--logs", str(tmp_path), "--out", str(out)]
    )
    assert out.is_file(), (result.exception, result.output)
    report = json.loads(out.read_text())
    assert report.keys() >= {*TARGETS, *MOST, "memory_mb", "in_process_ms", "file_rows_per_second"}
    assert all(f"{name}: {report[name]:.2f}" in result.output for name in TARGETS)
    assert result.exit_code == bool(too_slow(report)), result.output
    assert ("missed: " in result.output) == bool(result.exit_code)


@pytest.mark.parametrize("name", TARGETS)
def test_each_target_is_told_by_its_name(name: str) -> None:
    """A ratio below its target is missed, the target itself is met."""
    met = {**TARGETS, **MOST}
    assert too_slow(met) == []
    (sentence,) = too_slow({**met, name: TARGETS[name] - 0.01})
    assert name in sentence
    assert len(too_slow({**met, **{most: limit + 0.01 for most, limit in MOST.items()}})) == 1
