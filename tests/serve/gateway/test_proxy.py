"""Large bodies reach a scoring server whole, from the pages and through the front."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from segmentation.data.synthetic import generate
from serve.gateway.backend import Backend
from serve.gateway.error_messages import INVOCATIONS, PARQUET
from serve.gateway.proxy import create_front
from serve.gateway.supervisor import Supervisor
from serve.web.scoring_client import ScoringClient
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

    def make(version: str) -> Backend:
        backend = Backend("none", "none", version, tmp_path, {})
        backend.url = breaks_off.url
        return backend

    supervisor = Supervisor("none", make)
    supervisor.current = make("7")
    answers = asyncio.run(asked(supervisor, body))
    assert len(answers) == len(customers)
    assert breaks_off.bodies == [customers.to_csv(index=False)] * 2


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

    def make(version: str) -> Backend:
        backend = Backend("none", "none", version, tmp_path, {})
        backend.url = scoring.url
        return backend

    async def status() -> int:
        supervisor = Supervisor("none", make)
        supervisor.current = make("8")
        idle = Supervisor("none", make, idle_seconds=60.0)
        async with TestClient(TestServer(create_front(supervisor, idle))) as client:
            headers = {"Content-Type": PARQUET}
            reply = await client.post(INVOCATIONS, data=io.BytesIO(body), headers=headers)
            return reply.status

    assert asyncio.run(status()) == 502


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
