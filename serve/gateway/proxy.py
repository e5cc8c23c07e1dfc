"""The fixed address: hands every request to the scoring server of the moment."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import asdict
from uuid import uuid4

from aiohttp import ClientError, hdrs, web

from serve.gateway.backend import ANSWER_SECONDS, Backend
from serve.gateway.batching import Batcher, FullError, in_time
from serve.gateway.error_messages import (
    DOCUMENT,
    INVOCATIONS,
    JSON,
    OTHER_ANSWER,
    Refusal,
    answer_types,
    known_type,
    refused_body,
    refused_path,
    reworded,
    too_deep,
    truths,
    unread_parameters,
)
from serve.gateway.joining import Reply, Request
from serve.gateway.metrics import CONTENT_TYPE, METRICS, Metrics
from serve.gateway.openapi import described
from serve.gateway.supervisor import Supervisor
from serve.gateway.webhooks import ACCEPTED, REFUSALS, WEBHOOK, Webhooks
from serve.logs import write_event
from serve.web.scoring_client import CHALLENGER_PATH, REQUEST_ID
from serve.web.settings import HERE, host_name

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# How long a request waits where no scoring server is up, for example after a crash.
WAIT_SECONDS = 30.0
RETRY_SECONDS = 0.2
MOST_DEATHS = 2
MOST_BYTES = 256 * 1024**2
STATE, READY = "/live", "/ready"
SUPERVISOR = web.AppKey("supervisor", Supervisor)
CHALLENGER = web.AppKey("challenger", Supervisor)
ANSWERS = web.AppKey("answers", Counter[str])
HOSTS = web.AppKey("hosts", frozenset[str])
BATCHER = web.AppKey("batcher", Batcher)
FIGURES = web.AppKey("figures", Metrics)
WEBHOOKS = web.AppKey("webhooks", Webhooks)
# Set once the gateway is to stop.
LEAVING = web.AppKey("leaving", asyncio.Event)
STOPPING = Refusal(503, "This gateway is stopping; ask again in a moment.")
# As servers count a request whose sender went away before all of it had come.
SENDER_LEFT = 499
WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Of a request: its id, the version that was to answer, the bytes of its body.
ID, VERSION = web.RequestKey("id", str), web.RequestKey("version", str)
BODY_BYTES = web.RequestKey("body_bytes", int)
# All others that a sender may choose are one in the log.
LOGGED_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def create_front(
    supervisor: Supervisor,
    challenger: Supervisor,
    hosts: Collection[str] = HERE,
    webhook_secret: str = "",
) -> web.Application:
    """Return the front: all but ``/live``, ``/ready``, ``/metrics`` and ``/webhook`` goes on.

    MLflow's webhooks are taken where there is a secret that they are signed with.

    It answers under the names `hosts` only, so that no page of another site whose name leads to
    this machine reads an answer; a name with a leading dot lets in subdomains.

    What a scoring server would answer with a trace, or would write into its log, is refused
    here; of its own refusals the kind of mistake is passed on, not what was sent.
    """
    app = web.Application(client_max_size=MOST_BYTES, middlewares=[_own_name])
    app[SUPERVISOR], app[CHALLENGER], app[ANSWERS] = supervisor, challenger, Counter()
    app[FIGURES] = Metrics((supervisor, challenger))
    app[BATCHER] = Batcher(app[FIGURES].sent)
    app[HOSTS], app[LEAVING] = frozenset(hosts), asyncio.Event()
    app.cleanup_ctx.append(_running)
    app.on_response_prepare.append(_count)
    app.router.add_get(STATE, _state)
    app.router.add_get(READY, _ready)
    app.router.add_get(METRICS, _metrics)
    if webhook_secret:
        app[WEBHOOKS] = Webhooks(webhook_secret)
        app.router.add_post(WEBHOOK, _announced)
    app.router.add_route("*", CHALLENGER_PATH + "/{path:.*}", _forward_challenger)
    app.router.add_route("*", "/{path:.*}", _forward_champion)
    return app


@web.middleware
async def _own_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    name, hosts = host_name(request.headers.get(hdrs.HOST, "")), request.app[HOSTS]
    if name in hosts or any(h.startswith(".") and f".{name}".endswith(h) for h in hosts):
        return await handler(request)
    message = "Not reached under this name. Others are set by SEGMENTATION_SCORING_HOSTS."
    return _refused(Refusal(400, message))


async def _running(app: web.Application) -> AsyncIterator[None]:
    """Supervise as long as the front runs."""
    tasks = [asyncio.create_task(app[key].run()) for key in (SUPERVISOR, CHALLENGER)]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _count(request: web.Request, response: web.StreamResponse) -> None:
    if request.path not in {STATE, READY, METRICS}:
        request.app[ANSWERS][str(response.status)] += 1
    if request.app[LEAVING].is_set():
        response.force_close()
    response.headers[REQUEST_ID] = _id(request)


def _id(request: web.Request) -> str:
    """Return a request's id: its sender's where that is well-formed, else a new one."""
    if ID not in request:
        sent = request.headers.get(REQUEST_ID, "")
        request[ID] = sent if WELL_FORMED_ID.fullmatch(sent) else uuid4().hex
    return request[ID]


async def _state(request: web.Request) -> web.Response:
    """Tell what is served, what stands in the way, and how many answers had which status."""
    state = asdict(request.app[SUPERVISOR].state)
    return web.json_response({**state, "answers": request.app[ANSWERS]})


async def _ready(request: web.Request) -> web.Response:
    """Answer 200 where the version that the alias names answers, or the one that is asked for."""
    state = request.app[SUPERVISOR].state
    version = request.query.get("version", state.champion)
    if not version.isdecimal() and "version" in request.query:
        return _refused(Refusal(400, "version: expected the number of a version."))
    ready = bool(version) and state.serving == version and not request.app[LEAVING].is_set()
    later = {} if ready else {"Retry-After": "2"}
    content = {"ready": ready, **asdict(state)}
    return web.json_response(content, status=200 if ready else 503, headers=later)


async def _metrics(request: web.Request) -> web.Response:
    """Return what Prometheus reads; whoever may not reach the gateway may not read it either."""
    text = request.app[FIGURES].text()
    return web.Response(body=text, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})


async def _announced(request: web.Request) -> web.Response:
    """Take a webhook of MLflow: read the registry at once, whatever moved."""
    outcome = await request.app[WEBHOOKS].outcome(request)
    request.app[FIGURES].announced(outcome)
    if outcome != ACCEPTED:
        return _refused(REFUSALS[outcome])
    for key in (SUPERVISOR, CHALLENGER):
        request.app[key].look()
    return web.Response(status=204)


async def _forward_champion(request: web.Request) -> web.Response:
    return await _checked(request, request.app[SUPERVISOR], request.path)


async def _forward_challenger(request: web.Request) -> web.Response:
    path = request.path.removeprefix(CHALLENGER_PATH)
    return await _checked(request, request.app[CHALLENGER], path)


async def _checked(request: web.Request, supervisor: Supervisor, path: str) -> web.Response:
    """Answer a request, and measure it where it is one to score."""
    if path != INVOCATIONS:
        return await _answer(request, supervisor, path)
    begun, status, size = time.perf_counter(), SENDER_LEFT, 0
    try:
        if request.app[LEAVING].is_set():
            answer = _refused(STOPPING, later="1")
        else:
            answer = await _answer(request, supervisor, path)
        status, size = answer.status, answer.content_length or 0
    except web.HTTPException as refusal:
        status, size = refusal.status, refusal.content_length or 0
        raise
    finally:
        seconds = time.perf_counter() - begun
        request.app[FIGURES].answered(supervisor.alias, status, seconds)
        _write_down(request, supervisor.alias, status, seconds, size)
    return answer


def _write_down(
    request: web.Request, alias: str, status: int, seconds: float, answer_bytes: int
) -> None:
    """Log a request to score; of what its sender chose, a well-formed id alone."""
    champion = request.path == INVOCATIONS
    write_event(
        "request",
        logging.INFO if status < 500 else logging.WARNING,
        request_id=_id(request),
        method=request.method if request.method in LOGGED_METHODS else "other",
        path=INVOCATIONS if champion else CHALLENGER_PATH + INVOCATIONS,
        alias=alias,
        version=request.get(VERSION, ""),
        status=status,
        milliseconds=round(seconds * 1000, 1),
        body_bytes=request.get(BODY_BYTES, 0),
        answer_bytes=answer_bytes,
    )


async def _answer(request: web.Request, supervisor: Supervisor, path: str) -> web.Response:
    """Hand a request on unless it is refused here."""
    if refusal := refused_path(request.method, path):
        return _refused(refusal)
    if (request.method, path) != ("POST", INVOCATIONS):
        return await _forward(request, supervisor, path, b"", "")
    content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    if refusal := refused_body(content_type, request.headers.get(hdrs.CONTENT_ENCODING, "")):
        return _refused(refusal)
    body = await _body(request)
    if isinstance(body, Refusal):
        return _refused(body)
    request[BODY_BYTES] = len(body)
    kind = known_type(content_type) or ""
    if kind == JSON and (refusal := await in_time(body, _unsuited, body)):
        return _refused(refusal)
    return await _forward(request, supervisor, path, body, kind)


async def _body(request: web.Request) -> bytes | Refusal:
    """Return what was sent, or why it did not come whole."""
    try:
        return await request.read()
    except ConnectionError:
        return Refusal(SENDER_LEFT, "The sender left before the body had come.")
    except web.RequestPayloadError:
        return Refusal(400, "The body did not arrive as its headers say.")


def _unsuited(body: bytes) -> Refusal | None:
    return too_deep(body) or unread_parameters(body)


def _refused(refusal: Refusal, later: str = "") -> web.Response:
    """Return a refusal; `later` is after how many seconds to ask again."""
    headers = {"Retry-After": later} if later else {}
    return web.Response(
        status=refusal.status, body=refusal.body, content_type=JSON, headers=headers
    )


async def _forward(
    request: web.Request, supervisor: Supervisor, path: str, body: bytes, kind: str
) -> web.Response:
    """Hand a request on; once more where its server died before it answered.

    Scoring changes nothing, so that asking twice is safe; a request that two servers died of is
    not given to a third.
    """
    deaths = 0
    try:
        async with asyncio.timeout(WAIT_SECONDS) as limit:
            while deaths < MOST_DEATHS:
                backend = await supervisor.some_backend()
                request[VERSION] = backend.version
                try:
                    # An answer may take longer than a server may stay away.
                    limit.reschedule(asyncio.get_running_loop().time() + ANSWER_SECONDS)
                    return await _ask(request, path, body, kind, backend)
                except ClientError:
                    deaths += supervisor.suspect(backend)
                    limit.reschedule(asyncio.get_running_loop().time() + WAIT_SECONDS)
                    await asyncio.sleep(RETRY_SECONDS)
    except TimeoutError:
        if supervisor.missing:
            return _refused(Refusal(404, supervisor.problem))
    problem = supervisor.problem or "The scoring server does not answer."
    return web.json_response({"error": problem}, status=503, headers={"Retry-After": "10"})


async def _ask(
    request: web.Request, path: str, body: bytes, kind: str, backend: Backend
) -> web.Response:
    """Return a server's answer; a refusal of customers in words of our own.

    Query and headers stay here: MLflow uses none but the content type, and logs the query.
    """
    if kind == JSON:
        refusal = await in_time(body, truths, body, backend.columns)
        if refusal:
            return _refused(refusal)

    accepted = answer_types(request.headers.get(hdrs.ACCEPT, ""))
    scored = Request(body, kind, accepted[0])

    async def send(one: Request) -> Reply:
        worker = backend.choose()
        worker.in_flight += 1
        try:
            async with worker.session.request(
                request.method,
                worker.url + path,
                # Aiohttp sends what can be read in pieces; one for each attempt: it is read up.
                data=io.BytesIO(one.body) if one.body else None,
                headers={hdrs.CONTENT_TYPE: one.kind} if one.kind else {},
                allow_redirects=False,
            ) as reply:
                content_type = reply.headers.get(hdrs.CONTENT_TYPE, JSON)
                return Reply(reply.status, await reply.read(), content_type)
        finally:
            worker.in_flight -= 1

    backend.in_flight += 1
    try:
        if kind:
            status, content, content_type = await request.app[BATCHER].reply(backend, scored, send)
        else:
            status, content, content_type = await send(scored)
    except FullError:
        full = "Too many requests wait for the scoring server."
        return web.json_response({"error": full}, status=503, headers={"Retry-After": "1"})
    finally:
        backend.in_flight -= 1
    if kind and status in {400, 500}:
        # A version answers its own example before it serves: what makes it fail is the request.
        return _refused(reworded(content.decode(errors="replace"), backend.columns))
    answer = content_type.partition(";")[0]
    if kind and status == 200 and answer not in accepted:
        return _refused(OTHER_ANSWER)
    # The other kinds came in an envelope, with the version outside.
    if kind and answer == JSON and not backend.answered(content):
        return _refused(Refusal(502, "Another version answered than the one that is served."))
    if path == DOCUMENT and status == 200:
        content = described(content, backend.example)
    return web.Response(status=status, body=content, headers={hdrs.CONTENT_TYPE: content_type})
