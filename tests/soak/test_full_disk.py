"""The disk of the artifacts is full: the search says so, and what was complete stays so."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.searching import Search

PNG_END = b"IEND\xaeB`\x82"
KILOBYTES = 300
# A disk of its own for the artifacts: too small at first, then large enough.
SCRIPT = """
mkdir mlruns
mount -t tmpfs -o size={small}k tmpfs mlruns
"$@"; echo $? > status
mkdir kept; cp -a mlruns *.db* kept
mount -o remount,size=500m mlruns
"$@"; echo $? > status_later
cp -a mlruns later
"""


def damaged(folder: Path) -> list[str]:
    """Return the artifacts of finished trials that are not whole, after a look at every one."""
    with sqlite3.connect(folder / "mlflow.db") as store:
        query = (
            "select artifact_uri from runs join tags on tags.run_uuid = runs.run_uuid "
            "where status = 'FINISHED' and tags.key = 'trial'"
        )
        folders = [Path(row[0]) for row in store.execute(query)]
    store.close()
    assert folders, "no trial was complete before the disk was full"
    wrong = []
    for artifacts in [folder / "mlruns" / Path(*path.parts[-3:]) for path in folders]:
        pictures = list((artifacts / "plots").glob("*.png"))
        wrong += [str(p) for p in pictures if not p.read_bytes().endswith(PNG_END)]
        for name in ("spec.json", "evaluation.json"):
            json.loads((artifacts / name).read_text(encoding="utf-8"))
        assert pictures
    return wrong


@pytest.mark.row("disk full in the artifact store")
def test_a_full_disk(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """Exit status, path and size are told; earlier runs are whole; later the search goes on."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("a disk of its own needs Linux's unshare (util-linux)")
    search = Search(tmp_path, 14)
    script = SCRIPT.format(small=KILOBYTES)
    space = [unshare, "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    assert search.run(*space) == 0, search.said()
    status = int((tmp_path / "status").read_text())
    line = next(line for line in search.said().splitlines() if "is full" in line)
    wrong = damaged(tmp_path / "kept")
    later = int((tmp_path / "status_later").read_text())
    figure(
        f"exit {status}; {len(wrong)} artifacts of completed trials damaged; with space again "
        f"the same command: {len(search.settled())} of {search.trials} trials"
    )
    assert status == 2
    assert str(tmp_path / "mlruns") in line
    assert "MB of 0.3 MB are free" in line
    assert "Traceback" not in search.said()
    assert (later, wrong, search.wrong()) == (0, [], [])
    assert len(search.settled()) == search.trials
