"""Large bodies reach a scoring server whole, from the pages and through the front."""

import asyncio
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from experiments.registry.client import CHALLENGER
from segmentation.data.synthetic import generate
from serve.gateway.backend import Backend
from serve.gateway.error_messages import INVOCATIONS, PARQUET
from serve.gateway.metrics import CONTENT_TYPE, METRICS
from serve.gateway.proxy import create_front
from serve.gateway.supervisor import Supervisor
from serve.processes import ServiceError
from serve.web.scoring_client import ScoringClient
from serve.web.settings import Settings
from tests.serve.conftest import Scoring, running


@pytest.fixture
def breaks_off() -> Iterator[Scoring]:
    """Return a scoring server whose first answer ends in the middle."""

    class BreaksOff(Scoring):
        @property
        def mode(self) -> str:  # type: ignore[override] - asked once it has the body
            return "dies" if len(self.bodies) == 1 else "answer"

    with running(BreaksOff()) as server:
        yield server


def making(server: Scoring, folder: Path) -> Callable[[str], Backend]:
    """Return what makes the backend of a version, always this server."""

    def make(version: str) -> Backend:
        backend = Backend("none", "none", version, folder, {})
        backend.workers[0].url = server.url
        return backend

    return make


async def asked(supervisor: Supervisor, body: bytes) -> list[dict[str, Any]]:
    """Send a body to a front; return the answers."""
    nobody_asks = Supervisor("none", supervisor.make, idle_seconds=60.0)
    front = TestServer(create_front(supervisor, nobody_asks))
    async with TestClient(front) as client:
        headers = {"Content-Type": PARQUET}
        reply = await client.post(INVOCATIONS, data=io.BytesIO(body), headers=headers)
        assert reply.status == 200
        answers: list[dict[str, Any]] = (await reply.json())["predictions"]
        return answers


def test_a_large_body_is_sent_whole_and_once_more(
    breaks_off: Scoring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a megabyte arrives complete at both attempts; aiohttp warns of nothing."""
    monkeypatch.setattr("serve.gateway.supervisor.alias_version", lambda *_: "7")
    customers = generate(12_000, seed=4).drop(columns="CUST_ID")
    body = customers.to_parquet(compression=None, use_dictionary=False)
    assert len(body) > 1024**2

    make = making(breaks_off, tmp_path)
    supervisor = Supervisor("none", make)
    supervisor.current = make("7")
    answers = asyncio.run(asked(supervisor, body))
    assert len(answers) == len(customers)
    assert breaks_off.bodies == [customers.to_csv(index=False)] * 2


FOREIGN = [
    "evil.example",
    "127.0.0.1.evil.example",
    "evil.example@127.0.0.1",
    "[",
    "",
    "localhost.x",
]


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """Return a supervisor that has no scoring server and asks no registry."""
    monkeypatch.setattr("serve.gateway.supervisor.alias_version", lambda *_: "7")
    return Supervisor("none", lambda _: Backend("none", "none", "7", Path(), {}), idle_seconds=1e-9)


def test_the_gateway_answers_under_its_own_names_only(idle: Supervisor) -> None:
    """A page whose name was made to lead here neither scores nor reads what is served."""
    settings = Settings.from_environment(
        {"SEGMENTATION_SCORING_URL": "http://scoring:5001", "SEGMENTATION_SCORING_HOSTS": ".bank"}
    )

    async def statuses(hosts: list[str]) -> list[tuple[int, int]]:
        front = TestServer(create_front(idle, idle, settings.gateway_hosts))
        async with TestClient(front) as client:
            replies = []
            for host in hosts:
                live = await client.get("/live", headers={"Host": host})
                sent = await client.post("/nothing", headers={"Host": host})
                replies.append((live.status, sent.status))
            return replies

    own = ["localhost", "127.0.0.1:5001", "[::1]:5001", "scoring:5001", "scoring.bank", "LOCALHOST"]
    assert asyncio.run(statuses(own)) == [(200, 404)] * len(own)
    assert asyncio.run(statuses(FOREIGN)) == [(400, 400)] * len(FOREIGN)


def test_a_sender_who_leaves_is_counted_as_that(idle: Supervisor) -> None:
    """A body that breaks off is no error of the server; ``/live`` counts it as 499."""

    async def answers() -> dict[str, int]:
        runner = web.AppRunner(create_front(idle, idle))  # as `python -m serve.gateway` does
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        try:
            _, writer = await asyncio.open_connection(host, port)
            head = f"POST {INVOCATIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PARQUET}"
            writer.write(f"{head}\r\nContent-Length: 5000\r\n\r\nPAR1".encode())
            await writer.drain()
            await asyncio.sleep(0.1)  # the gateway reads the head before the sender leaves
            writer.close()
            await writer.wait_closed()
            async with ClientSession(f"http://{host}:{port}") as client:
                for _ in range(100):
                    async with client.get("/live") as reply:
                        if counts := (await reply.json())["answers"]:
                            return dict(counts)
                    await asyncio.sleep(0.05)
        finally:
            await runner.cleanup()
        raise AssertionError("the request was not counted")

    assert asyncio.run(answers()) == {"499": 1}


def test_the_pages_send_a_large_table(scoring: Scoring) -> None:
    """More than a megabyte arrives complete; aiohttp warns of nothing."""
    customers = generate(30_000, seed=4).drop(columns="CUST_ID")
    assert len(customers.to_parquet()) > 1024**2
    answers = ScoringClient(scoring.url, 1.5, 60.0).many(customers)
    assert len(answers) == len(customers)
    assert scoring.bodies == [customers.to_csv(index=False)]


def test_an_answer_of_another_version_is_refused(
    scoring: Scoring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer says which version gave it; one of another than the served is not passed on."""
    monkeypatch.setattr("serve.gateway.supervisor.alias_version", lambda *_: "8")
    body = generate(5, seed=4).drop(columns="CUST_ID").to_parquet()

    make = making(scoring, tmp_path)

    async def status() -> int:
        supervisor = Supervisor("none", make)
        supervisor.current = make("8")
        idle = Supervisor("none", make, idle_seconds=60.0)
        async with TestClient(TestServer(create_front(supervisor, idle))) as client:
            headers = {"Content-Type": PARQUET}
            reply = await client.post(INVOCATIONS, data=io.BytesIO(body), headers=headers)
            return reply.status

    assert asyncio.run(status()) == 502


def test_prometheus_reads_what_was_served(
    scoring: Scoring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests by alias and status, how long they took, what is served; nothing a sender chose."""
    monkeypatch.setattr("serve.gateway.supervisor.alias_version", lambda *_: "7")
    body = generate(5, seed=4).drop(columns="CUST_ID").to_parquet()

    make = making(scoring, tmp_path)

    async def text() -> str:
        supervisor = Supervisor("none", make)
        supervisor.current = make("7")
        idle = Supervisor("none", make, CHALLENGER, idle_seconds=60.0)
        async with TestClient(TestServer(create_front(supervisor, idle))) as client:
            for kind in (PARQUET, PARQUET, "text/canary"):
                headers = {"Content-Type": kind, "X-Canary": "canary"}
                await client.post(f"{INVOCATIONS}?canary=1", data=body, headers=headers)
            await client.get("/canary")
            reply = await client.get(METRICS)
            assert reply.headers["Content-Type"] == CONTENT_TYPE
            return await reply.text()

    metrics = asyncio.run(text())
    assert "canary" not in metrics
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    assert values["segmentation_requests_total", "champion", "200"] == 2
    assert values["segmentation_requests_total", "champion", "415"] == 1
    assert values["segmentation_request_seconds_count", "champion"] == 3
    assert 0 < values["segmentation_request_seconds_sum", "champion"] < 60
    assert values["segmentation_serving", "champion", "7"] == 1
    assert values["segmentation_behind", "champion"] == 0
    assert values["segmentation_behind", "challenger"] == 0
    assert values["segmentation_requests_in_flight", "champion"] == 0


@pytest.mark.parametrize(
    ("content", "trusted"),
    [
        (b'{"predictions": [{"segment": 1, "model_version": "7"}]}', True),
        (b'{"predictions": {"segment": [1, 2], "model_version": ["7", "7"]}}', True),
        (b'{"predictions": []}', True),
        (b'{"predictions": {"segment": [], "model_version": []}}', True),
        (b'{"predictions": [{"segment": 1, "model_version": "17"}]}', False),
        (b'{"predictions": [{"segment": 1}]}', False),
        (b"", False),
    ],
)
def test_the_version_is_read_from_the_end_of_an_answer(content: bytes, trusted: bool) -> None:
    """Rows, lists by column and empty answers."""
    assert Backend("none", "none", "7", Path(), {}).answered(content) is trusted


def test_a_server_that_does_not_come_up_again_is_not_asked(tmp_path: Path) -> None:
    """Requests go to the one that runs, and it is noticed that one is missing."""
    backend = Backend("/bin/false", "none", "7", tmp_path, {}, workers=2)
    running, ended = backend.workers
    ended.stop()
    for _ in range(2):
        assert (backend.alive(), backend.whole()) == (True, False)
        assert backend.choose() is running
        with pytest.raises(ServiceError, match="ended with exit code"):
            backend.restart_ended()
