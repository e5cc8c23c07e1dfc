"""Against a remote MLflow server: what each person may do works, what not is a sentence.

It has basic auth, its store in PostgreSQL, and hands artifacts on to an object store.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import mlflow
import pandas as pd
import pytest
import requests
from click.testing import CliRunner, Result

from experiments import integrity, monitor, rename, score
from experiments.benchmark.servers import until
from experiments.command_line import main as every_command
from experiments.search.__main__ import main as search
from experiments.study.retry import RETRY_VARIABLE
from segmentation.data.synthetic import generate
from serve.processes import free_port
from tests.conftest import ROOT, NewDatabase
from tests.soak.stores import object_store, tracking_server

NAME = "signed-in"
BUCKET = "artifacts"
ADMIN, ANALYST, READER = "admin", "analyst", "reader"
SETTINGS = """[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/people.db
admin_username = admin
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


class Server(NamedTuple):
    """Where the tracking server is, and the object store behind it."""

    address: str
    objects: str


def password(name: str) -> str:
    return f"{name}-may-enter-1"


@contextmanager
def signed_in(name: str, secret: str = "") -> Iterator[None]:
    """Act as this person."""
    os.environ["MLFLOW_TRACKING_USERNAME"] = name
    os.environ["MLFLOW_TRACKING_PASSWORD"] = secret or password(name)
    yield
    del os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, postgresql: NewDatabase) -> Iterator[Server]:
    """Return a server with three people."""
    folder, port = tmp_path_factory.mktemp("server"), free_port(18750)
    settings = folder / "people.ini"
    settings.write_text(SETTINGS.format(folder=folder, password=password(ADMIN)), encoding="utf-8")
    auth = {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "test"}
    before, here = dict(os.environ), Path.cwd()
    store, uri = postgresql("signed_in"), f"http://127.0.0.1:{port}"
    with (
        object_store(folder, free_port(18760), BUCKET) as objects,
        tracking_server(
            folder,
            store,
            port,
            *("--app-name", "basic-auth"),
            artifacts=f"s3://{BUCKET}/models",
            **auth,
            **objects,
        ),
    ):
        os.environ["MLFLOW_TRACKING_URI"] = uri
        os.chdir(folder)
        for name in (ANALYST, READER):
            person = {"username": name, "password": password(name)}
            made = requests.post(
                f"{uri}/api/2.0/mlflow/users/create",
                json=person,
                auth=(ADMIN, password(ADMIN)),
                timeout=60,
            )
            made.raise_for_status()
        try:
            yield Server(uri, objects["MLFLOW_S3_ENDPOINT_URL"])
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)
            mlflow.set_tracking_uri(None)


def invoke(command: click.Command, *flags: str) -> Result:
    result = CliRunner().invoke(command, ["--model-name", NAME, *flags])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def flags(experiment: str) -> tuple[str, ...]:
    sizes = ("--data", "embedded:600", "--n-trials", "3", "--k-max", "4", "--n-jobs", "1")
    return (
        *sizes,
        "--trial-seconds",
        "0",
        "--trial-gigabytes",
        "0",
        "--experiment-name",
        experiment,
    )


@pytest.fixture(scope="module")
def first_search(server: Server) -> Result:
    """Return the result of an analyst's first search."""
    with signed_in(ANALYST):
        return invoke(search, *flags(NAME))


def test_a_first_search_registers(first_search: Result) -> None:
    """By a person without special permissions, of a model that nobody has made yet."""
    assert first_search.exit_code == 0, first_search.output
    assert f"Registered as {NAME} version 1." in first_search.output
    assert "View run" not in first_search.output
    assert "already exists" not in first_search.output


def test_a_reader_is_told_before_the_first_trial(first_search: Result) -> None:
    """That versions of the model, or runs of the experiment, are not theirs to make."""
    with signed_in(READER):
        model = invoke(search, *flags("readers"))
        assert model.exit_code == 2
        assert model.output.endswith(
            f"error: model_name={NAME!r}: reader may not register versions of it. Ask its owner "
            "for the permission EDIT, or name another model.\n"
        )
        own = CliRunner().invoke(search, ["--model-name", "readers", *flags(NAME)])
    assert own.exit_code == 2
    assert own.output.endswith(
        "does not permit this to reader: ask an administrator for the permission.\n"
    )
    assert "trial" not in model.output + own.output


def test_a_reader_reads(first_search: Result, tmp_path: Path) -> None:
    """Scores, checks, and gets a verdict that the server does not let them record."""
    generate(600).to_csv(tmp_path / "new.csv", index=False)
    new = ("--data", str(tmp_path / "new.csv"))
    with signed_in(READER):
        assert invoke(score.main, *new, "--out", str(tmp_path / "scored.csv")).exit_code == 0
        assert invoke(integrity.main).exit_code == 0
        verdict = invoke(monitor.main, *new)
        renamed = invoke(rename.main, "--segment", "1", "--name", "Best")
    assert verdict.exit_code == 0, verdict.output
    assert f"{NAME} version 1, new.csv, 600 card holders: ok" in verdict.output
    assert "warning: this is not recorded in MLflow: http" in verdict.output
    assert renamed.exit_code == 2
    assert "does not permit this to reader" in renamed.output


def test_a_reader_serves(first_search: Result, server: Server, tmp_path: Path) -> None:
    """The version's files come through the server from the object store, and answer as scored."""
    listing = requests.get(f"{server.objects}/{BUCKET}?list-type=2", timeout=60).text
    assert "arrays.npz" in listing
    assert not [*Path.cwd().rglob("arrays.npz")]
    port = free_port(18770)
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "serve.gateway", "--model-name", NAME, "--port", str(port))
    table = generate(3, seed=5)
    table.to_csv(tmp_path / "three.csv", index=False)
    with signed_in(READER):
        # Credentials are the environment's: the scoring server takes them over.
        process = subprocess.Popen([*command, "--logs", str(tmp_path)], cwd=ROOT)
        try:
            new = ("--data", str(tmp_path / "three.csv"), "--out", str(tmp_path / "scored.csv"))
            assert invoke(score.main, *new).exit_code == 0
            until(lambda: answers(f"{url}/ping"), 90)
            body = {"dataframe_split": table.drop(columns="CUST_ID").to_dict("split")}
            reply = requests.post(f"{url}/invocations", json=body, timeout=60)
        finally:
            process.terminate()
            process.wait(60)
    segments = [row["segment"] for row in reply.json()["predictions"]]
    assert segments == pd.read_csv(tmp_path / "scored.csv")["segment"].tolist()


def answers(url: str) -> bool:
    """Tell whether a server is up."""
    try:
        return requests.get(url, timeout=60).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("command", [search, integrity.main, rename.main, monitor.main])
def test_a_wrong_password_is_one_sentence(first_search: Result, command: click.Command) -> None:
    """In every command, with what to check."""
    more = {rename.main: ("--segment", "1", "--name", "Best"), monitor.main: ("--data", "new.csv")}
    with signed_in(ANALYST, "forgotten"):
        result = invoke(command, *more.get(command, ()))
    assert result.exit_code > 1
    assert "refuses this user name and password: check MLFLOW_TRACKING_USERNAME" in result.output
    lines = [line for line in result.output.splitlines() if not line.startswith("warning: column")]
    assert len(lines) == 1


def test_a_server_that_stays_away_is_waited_for_as_long_as_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And that is said, in every command; then the command ends in a sentence."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port(18790)}")
    monkeypatch.setenv(RETRY_VARIABLE, "5")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    begun = time.monotonic()
    result = invoke(monitor.main, "--data", "new.csv")
    assert time.monotonic() - begun < 15
    waiting, ended = result.output.splitlines()
    assert waiting.endswith("does not answer; waiting up to 5 s (SEGMENTATION_PATIENCE).")
    assert "does not answer: start it, or name another in MLFLOW_TRACKING_URI." in ended
    assert result.exit_code == 3


AWAY = {
    "compare": "",
    "explore": "--data new.csv --out report.html",
    "history": "--data 2025-01-31=new.csv,2025-02-28=new.csv",
    "integrity": "",
    "monitor": "--data new.csv",
    "promote": "",
    "rename": "--segment 1 --name Best",
    "retrain": "--data new.csv",
    "rollback": "",
    "score": "--data new.csv --out scored.csv",
    "search": "--data new.csv --n-trials 1",
}


@pytest.mark.parametrize("name", AWAY)
def test_every_command_says_that_the_server_is_away(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One sentence, with nothing of the library that called it, as soon as the setting says."""
    monkeypatch.chdir(tmp_path)
    generate(60).to_csv("new.csv", index=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port(18790)}")
    monkeypatch.setenv(RETRY_VARIABLE, "0")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    result = CliRunner().invoke(every_command, [name, *AWAY[name].split()])
    assert result.exit_code in {2, 3}, result.output
    assert isinstance(result.exception, SystemExit)
    last = result.output.splitlines()[-1]
    assert "http://127.0.0.1:" in last
    assert re.search("does not answer|does not work: .*Connection refused", last), last
    assert "Max retries" not in result.output
