"""The fixed address: hands every request to the scoring server of the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, web

from serve.live.backend import Backend
from serve.live.supervisor import Supervisor
from serve.scoring import CHALLENGER_PATH

# How long a request waits where no scoring server is up, for example after a crash.
PATIENCE_SECONDS = 30.0
ANSWER_SECONDS = 300.0
RETRY_SECONDS = 0.2
MOST_DEATHS = 2
MOST_BYTES = 256 * 1024**2
STATE = "/live"
# Belong to one connection, not to what is sent over it (RFC 9110, 7.6.1).
HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host"})
ENCODED = frozenset({"content-length", "content-encoding", "date", "server"})
SUPERVISOR = web.AppKey("supervisor", Supervisor)
CHALLENGER = web.AppKey("challenger", Supervisor)
SESSION = web.AppKey("session", ClientSession)


def create_front(supervisor: Supervisor, challenger: Supervisor) -> web.Application:
    """Return the front: everything but ``/live`` goes to a scoring server.

    Parameters
    ----------
    supervisor
        Of the champion.
    challenger
        Of the challenger, which is asked below ``/challenger`` and runs only while it is.
    """
    app = web.Application(client_max_size=MOST_BYTES)
    app[SUPERVISOR], app[CHALLENGER] = supervisor, challenger
    app.cleanup_ctx.append(_running)
    app.router.add_get(STATE, _state)
    app.router.add_route("*", CHALLENGER_PATH + "/{path:.*}", _forward_challenger)
    app.router.add_route("*", "/{path:.*}", _forward_champion)
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    """Supervise as long as the front runs."""
    timeout = ClientTimeout(total=ANSWER_SECONDS)
    async with ClientSession(timeout=timeout, cookie_jar=DummyCookieJar()) as session:
        app[SESSION] = session
        tasks = [asyncio.create_task(app[key].run()) for key in (SUPERVISOR, CHALLENGER)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _state(request: web.Request) -> web.Response:
    return web.json_response(asdict(request.app[SUPERVISOR].state))


async def _forward_champion(request: web.Request) -> web.Response:
    return await _forward(request, request.app[SUPERVISOR], request.raw_path)


async def _forward_challenger(request: web.Request) -> web.Response:
    path = request.raw_path.removeprefix(CHALLENGER_PATH)
    return await _forward(request, request.app[CHALLENGER], path)


async def _forward(request: web.Request, supervisor: Supervisor, path: str) -> web.Response:
    """Hand a request on; once more where its server died before it answered.

    Scoring changes nothing, so that asking twice is safe; a request that two servers died of is
    not given to a third.
    """
    body, deaths = await request.read(), 0
    try:
        async with asyncio.timeout(PATIENCE_SECONDS) as patience:
            while deaths < MOST_DEATHS:
                backend = await supervisor.some_backend()
                try:
                    # An answer may take longer than a server may stay away.
                    patience.reschedule(asyncio.get_running_loop().time() + ANSWER_SECONDS)
                    return await _ask(request, path, body, backend)
                except ClientError:
                    deaths += supervisor.suspect(backend)
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE_SECONDS)
                    await asyncio.sleep(RETRY_SECONDS)
    except TimeoutError:
        pass
    problem = supervisor.problem or "The scoring server does not answer."
    return web.json_response({"error": problem}, status=503, headers={"Retry-After": "10"})


async def _ask(request: web.Request, path: str, body: bytes, backend: Backend) -> web.Response:
    headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP}
    backend.in_flight += 1
    try:
        async with request.app[SESSION].request(
            request.method,
            backend.url + path,
            data=body,
            headers=headers,
            allow_redirects=False,
        ) as reply:
            content = await reply.read()
            kept = {k: v for k, v in reply.headers.items() if k.lower() not in HOP | ENCODED}
            return web.Response(status=reply.status, body=content, headers=kept)
    finally:
        backend.in_flight -= 1
