"""MLflow's webhooks to the gateway: genuine, forged, replayed, stale, in bulk."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from cryptography.fernet import Fernet
from mlflow import MlflowClient
from mlflow.webhooks.delivery import _generate_hmac_signature as signed
from prometheus_client.parser import text_string_to_metric_families

from experiments.registry.client import CHALLENGER, CHAMPION, alias_version
from serve.gateway import supervisor as following
from serve.gateway.backend import Backend
from serve.gateway.metrics import METRICS
from serve.gateway.proxy import create_front
from serve.gateway.supervisor import Supervisor
from serve.gateway.webhooks import DELIVERY, MOST_BYTES, SIGNATURE, TIMESTAMP, WEBHOOK
from serve.processes import free_port
from tests.soak.searching import ROOT
from tests.soak.stores import tracking_server

NAME, SECRET, VERSIONS = "announced", "a secret of the webhooks", 3
# A server lets such addresses in only when it is told to.
LOCAL = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
}
CALL = re.compile(r"<<'END'\n(import os\n.*?create_webhook.*?)END\n", re.DOTALL)
STATUSES = {"forged": 401, "stale": 400, "replayed": 409, "large": 413}
Delivery = tuple[dict[str, str], bytes]


class Recorder:
    """Where MLflow delivers too; keeps what came."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    async def take(self, request: web.Request) -> web.Response:
        """Keep a delivery as it came."""
        headers = {name: request.headers[name] for name in (SIGNATURE, TIMESTAMP, DELIVERY)}
        self.deliveries.append((headers, await request.read()))
        return web.Response()


def wrong(genuine: Delivery, number: int) -> list[tuple[str, Delivery]]:
    """Return deliveries that are not genuine, each with what is wrong with it."""
    headers, body = genuine
    old, large = str(int(time.time()) - 301), json.dumps({"x": "y" * MOST_BYTES})
    later = str(int(headers[TIMESTAMP]) + 1)
    sealed = {**headers, TIMESTAMP: old, SIGNATURE: signed(SECRET, headers[DELIVERY], old, "{}")}
    other = signed("another secret", headers[DELIVERY], headers[TIMESTAMP], body.decode())
    return [
        ("forged", (headers, body.replace(NAME.encode(), b"another"))),
        ("forged", ({**headers, TIMESTAMP: later}, body)),
        ("forged", ({**headers, DELIVERY: f"another-{number}"}, body)),
        ("forged", ({**headers, SIGNATURE: other}, body)),
        ("forged", ({**headers, SIGNATURE: "v1,é"}, body)),
        ("forged", ({}, body)),
        ("stale", (sealed, b"{}")),
        ("replayed", genuine),
        ("large", (headers, large.encode())),
    ]


async def until(true: Callable[[], bool]) -> float:
    """Wait until something is so; return the seconds."""
    begun = time.monotonic()
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)
    return time.monotonic() - begun


async def outcomes(session: ClientSession) -> dict[str, float]:
    """Return how many webhooks were what, as the gateway counts them."""
    async with session.get(METRICS) as reply:
        families = text_string_to_metric_families(await reply.text())
        samples = (sample for family in families for sample in family.samples)
        return {
            sample.labels["outcome"]: sample.value
            for sample in samples
            if sample.name == "segmentation_webhooks_total"
        }


async def announced(
    client: MlflowClient, looks: list[str], moves: int, rounds: int
) -> dict[str, Any]:
    """Let a real MLflow announce moves, then send what is not genuine; return what happened."""
    backend = partial(Backend, "none", NAME, log_folder=Path("log"), environment={})
    champion = Supervisor(NAME, backend)
    challenger = Supervisor(NAME, backend, CHALLENGER, idle_seconds=60.0)
    front, recorder, runners = (
        create_front(champion, challenger, webhook_secret=SECRET),
        Recorder(),
        [],
    )
    record = web.Application()
    record.router.add_post("/", recorder.take)
    for app in (front, record):
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
    gateway, copy = (f"http://127.0.0.1:{runner.addresses[0][1]}" for runner in runners)
    (call,) = CALL.findall((ROOT / "serve" / "README.md").read_text(encoding="utf-8"))
    for url in (gateway + WEBHOOK, f"{copy}/"):
        await asyncio.to_thread(exec, re.sub(r'url="[^"]+"', f'url="{url}"', call), {})
    seconds = []
    try:
        async with ClientSession(gateway) as session:
            # The server lists its webhooks once a minute: no alias moved before there were any.
            for move in range(moves):
                version = str(2 + move % (VERSIONS - 1))
                alias = asyncio.to_thread(
                    client.set_registered_model_alias, NAME, CHAMPION, version
                )
                moving = asyncio.create_task(alias)
                seconds.append(await until(lambda: champion.champion == version))  # noqa: B023
                await moving
            await until(lambda: len(recorder.deliveries) == moves)
            await asyncio.sleep(0.1)  # a look that is under way ends
            genuine, before = recorder.deliveries[0], len(looks)

            async def send(delivery: Delivery) -> int:
                headers, body = delivery
                kind = {"Content-Type": "application/json"}
                async with session.post(WEBHOOK, data=body, headers=headers | kind) as reply:
                    return reply.status

            assert await send(genuine) == 204
            await until(lambda: len(looks) > before)
            before, longest, statuses = len(looks), 0.0, Counter[tuple[str, int]]()
            for number in range(rounds):
                labels, deliveries = zip(*(wrong(genuine, number) * 6), strict=True)
                sending = asyncio.gather(*map(send, deliveries))
                begun = time.monotonic()
                async with session.get("/live") as reply:
                    assert reply.ok
                longest = max(longest, time.monotonic() - begun)
                statuses.update(zip(labels, await sending, strict=True))
            assert dict(statuses.keys()) == STATUSES
            assert len(statuses) == len(STATUSES)
            counted = await outcomes(session)
            assert counted == {label: n for (label, _), n in statuses.items()} | {
                "accepted": moves + 1
            }
            return {
                "slowest": max(seconds),
                "wrong": statuses.total(),
                "looks": len(looks) - before,
                "longest": longest,
            }
    finally:
        for runner in runners:
            await runner.cleanup()


@pytest.mark.row("webhooks of the registry: genuine, forged, replayed, stale, too large, in bulk")
def test_webhooks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: Callable[[int, int], int],
    figure: Callable[[str], None],
) -> None:
    """A genuine one has the registry read, of which its body says nothing; any other nothing."""
    port, looks = free_port(18770), list[str]()

    def read(name: str, alias: str) -> str:
        version = alias_version(name, alias)
        looks.append(version)
        return version

    monkeypatch.setattr(following, "alias_version", read)
    monkeypatch.setattr(following, "POLL_SECONDS", 3600.0)
    moves, rounds = times(4, 50), times(4, 200)
    uri = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("SEGMENTATION_WEBHOOK_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    with tracking_server(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", port, **LOCAL):
        client = MlflowClient(uri)
        client.create_registered_model(NAME)
        for _ in range(VERSIONS):
            client.create_model_version(NAME, "s3://nowhere/model")
        seen = asyncio.run(announced(client, looks, moves, rounds))
    figure(
        f"{moves} moves announced by MLflow's server, no polling: each was read within "
        f"{seen['slowest']:.1f} s; {seen['wrong']:,} others refused and counted, "
        f"{seen['looks']} looks at the registry for them; a request beside them took at most "
        f"{seen['longest']:.2f} s"
    )
    assert seen["looks"] == 0
    assert seen["slowest"] < 5
