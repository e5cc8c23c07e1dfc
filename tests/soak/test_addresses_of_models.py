"""Model names, versions, aliases, run ids and sources made by an attacker, at every command."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from experiments import compare, integrity, monitor, promote, rename, rollback, score
from experiments.benchmark.races import NAME
from segmentation.data.synthetic import generate
from tests.soak.browsing import real_registry

Times = Callable[[int, int], int]
Figure = Callable[[str], None]


class Listener(http.server.BaseHTTPRequestHandler):
    """Counts who comes to an address that an attacker named."""

    visits = 0

    def do_GET(self) -> None:
        type(self).visits += 1
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def listener() -> Iterator[str]:
    """Return an address at which somebody listens."""
    Listener.visits = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def run_of(client: MlflowClient, spec: str, **params: str) -> str:
    """Return the id of an attacker's run with what a trial's run would hold."""
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, spec, "spec.json")
    for name, value in params.items():
        client.log_param(run_id, name, value)
    return str(run_id)


def tricks(client: MlflowClient, url: str) -> list[str]:
    """Return names that lead elsewhere, and ids of runs that hold something else."""
    evil = json.dumps({"schema": "../../etc/passwd", "clusterer": "__import__('os')", "seed": 0})
    elsewhere = client.create_experiment("elsewhere", artifact_location=f"{url}/artifacts")
    return [
        *(f"models:/{NAME}/1", f"models:/{NAME}@champion", "runs:/0/model", "../../../etc/passwd"),
        *(
            "file:///etc/passwd",
            f"{url}/model",
            f"{NAME}/../x",
            "champion/../1",
            "%2e%2e",
            "'",
            '"',
        ),
        *("' or 1=1 --", "x' OR name LIKE '%", "0", "-1", "9" * 30, "٣", "\x00", "\n", "a" * 5_000),
        *("0" * 32, "f" * 32, "F" * 32, run_of(client, "{"), run_of(client, "[1, 2]")),
        *(run_of(client, evil), run_of(client, "[" * 50_000), run_of(client, "null")),
        run_of(client, evil, data=f"{url}/customers.csv", schema=f"{url}/schema.yaml"),
        run_of(client, evil, data="/etc/passwd", schema="/etc/passwd", n_trials="__import__('os')"),
        str(client.create_run(elsewhere).info.run_id),
    ]


def doors(trick: str, data: str, out: str) -> list[tuple[click.Command, tuple[str, ...]]]:
    """Return every command that takes a name, with a trick in every place of one."""
    table = ("--data", data)
    named = [
        (promote.main, ()),
        (rollback.main, ()),
        (compare.main, table),
        (monitor.main, table),
        (integrity.main, ()),
        (score.main, (*table, "--out", out)),
        (rename.main, ("--segment", "1", "--name", "x")),
    ]
    own = ("--model-name", NAME)
    return [
        *((command, ("--model-name", trick, *more)) for command, more in named),
        (promote.main, (*own, "--version", trick)),
        (compare.main, (*own, "--first", trick, "--second", "1")),
        (compare.main, (*own, "--first", "1", "--second", trick, *table)),
        (monitor.main, (*own, *table, "--alias", trick)),
        (integrity.main, (*own, "--alias", trick)),
        (score.main, (*own, *table, "--alias", trick, "--out", out)),
    ]


@pytest.mark.row("a model URI, version, alias or run id made by an attacker")
def test_addresses_made_by_an_attacker(
    tmp_path: Path, listener: str, times: Times, figure: Figure
) -> None:
    """Each command refuses in words; nobody is visited, no file is read that was not named."""
    data, out = str(tmp_path / "customers.csv"), str(tmp_path / "scored.csv")
    generate(80, seed=3).to_csv(data, index=False)
    requests, wrong = 0, []
    with real_registry(tmp_path, 1) as client:
        addresses = tricks(client, listener)
        for trick in addresses[:: times(4, 1)]:
            for command, arguments in doors(trick, data, out):
                result = CliRunner().invoke(command, list(arguments))
                requests += 1
                in_words = isinstance(result.exception, SystemExit) and result.exit_code > 1
                if not in_words or "root:x:" in result.output or "Traceback" in result.output:
                    outcome = f"{result.exception!r} {result.output}"[-300:]
                    wrong.append(f"{command.callback.__module__} {arguments[:4]}: {outcome}"[:600])
        assert str(client.get_registered_model(NAME).aliases["champion"]) == "1"
    figure(
        f"{requests} commands with {len(addresses[:: times(4, 1)])} names: {len(wrong)} let in or "
        f"unexplained, {Listener.visits} visits to the attacker's address"
    )
    assert (wrong, Listener.visits, Path(out).exists()) == ([], 0, False)
