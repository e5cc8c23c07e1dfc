"""A search killed at any moment loses nothing and doubles nothing."""

import random
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from experiments.study.storage import open_storage
from tests.soak.searching import ROOT, Search, kill_tree
from tests.stores import tracking_store

Times = Callable[[int, int], int]
Figure = Callable[[str], None]


@pytest.mark.row("`kill -9` of a search at random moments, the same command run again")
def test_a_search_killed_at_random_moments(tmp_path: Path, times: Times, figure: Figure) -> None:
    """Every kill is followed by the same command; in the end all is as if there had been none."""
    chance = random.Random(7)
    (tmp_path / "quiet").mkdir()
    trials = times(6, 16)
    quiet = Search(tmp_path / "quiet", trials)
    begun = time.monotonic()
    assert quiet.run() == 0, quiet.said()
    whole = time.monotonic() - begun
    goal, kills, studies, lost, wrong = times(1, 50), 0, 0, 0, []
    while kills < goal:
        folder = tmp_path / f"study{studies}"
        folder.mkdir()
        search, done = Search(folder, trials), set()
        while True:
            process = search.start()
            with suppress(subprocess.TimeoutExpired):
                # Moments over a whole search; a search that ends before is judged below.
                process.wait(chance.uniform(0, whole) if kills < goal else 600)
            if process.returncode is not None:
                break
            kill_tree(process)
            kills += 1
            if (folder / "optuna.db").exists() and "begins" in search.said():
                complete = set(search.settled())
                lost += len(done - complete)
                done = complete
        assert process.returncode == 0, search.said()
        studies += 1
        wrong += search.wrong()
        ours, theirs = search.settled(), quiet.settled()
        wrong += [p for p, t in theirs.items() if ours.get(p) is None or ours[p].value != t.value]
        if search.pick() != quiet.pick():
            wrong.append("another pick")
    figure(
        f"{kills} kills of {studies} studies: {lost} completed trials lost, {len(wrong)} runs or "
        "trials doubled, left running or different from an undisturbed search; same pick"
    )
    assert (lost, wrong) == (0, [])


@pytest.mark.row("`kill -9` while the very first databases are being made")
def test_stores_killed_while_they_are_made(tmp_path: Path, times: Times, figure: Figure) -> None:
    """Whatever the moment: the next start finds no database or a whole one."""
    chance = random.Random(11)
    making = "import sys; sys.path.insert(0, sys.argv[1]); " + "; ".join(
        [
            "from experiments.study.databases import prepare_tracking, quiet",
            "from experiments.study.storage import open_storage",
            "quiet(); print('ready', flush=True)",
            "prepare_tracking(); open_storage('sqlite:///optuna.db')",
        ]
    )
    kills, goal, longest, broken = 0, times(2, 50), 3.0, []
    midway = 0
    while kills < goal:
        folder = tmp_path / secrets.token_hex(4)
        folder.mkdir()
        search = Search(folder, 1)
        process = subprocess.Popen(
            [sys.executable, "-c", making, str(ROOT)],
            cwd=folder,
            env=search.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begun = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, longest))
        process.stdout.close()
        if process.returncode is not None:
            longest = time.monotonic() - begun  # it was faster than thought: aim earlier
            continue
        process.kill()
        process.wait()
        kills += 1
        midway += any(folder.glob(".creating-*"))
        broken += broken_stores(search)
    figure(
        f"{kills} kills, {midway} of them with a database half made: {len(broken)} databases "
        "that could not be opened afterwards"
    )
    assert broken == []


def broken_stores(search: Search) -> list[str]:
    """Return what goes wrong when the stores are made again and used."""
    with tracking_store(search.folder) as client:
        made = client.create_experiment("works")
        names = open_storage(search.storage_url).get_all_studies()
    return [] if made and names == [] else [str(search.folder)]
