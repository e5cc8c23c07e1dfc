"""Small requests that come while a scoring server is busy are sent to it as one body."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError

from serve.gateway.backend import Backend
from serve.gateway.joining import SMALL, Joiner, Reply, Request, Split

# Of a body: requests and bytes. A request is at most SMALL.
MOST_REQUESTS, MOST_BYTES = 256, 256 * 1024
# Requests that wait for one server, and their bytes.
MOST_WAITING, MOST_WAITING_BYTES = 2_000, 16 * 1024**2
JOIN_SECONDS = 0.002
# Putting together and taking apart more than this would keep all others waiting.
LONG = 256 * 1024

Send = Callable[[Request], Awaitable[Reply]]


class FullError(Exception):
    """So many requests wait that another one would wait for seconds."""


@dataclass(frozen=True)
class Waiting:
    """A request that waits for its turn, and its reply."""

    request: Request
    reply: asyncio.Future[Reply] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def give(self, reply: Reply) -> None:
        """Set the reply, unless the sender has left."""
        if not self.reply.done():
            self.reply.set_result(reply)


@dataclass
class Line:
    """The requests for the scoring servers of one version."""

    busy: int = 0  # how many of the servers are
    waiting: deque[Waiting] = field(default_factory=deque)
    bytes: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Batcher:
    """Sends a request at once where a server is idle, and joins those that came meanwhile.

    Parameters
    ----------
    sent
        Called with the number of customers in each body that was scored.
    """

    def __init__(self, sent: Callable[[int], None]) -> None:
        self._lines: dict[Backend, Line] = {}
        self._sent = sent

    async def reply(self, backend: Backend, request: Request, send: Send) -> Reply:
        """Return the server's reply, alone or out of a joined one.

        Raises
        ------
        FullError
            When too many wait already.
        ClientError
            When the server died of it, or while this waited.
        """
        if not backend.joiner.takes(request):
            return await send(request)
        size, waiting = len(request.body), Waiting(request)
        if size > SMALL:
            await self._answer(backend.joiner, [waiting], send)
            return waiting.reply.result()
        line = self._lines.setdefault(backend, Line())
        if line.busy >= len(backend.workers):
            if len(line.waiting) >= MOST_WAITING or line.bytes + size > MOST_WAITING_BYTES:
                raise FullError
            line.waiting.append(waiting)
            line.bytes += size
            return await waiting.reply
        line.busy += 1
        try:
            await self._answer(backend.joiner, [waiting], send)
            return waiting.reply.result()
        finally:
            self._next(backend, line, send)

    def _next(self, backend: Backend, line: Line, send: Send) -> None:
        """Send what waited, or let the next one find a server idle."""
        if line.waiting:
            task = asyncio.create_task(self._send(backend, line, send))
            line.tasks.add(task)
            task.add_done_callback(line.tasks.discard)
            return
        line.busy -= 1
        if not line.busy:
            self._lines.pop(backend, None)

    async def _send(self, backend: Backend, line: Line, send: Send) -> None:
        # Those just answered ask again at once: without this pause they miss every other body.
        await asyncio.sleep(JOIN_SECONDS)
        batch = _taken(line)
        if not batch:  # the other servers took them meanwhile
            self._next(backend, line, send)
            return
        try:
            await self._answer(backend.joiner, batch, send)
        except (ClientError, TimeoutError) as error:
            for one in batch:
                if not one.reply.done():
                    one.reply.set_exception(error)
        finally:
            for one in batch:
                one.reply.cancel()  # those that have none: this was cancelled
            self._next(backend, line, send)

    async def _answer(self, joiner: Joiner, batch: Sequence[Waiting], send: Send) -> None:
        """Let one body be answered for all, or one by one where it is refused."""
        requests = [one.request for one in batch]
        joined = await in_time(requests[0].body, joiner.join, requests)
        split: Split | None = None
        try:
            reply = await send(joined.request)
            if reply.status == 200:
                split = await in_time(requests[0].body, joiner.split, reply.content, joined)
        finally:
            joined.close()
        if split:
            self._sent(split.rows)
            for one, own in zip(batch, split.replies, strict=True):
                one.give(own)
        elif len(batch) == 1:
            batch[0].give(reply)
        else:
            for one in batch:
                await self._answer(joiner, [one], send)


def _taken(line: Line) -> list[Waiting]:
    """Take the requests that wait longest, at most so many and so many bytes of them."""
    batch: list[Waiting] = []
    size = 0
    while line.waiting and len(batch) < MOST_REQUESTS:
        size += len(line.waiting[0].request.body)
        if batch and size > MOST_BYTES:
            break
        batch.append(line.waiting.popleft())
    line.bytes -= sum(len(one.request.body) for one in batch)
    return batch


async def in_time(content: bytes, work: Callable[..., Any], *arguments: object) -> Any:
    """Return what some work with content returns; long work is done beside the others."""
    if len(content) <= LONG:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)
