"""Requests that are joined, answers that are written back, and clients that wait, disturbed."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import requests
from aiohttp import ClientError

from segmentation.data.warehouse.writing import table_writer
from serve.gateway.batching import Batcher, FullError
from serve.gateway.joining import Reply, Request
from tests.serve.gateway.test_batching import Server, backend, body
from tests.serve.web.test_deadlines import SLOW, held_open, pages  # noqa: F401 - a fixture
from tests.soak.searching import ROOT

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
WRITER = """
import datetime, sys
import pandas as pd
from segmentation.data.warehouse.writing import table_writer
piece = pd.read_pickle(sys.argv[2])
with table_writer(sys.argv[1], "customer", "m", datetime.date(2024, 7, 1)) as writer:
    print("open", flush=True)
    for _ in range(40):
        writer.write(piece)
print("closed", flush=True)
"""


class Unsteady(Server):
    """Answers late, refuses or dies at random, whoever asks."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)

    async def send(self, request: Request) -> Reply:
        """Answer one body, or not."""
        await asyncio.sleep(self.random.random() / 50)
        fate = self.random.random()
        if fate < 0.1:
            raise ClientError
        if fate < 0.2:
            return Reply(503, b'{"message": "busy"}', "application/json")
        return await super().send(request)


async def swarm(seed: int, clients: int, folder: Path) -> list[object]:
    """Send a customer each, a moment apart; return what came back, in order."""
    joined, target, server = Batcher(lambda _: None), backend(folder), Unsteady(seed)
    moments = random.Random(seed)

    async def one(number: int) -> object:
        await asyncio.sleep(moments.random() / 2)
        return await joined.reply(target, Request(body([number, "a"])), server.send)

    return await asyncio.gather(*map(one, range(clients)), return_exceptions=True)


@pytest.mark.row("requests joined in the gateway while the scoring server is late, busy or dies")
def test_nobody_gets_the_answer_of_another(tmp_path: Path, times: Times, figure: Figure) -> None:
    """Each gets the bytes it gets alone, what its server said, or an error; none waits for ever."""
    rounds, clients, answered, other, wrong = times(2, 40), 150, 0, 0, 0
    for seed in range(rounds):
        replies = asyncio.run(asyncio.wait_for(swarm(seed, clients, tmp_path), 60))
        for number, reply in enumerate(replies):
            if isinstance(reply, tuple) and reply[0] == 200:
                (row,) = json.loads(reply[1])["predictions"]
                answered, wrong = answered + 1, wrong + (row["segment"] != number)
            else:
                assert isinstance(reply, ClientError | FullError | tuple), reply
                other += 1
    figure(
        f"{rounds * clients:,} requests: {answered:,} answered, {other:,} an error of the server; "
        f"{wrong} with the answer of another, 0 without one"
    )
    assert wrong == 0
    assert answered > other > 0


@pytest.mark.row("`kill -9` of a process that writes answers into a warehouse, at random moments")
def test_a_batch_is_there_whole_or_not(tmp_path: Path, times: Times, figure: Figure) -> None:
    """The rows of before, or all rows of the new batch; the next process writes on."""
    target = f"duckdb:///{tmp_path / 'bank.db'}?table=segments"
    moments, kills, halves, finished = random.Random(1), times(3, 40), 0, 0
    answers(500).to_pickle(tmp_path / "piece")
    with table_writer(target, "customer", "m", date(2024, 7, 1)) as writer:
        writer.write(answers(7))
    before = 7
    for _ in range(kills):
        command = [sys.executable, "-c", WRITER, target, str(tmp_path / "piece")]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            closed = b"closed" in process.stdout.read()
        with duckdb.connect(str(tmp_path / "bank.db"), read_only=True) as database:
            rows = database.execute("select count(*) from segments").fetchall()[0][0]
        halves += rows not in {before, 20_000} or (closed and rows != 20_000)
        finished, before = finished + closed, rows
    figure(f"{kills} kills, {finished} of them too late: {halves} batches in part")
    assert halves == 0


def answers(count: int) -> pd.DataFrame:
    """Return answers of a model."""
    rows: dict[str, Any] = {
        "customer": [f"c{number}" for number in range(count)],
        "segment": 1,
        "segment_name": "One",
        "confidence": 0.5,
        "runner_up": 2,
        "runner_up_name": "Two",
        "unlike_training": False,
    }
    return pd.DataFrame({**rows, "reasons": [["a"]] * count, "model_version": "7"})


@pytest.mark.row("half-sent heads and bodies, and connections that send nothing, at the pages")
def test_who_waits_keeps_nobody_waiting(
    pages: str,  # noqa: F811 - the fixture
    times: Times,
    figure: Figure,
) -> None:
    """While all are open at once, others are answered."""
    longest, n_others = 0.0, times(3, 100)
    with ExitStack() as connections:
        for kind in SLOW:
            connections.enter_context(held_open(pages, kind))
        for _ in range(n_others):
            start = time.monotonic()
            assert requests.get(f"{pages}/healthz", timeout=10).ok
            longest = max(longest, time.monotonic() - start)
    count = sum(number for _, number in SLOW.values())
    figure(
        f"{count} clients at a time: {n_others} of {n_others} others answered, "
        f"in at most {longest:.1f} s"
    )
    assert longest < 10
