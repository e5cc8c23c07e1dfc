"""Thousands of generated requests: no failure of a server, no trace, no customer value in a log."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from serve.processes import free_port
from tests.soak.generating import PLANTED, Heard, broken_lines, scoring_requests
from tests.soak.serving import Registry, front, product
from tests.soak.visiting import page_requests

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
ROUNDS, BATCH = 100, 200
TRACES = re.compile(r"^Traceback.*\n(?:[ +|].*\n)*.*", re.MULTILINE)


def answered_by_scoring(url: str) -> Counter[str]:
    """Return how many answers of each status the front has counted."""
    return Counter(requests.get(f"{url}/live", timeout=10).json()["answers"])


def answered_by_pages(folder: Path) -> Counter[str]:
    """Return how many answers of each status gunicorn has written down."""
    return Counter((folder / "log" / "access.log").read_text(encoding="utf-8").split())


def share_valid(answers: Counter[str]) -> float:
    """Return how many of the answers were no refusal."""
    return sum(n for status, n in answers.items() if status < "400") / answers.total()


def until_counted(
    goal: int, counted: Callable[[], Counter[str]], ask: Callable[[int, int], None]
) -> Counter[str]:
    """Send requests until the server has counted enough; generators send what they like."""
    before = counted()
    for seed in range(ROUNDS):
        done = counted() - before
        if done.total() >= goal:
            return done
        # In small batches: the longer hypothesis goes on, the further it strays from what is valid.
        ask(min(BATCH, goal - done.total()), seed)
    return counted() - before


@pytest.mark.row("generated requests against pages and scoring server")
def test_generated_requests(
    registry: Registry, tmp_path: Path, times: Times, figure: Figure
) -> None:
    """Counted by the servers; a third of them valid; values planted in them stay out of logs."""
    url, heard, each = f"http://127.0.0.1:{free_port(18630)}", Heard(), times(200, 5_000)
    access = f"--access-logfile {tmp_path / 'log' / 'access.log'} --access-logformat %(s)s"
    services = [front(url, tmp_path)]
    with product(registry, tmp_path, url, services, GUNICORN_CMD_ARGS=access) as running:
        scoring = until_counted(
            each,
            lambda: answered_by_scoring(url),
            lambda count, seed: scoring_requests(url, heard, count, seed),
        )
        pages = until_counted(
            each,
            lambda: answered_by_pages(tmp_path),
            lambda count, seed: page_requests(running.pages, heard, count, seed),
        )
        broken = broken_lines(url) + broken_lines(running.pages)
    logs = running.logs()
    both = scoring + pages
    valid = [share_valid(counts) for counts in (both, scoring, pages)]
    failed = sum(count for status, count in both.items() if status >= "500")
    leaked = [line for line in logs.splitlines() if any(text in line for text in PLANTED)]
    traces = TRACES.findall(logs)
    errors = [line for line in logs.splitlines() if "ERROR" in line] if failed else []
    figure(
        f"{both.total():,} requests counted by the servers ({scoring.total():,} scoring server, "
        f"{pages.total():,} pages), {valid[0]:.0%} valid: {failed} answers of 5xx, "
        f"{len(heard.wrong) + len(broken)} with a trace, {len(traces)} traces and {len(leaked)} "
        "customer values in the logs of all processes"
    )
    assert (heard.wrong[:5], broken, leaked[:5], traces[:2], failed) == ([], [], [], [], 0), errors
    assert both.total() >= 2 * each
    assert min(valid) >= 0.3
