"""Names, numbers and cells of customers, planted, and searched for wherever the product writes."""

import gzip
import io
import logging
import os
import pickle
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from flask import Flask
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from experiments import compare, explore, integrity, monitor, promote, score
from experiments.search import __main__ as search
from segmentation.data.synthetic import generate
from segmentation.data.validation import validate
from segmentation.evaluation.evaluator import Evaluator
from segmentation.schema import load_schema
from serve.app import create_app
from serve.jobs.store import Jobs
from serve.web.settings import Settings
from tests.serve.conftest import model, typed  # noqa: F401 - a fixture
from tests.soak.browsing import scoring_server
from tests.soak.searched import found_in, needles
from tests.stores import tracking_store

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
PERSON, ACCOUNT, MAIL, CELL = "CANARYID-", 8_812_345_600_000, "@canary-mail.example", "canary-cell"
# Of one customer: an extreme amount, a category, and a text that nobody else has.
UNIQUE = {
    "BALANCE": 98_765_432.125,
    "occupation": "Prime Minister",
    "remark": "wrote canary-memoirs",
}
# Three cells in the middle of their columns, where no summary quotes a value.
NUMBERS = {"BALANCE": 1234.56789012, "PAYMENTS": 1111.22233344, "PURCHASES": 432.10987654}
IDENTIFIERS = needles((PERSON, str(ACCOUNT)[:8], MAIL), ())
ALONE = needles(("98765432", "98,765,432", "Prime Minister", "memoirs"), (UNIQUE["BALANCE"],))
WANTED = [*IDENTIFIERS, *needles((CELL,), tuple(NUMBERS.values())), *ALONE]


@dataclass(frozen=True)
class Workplace:
    """A folder that holds customers, and one in which the product works."""

    data: Path
    work: Path

    def run(self, command: click.Command, *arguments: str) -> tuple[int, str]:
        """Run a command; what it says names no customer, whatever else it says."""
        result = CliRunner().invoke(command, list(arguments))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        output = result.output.encode()
        assert not [need for need in IDENTIFIERS if need in output], result.output[-2_000:]
        return result.exit_code, result.output


def customers(rows: int, seed: int) -> pd.DataFrame:
    """Return customers under planted names, with three planted cells."""
    table = generate(rows, seed=seed)
    table["CUST_ID"] = [f"{PERSON}{seed}{number:06d}" for number in range(rows)]
    for place, (column, value) in enumerate(NUMBERS.items()):
        table.loc[17 + place, column] = value
    return table


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """Work in a fresh folder, temporary files included."""
    place = Workplace(tmp_path / "data", tmp_path / "work")
    place.data.mkdir()
    (place.work / "tmp").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(place.work / "tmp"))
    monkeypatch.setenv("TMPDIR", str(place.work / "tmp"))
    with tracking_store(place.work):
        yield place


def searches(place: Workplace, trials: int) -> None:
    """Explore, search twice, promote, compare, monitor, score: with good tables and bad ones."""
    for seed in (1, 2):
        customers(1_500, seed).to_csv(place.data / f"good{seed}.csv", index=False)
        customers(1_500, seed).to_parquet(place.data / f"good{seed}.parquet")
    bad = customers(300, 3).astype({"BALANCE": object, "TENURE": object})
    bad.loc[5, ["BALANCE", "TENURE"]] = [CELL, f"{CELL}-2"]
    bad.to_csv(place.data / "bad.csv", index=False)
    # A table of no shipped schema: another name, a number and an address as identifiers.
    draft = generate(900, seed=4).iloc[:, :8].rename(columns={"CUST_ID": "client"})
    draft["client"] = [f"{PERSON}4{number:06d}" for number in range(len(draft))]
    draft["account_number"] = range(ACCOUNT, ACCOUNT + len(draft))
    draft["mail"] = [f"p{number}{MAIL}" for number in range(len(draft))]
    draft["occupation"] = [("teacher", "nurse", "cook")[number % 3] for number in range(len(draft))]
    draft["remark"] = [("called", "wrote")[number % 2] for number in range(len(draft))]
    draft.loc[40, list(UNIQUE)] = list(UNIQUE.values())
    draft.to_csv(place.data / "draft.csv", index=False)
    files = {name: str(place.data / name) for name in os.listdir(place.data)}
    few = ("--n-trials", str(trials), "--k-max", "4", "--n-jobs", "2")
    steps: list[tuple[click.Command, tuple[str, ...], int]] = [
        (explore.main, ("--data", files["good1.csv"], "--out", "explored.html"), 0),
        (search.main, ("--data", files["good1.csv"], *few), 0),
        (search.main, ("--data", files["good2.parquet"], *few), 0),
        (promote.main, ("--force", "--reason", "to see"), 0),
        (compare.main, ("--first", "1", "--second", "2", "--out", "compared.html"), 0),
        (monitor.main, ("--data", files["good2.csv"], "--out", "monitored.html"), -1),
        (score.main, ("--data", files["good1.csv"], "--out", str(place.data / "scored.csv")), 0),
        (integrity.main, (), 0),
        (search.main, ("--data", files["bad.csv"], *few), 2),
        (explore.main, ("--data", files["bad.csv"]), 2),
        (monitor.main, ("--data", files["bad.csv"]), 3),
        (score.main, ("--data", files["bad.csv"], "--out", str(place.data / "no.csv")), 2),
        (explore.main, ("--data", files["draft.csv"], "--schema", "auto"), 0),
        (search.main, ("--data", files["draft.csv"], "--schema", "auto", *few, *DRAFTED), 0),
    ]
    for command, arguments, status in steps:
        code, output = place.run(command, *arguments)
        assert status in {-1, code}, output


DRAFTED = ("--model-name", "drafted", "--experiment-name", "drafted")


@pytest.mark.row("identifiers and cells of customers in tracking store, registry, models, studies")
def test_no_identifier_is_in_what_a_search_leaves(
    workplace: Workplace, times: Times, caplog: pytest.LogCaptureFixture, figure: Figure
) -> None:
    """Databases, artifacts, models, reports, temporary files and logs are looked through."""
    with caplog.at_level(logging.DEBUG):
        searches(workplace, times(3, 24))
    (workplace.work / "log").write_text(caplog.text)
    leaks, files = found_in(workplace.work, WANTED)
    planted, _ = found_in(workplace.data, WANTED)
    left = list((workplace.work / "tmp").rglob("*.evaluator"))
    figure(
        f"14 commands, {files:,} files looked through for {len(WANTED)} patterns of 6,000 planted "
        f"identifiers and 5 cells: {len(leaks)} found ({len(planted)} where they were planted)"
    )
    assert (leaks, left) == ([], [])
    with mlflow_inputs() as rows:
        assert all(re.search('"num_rows": ?\\d+', profile) for _, profile in rows)
        assert all(digest for digest, _ in rows)


class mlflow_inputs:  # noqa: N801 - reads as a function
    """Digests and profiles of all data sets in the tracking store."""

    def __enter__(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect("mlflow.db")) as store:
            rows = store.execute("select digest, dataset_profile from datasets").fetchall()
        assert rows
        return rows

    def __exit__(self, *_: object) -> None:
        """Nothing to do."""


def test_what_worker_processes_are_given_names_nobody() -> None:
    """An evaluator travels through a file; it holds numbers and no identifier."""
    schema = load_schema("cc_general")
    table = validate(customers(300, 1), schema).customers
    assert PERSON in str(table.index[0])
    pickled = pickle.dumps(Evaluator(table, schema))
    assert not [need for need in IDENTIFIERS if need in pickled]


@pytest.mark.row("identifiers and cells of customers in addresses, logs and folders of the pages")
def test_no_identifier_is_in_what_the_pages_leave(
    app: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture, times: Times, figure: Figure
) -> None:
    """Good files and bad ones, one customer and scoring errors; later the folder holds nothing."""
    client, addresses, n_replies = app.test_client(), [], 0
    bad = customers(40, 6).astype({"BALANCE": object})
    bad.loc[3, "BALANCE"] = CELL
    files = [customers(60, 5), bad]
    with caplog.at_level(logging.DEBUG):
        for number in range(times(2, 30)):
            table, mode = files[number % 2], ("answer", "refuses", "breaks")[number % 3]
            app.extensions["test_scoring"].mode = mode
            sent = (io.BytesIO(table.to_csv(index=False).encode()), f"{PERSON}{number}.csv")
            replies = [client.post("/file", data={"file": sent}, buffered=True)]
            place = replies[0].location
            replies += [
                client.get(f"{place}{more}", buffered=True) for more in ("", "/state", "/download")
            ]
            replies += [client.post(f"{place}/{more}") for more in ("anyway", "again")]
            one = typed(BALANCE=CELL if number % 2 else str(NUMBERS["BALANCE"]))
            replies += [client.post(path, data=one) for path in ("/customer", "/customer/what-if")]
            addresses += [text for reply in replies for text in addresses_in(reply)]
            n_replies += len(replies)
    jobs = Jobs(tmp_path / "files", -1)
    jobs.sweep()
    (tmp_path / "log").write_text(caplog.text)
    leaks, looked = found_in(tmp_path, WANTED)
    leaking = [a for a in addresses if any(need in a.encode() for need in WANTED)]
    figure(
        f"{n_replies} requests, {len(addresses):,} addresses, {looked} files of log, queue and "
        f"uploads after their time: {len(leaks) + len(leaking)} found"
    )
    assert (leaks, leaking, list((tmp_path / "files").iterdir())) == ([], [], [])


@pytest.fixture
def app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Flask]:
    """Return pages that know a model and ask a scoring server that repeats what it was sent."""
    served = request.getfixturevalue("model")
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: served)
    with scoring_server() as server:
        settings = {"SETTINGS": Settings(scoring_url=server.url), "WTF_CSRF_ENABLED": False}
        app = create_app({"INSTANCE": tmp_path, "FILES_AT_ONCE": True, **settings})
        app.extensions["test_scoring"] = server
        yield app


def addresses_in(reply: object) -> list[str]:
    """Return the addresses a page leads to, its own included."""
    text = reply.get_data(as_text=True)  # type: ignore[attr-defined]
    named = re.findall(r'(?:href|src|action|content)="([^"]*)"', text)
    return [*named, reply.headers.get("Location", ""), reply.request.url]  # type: ignore[attr-defined]


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """Every format in which something could hide is opened."""
    text = f"{PERSON}1"
    frame = pd.DataFrame({"id": [text], "x": [NUMBERS["BALANCE"]]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_excel(tmp_path / "b.xlsx")
    np.savez_compressed(tmp_path / "c.npz", names=np.array([text]), x=frame["x"].to_numpy())
    (tmp_path / "d.gz").write_bytes(gzip.compress(text.encode()))
    about = PngInfo()
    about.add_text("Description", text, zip=True)
    Image.new("L", (1, 1)).save(tmp_path / "e.png", pnginfo=about)
    with closing(sqlite3.connect(tmp_path / "f.db")) as store, store:
        store.execute("create table t (x)")
        store.execute("insert into t values (?)", ("." * 4_000 + text,))
    matches, files = found_in(tmp_path, WANTED)
    assert files == 6
    assert {hit.split(":")[0] for hit in matches} == {p.name for p in tmp_path.iterdir()}
