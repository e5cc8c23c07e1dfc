"""The gateway under load: generated requests together, thousands of connections, moves, deaths."""

import asyncio
import os
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import mlflow
import numpy as np
import psutil
import pytest
import requests
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from experiments.benchmark import promotions
from experiments.benchmark.races import NAME, prepare
from experiments.benchmark.servers import until
from experiments.registry.client import EXAMPLE, servable
from segmentation.data.synthetic import generate
from segmentation.schema import load_schema
from serve.gateway.error_messages import CSV, INVOCATIONS, JSON
from serve.processes import free_port
from tests.experiments.scoring_requests import Sent, generated
from tests.stores import tracking_store

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
CONNECTIONS, MANY = 32, 128
# How a request to a gateway that stops may end: not let in, let in and not read, cut.
REFUSED, CLOSED, CUT = OVER = ("refused", "closed", "cut")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Work with a store of one model, for this process and those it starts."""
    folder = tmp_path_factory.mktemp("gateway")
    with tracking_store(folder):
        prepare(mlflow.MlflowClient(), 1)
        yield folder


@pytest.fixture(scope="module")
def gateway(store: Path) -> Iterator[tuple[str, psutil.Popen]]:
    """Run a gateway with two scoring servers; return its address and process."""
    port = free_port(18400)
    with promotions.serving(port, store / "log", "--workers", "2") as process:
        yield f"http://127.0.0.1:{port}", process


def example() -> str:
    """Return the body with which a version is tried out."""
    with servable(NAME, "1") as folder:
        return (folder / EXAMPLE).read_text(encoding="utf-8")


async def answered(url: str, sent: Sequence[Sent], connections: int) -> list[tuple[int, bytes]]:
    """Send requests on so many connections; return status and content of each, in order."""
    left, replies = iter(enumerate(sent)), dict[int, tuple[int, bytes]]()

    async def ask(session: ClientSession) -> None:
        for place, (kind, body) in left:
            headers = {"Content-Type": kind}
            async with session.post(f"{url}{INVOCATIONS}", data=body, headers=headers) as reply:
                replies[place] = reply.status, await reply.read()

    async with ClientSession(connector=TCPConnector(limit=connections)) as session:
        await asyncio.gather(*(ask(session) for _ in range(connections)))
    return [replies[place] for place in range(len(sent))]


def rows_joined(url: str) -> tuple[float, float]:
    """Return how many bodies the gateway has sent, and customers in them."""
    text = requests.get(f"{url}/metrics", timeout=10).text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    name = "segmentation_batch_rows"
    return float(lines[f"{name}_count"]), float(lines[f"{name}_sum"])


@pytest.mark.row("generated requests of every format on 32 connections, beside each alone")
def test_requests_together_are_answered_as_each_alone(
    gateway: tuple[str, psutil.Popen], times: Times, figure: Figure
) -> None:
    """Three in ten are unusual; every status and every byte is the same."""
    url, _ = gateway
    schema = load_schema("cc_general")
    customers = generate(2_000, seed=5)[list(schema.column_names)].astype(float)
    sent = list(generated(customers, schema, times(300, 10_000), seed=11))
    alone = asyncio.run(answered(url, sent, 1))
    before = rows_joined(url)
    together = asyncio.run(answered(url, sent, CONNECTIONS))
    bodies, rows = np.subtract(rows_joined(url), before)
    other = sum(one != two for one, two in zip(alone, together, strict=True))
    kinds = Counter(kind.rpartition("/")[2] for kind, _ in sent)
    statuses = Counter(status for status, _ in alone)
    figure(
        f"{len(sent):,} requests ({dict(kinds)}), answered {dict(statuses)}: {other} otherwise "
        f"together; {bodies:,.0f} bodies for {rows:,.0f} customers then"
    )
    assert other == 0
    assert set(statuses) == {200, 400}
    assert min(statuses.values()) > 0.1 * len(sent)
    assert bodies < 0.8 * statuses[200]


@pytest.mark.row("128 connections that ask without pause, beside thousands that send nothing")
def test_connections_by_the_thousand(
    gateway: tuple[str, psutil.Popen], times: Times, figure: Figure
) -> None:
    """No error but 503 with Retry-After; memory is bounded; idle ones keep nobody waiting."""
    url, process = gateway
    idle, seconds = times(500, 10_000), times(3, 30)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * idle + 1_000)), hard))
    gateway_only = psutil.Process(process.pid)
    before = gateway_only.memory_info().rss / 1e6

    async def load() -> tuple[Counter[str], list[float]]:
        counts, took, body = Counter[str](), list[float](), example().encode()
        end = time.monotonic() + seconds

        async def ask(session: ClientSession) -> None:
            while time.monotonic() < end:
                start = time.monotonic()
                headers = {"Content-Type": JSON}
                async with session.post(f"{url}{INVOCATIONS}", data=body, headers=headers) as reply:
                    rows = (await reply.json()).get("predictions") if reply.status == 200 else None
                    busy = reply.status == 503 and "Retry-After" in reply.headers
                counts["answered" if rows else "busy" if busy else f"wrong: {reply.status}"] += 1
                took.append(time.monotonic() - start)

        async with AsyncExitStack() as stack:
            host, port = url.removeprefix("http://").split(":")
            for _ in range(idle):
                _, writer = await asyncio.open_connection(host, int(port))
                stack.callback(writer.close)
            session = await stack.enter_async_context(
                ClientSession(connector=TCPConnector(limit=MANY), timeout=ClientTimeout(total=60.0))
            )
            await asyncio.gather(*(ask(session) for _ in range(MANY)))
        return counts, took

    counts, took = asyncio.run(load())
    after = gateway_only.memory_info().rss / 1e6
    figure(
        f"{MANY} connections beside {idle:,} idle ones: {dict(counts)} in {seconds} s, half within "
        f"{np.median(took):.2f} s, 99 of 100 within {np.percentile(took, 99):.2f} s; gateway "
        f"{before:.0f} MB before, {after:.0f} MB after"
    )
    assert set(counts) <= {"answered", "busy"}
    assert counts["answered"] > 20 * seconds
    assert after - before < 100 + 0.03 * idle


@pytest.mark.row("`kill -9` of one of two scoring servers under 32 connections; then SIGTERM")
def test_servers_killed_in_mid_batch(store: Path, times: Times, figure: Figure) -> None:
    """Who asks gets an answer, of the other server or later; one that stops cuts no answer."""
    url = f"http://127.0.0.1:{(port := free_port(18500))}"
    kills = [1] * times(1, 10) + [2] * times(0, 3)
    serving = promotions.serving(port, store / "log", "--workers", "2")
    with serving as front:
        family = psutil.Process(front.pid)
        with promotions.loading(url, example(), CONNECTIONS) as load:
            for count in kills:
                _until_more(load, 100)
                servers = family.children()
                assert len(servers) == 2
                for server in servers[:count]:
                    os.killpg(server.pid, signal.SIGKILL)
                _until_whole(url, family, servers, count)
            _until_more(load, 100)
        ready = requests.get(f"{url}/ready", params={"version": "1"}, timeout=5)
        other = requests.get(f"{url}/ready", params={"version": "2"}, timeout=5)
        assert (ready.status_code, other.status_code) == (200, 503)
        assert ready.json()["serving"] == "1"
        below = family.children(recursive=True)
        ends = stopped_under_load(url, front)
        assert front.wait(30) == 0
        assert psutil.wait_procs(below, 5)[1] == []
    answers, failed = len(load.answers), len(load.failures)
    figure(
        f"{len(kills)} times one or both killed, {answers:,} requests: {failed} failed; stopped: "
        f"{dict(ends)}"
    )
    assert load.failures == []
    assert ends["few answered"] * ends["many answered"] * ends["few 503"] * ends["ready 503"]
    assert not ends["few cut"] + ends["many cut"] + ends["many closed"] + ends["ready 200"]
    # Connected, and so slow to send that it was taken for idle.
    assert ends["few closed"] <= 0.1 * CONNECTIONS


def stopped_under_load(url: str, front: psutil.Popen) -> Counter[str]:
    """End a gateway with SIGTERM while others ask without pause; count how requests end.

    On 32 connections for a few customers, on one more for many, which take a second.
    """
    ends = Counter[str]()
    customers = generate(30_000, seed=6).drop(columns="CUST_ID").to_csv(index=False)

    def ask(body: str, kind: str, name: str) -> None:
        end = ""
        with requests.Session() as session:
            while end not in OVER:
                end = _end(session, url, body, kind)
                ends[f"{name} {end}"] += 1
                if end == "503":
                    with suppress(requests.ConnectionError):
                        ends[f"ready {requests.get(f'{url}/ready', timeout=5).status_code}"] += 1

    few = example()
    threads = [threading.Thread(target=ask, args=(few, JSON, "few")) for _ in range(CONNECTIONS)]
    threads.append(threading.Thread(target=ask, args=(customers, CSV, "many")))
    for thread in threads:
        thread.start()
    until(lambda: ends["few answered"] > 200 and ends["many answered"] > 0, 60)
    front.terminate()
    for thread in threads:
        thread.join(60)
    return ends


def _end(session: requests.Session, url: str, body: str, kind: str) -> str:
    try:
        reply = session.post(url + INVOCATIONS, body, headers={"Content-Type": kind}, timeout=30)
    except requests.ConnectionError as error:
        texts = {"refused": REFUSED, "reset": REFUSED, "pipe": REFUSED, "without response": CLOSED}
        return next((end for text, end in texts.items() if text in str(error)), CUT)
    except requests.RequestException:
        return CUT
    if reply.ok and reply.json()["predictions"]:
        return "answered"
    return "503" if reply.status_code == 503 and "Retry-After" in reply.headers else "wrong"


def _until_more(load: promotions.Load, count: int) -> None:
    answers = len(load.answers)
    until(lambda: len(load.answers) > answers + count, 60)


def _until_whole(
    url: str, family: psutil.Process, before: list[psutil.Process], count: int
) -> None:
    until(lambda: len({*family.children()} - {*before}) == count, 60)
    until(lambda: not requests.get(f"{url}/live", timeout=5).json()["problem"], 60)


@pytest.mark.row("the champion moves again and again under load; then a damaged one is named")
def test_promotions_under_load_fail_no_request(
    tmp_path: Path, times: Times, figure: Figure
) -> None:
    """Every request is answered; the damaged version never answers."""
    connections = times(4, CONNECTIONS)
    with tracking_store(tmp_path):
        port = free_port(18600)
        row = promotions.run_promotions(times(1, 20), port, tmp_path / "log", connections)
    figure(
        f"{row.moves} moves, {row.requests:,} requests on {connections} connections: {row.failed} "
        f"failed; a new version answered within {row.slowest:.0f} s; the damaged one "
        f"{row.broken_served} times"
    )
    assert (row.failed, row.broken_served) == (0, 0)
    assert row.requests > 100
    assert row.slowest < 30
    assert "Version 3 did not come up" in row.problem
    assert "arrays.npz" in row.problem
    assert "keeps serving" in row.problem
