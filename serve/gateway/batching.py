"""Small requests that come while a scoring server is busy are sent to it as one body.

A thousand rows cost MLflow's server four times what one costs. Only what cannot change an answer
is joined: JSON with the model's columns, numbers and texts where the model has them, everything
asked for. All else goes alone, and so does each of a joined body that was refused.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError

from serve.gateway.backend import Backend

MOST_BYTES = 64 * 1024
MOST_ROWS = 256
MOST_WAITING = 2_000
JOIN_SECONDS = 0.002
# Beyond it a whole number is not the same as a float.
EXACT = 2**53
# What MLflow writes between the answers of two customers.
BETWEEN = ", "
FORMS = ("dataframe_split", "dataframe_records")

Reply = tuple[int, bytes, str]  # status, body, content type
Send = Callable[[bytes], Awaitable[Reply]]


class FullError(Exception):
    """So many requests wait that another one would wait for seconds."""


@dataclass(frozen=True)
class Waiting:
    """A request that waits for its turn: its rows, its body as it came, its reply."""

    rows: list[list[Any]]
    body: bytes
    reply: asyncio.Future[Reply]


@dataclass
class Line:
    """The requests for one scoring server."""

    busy: bool = False
    waiting: deque[Waiting] = field(default_factory=deque)
    rows: int = 0
    task: asyncio.Task[None] | None = None


class Batcher:
    """Sends a request at once where its server is idle, and joins those that came meanwhile.

    Parameters
    ----------
    sent
        Called with the number of customers in each body that is sent.
    """

    def __init__(self, sent: Callable[[int], None]) -> None:
        self._lines: dict[Backend, Line] = {}
        self._sent = sent

    async def reply(self, backend: Backend, body: bytes, send: Send) -> Reply:
        """Return the server's reply to a JSON body, alone or out of a joined one.

        Raises
        ------
        FullError
            When too many wait already.
        ClientError
            When the server died of it, or while this waited.
        """
        rows = regular_rows(body, backend) if len(body) <= MOST_BYTES else None
        if rows is None:
            return await send(body)
        line = self._lines.setdefault(backend, Line())
        if line.busy:
            if line.rows + len(rows) > MOST_WAITING:
                raise FullError
            waiting = Waiting(rows, body, asyncio.get_running_loop().create_future())
            line.waiting.append(waiting)
            line.rows += len(rows)
            return await waiting.reply
        line.busy = True
        try:
            self._sent(len(rows))
            return await send(body)
        finally:
            self._next(backend, line, send)

    def _next(self, backend: Backend, line: Line, send: Send) -> None:
        """Send what waited, or let the next one find the server idle."""
        if line.waiting:
            line.task = asyncio.create_task(self._send(backend, line, send))
        else:
            line.busy = False
            self._lines.pop(backend, None)

    async def _send(self, backend: Backend, line: Line, send: Send) -> None:
        # Those just answered ask again at once: without this pause they miss every other body.
        await asyncio.sleep(JOIN_SECONDS)
        batch = _taken(line)
        try:
            await self._answer(backend, batch, send)
        except (ClientError, TimeoutError) as error:
            for one in batch:
                if not one.reply.done():
                    one.reply.set_exception(error)
        finally:
            for one in batch:
                one.reply.cancel()  # those that have none: this was cancelled
            self._next(backend, line, send)

    async def _answer(self, backend: Backend, batch: Sequence[Waiting], send: Send) -> None:
        """Let one body be answered for all; one by one where it is refused."""
        if len(batch) > 1:
            rows = [row for one in batch for row in one.rows]
            self._sent(len(rows))
            table = {"columns": list(backend.columns), "data": rows}
            status, content, kind = await send(json.dumps({"dataframe_split": table}).encode())
            parts = split(content, [len(one.rows) for one in batch]) if status == 200 else None
            if parts and backend.answered(content):
                for one, part in zip(batch, parts, strict=True):
                    _give(one, (status, part, kind))
                return
        for one in batch:
            self._sent(len(one.rows))
            _give(one, await send(one.body))


def _give(one: Waiting, reply: Reply) -> None:
    if not one.reply.done():  # its sender may have left
        one.reply.set_result(reply)


def _taken(line: Line) -> list[Waiting]:
    """Take the requests that wait longest, at most so many rows of them."""
    batch = [line.waiting.popleft()]
    rows = len(batch[0].rows)
    while line.waiting and rows + len(line.waiting[0].rows) <= MOST_ROWS:
        batch.append(line.waiting.popleft())
        rows += len(batch[-1].rows)
    line.rows -= rows
    return batch


def regular_rows(body: bytes, backend: Backend) -> list[list[Any]] | None:
    """Return the customers of a body in the order of the model's columns; None for any other body.

    Other columns are left out, as MLflow does.
    """
    sent = _sent(body)
    form = next((name for name in FORMS if name in sent), "")
    table = _table(sent[form], form) if form else None
    if table is None or sent.keys() - {form, "params"}:
        return None
    columns, rows = table
    place = {name: i for i, name in enumerate(columns)}
    if len(place) != len(columns) or any(str(name).startswith("detail") for name in place):
        return None
    order = [place.get(name, -1) for name in backend.columns]
    if not order or -1 in order or not 0 < len(rows) <= MOST_ROWS:
        return None
    ordered = [[row[i] for i in order] for row in rows]
    texts = backend.texts
    fits = all(
        value is None or (type(value) is str if is_text else _is_number(value))
        for row in ordered
        for value, is_text in zip(row, texts, strict=True)
    )
    return ordered if fits else None


def _sent(body: bytes) -> dict[str, Any]:
    """Return a JSON object that asks for everything; empty for any other body."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(sent, dict) or sent.get("params", {}) not in ({}, {"detail": "full"}):
        return {}
    return sent


def _table(content: Any, form: str) -> tuple[list[Any], list[list[Any]]] | None:
    """Return columns and rows of a table in one of MLflow's forms; None where it is none."""
    if form == "dataframe_split":
        if not isinstance(content, dict) or set(content) != {"columns", "data"}:
            return None
        columns, rows = content["columns"], content["data"]
        whole = isinstance(columns, list) and isinstance(rows, list)
        if not whole or not all(type(row) is list and len(row) == len(columns) for row in rows):
            return None
        return columns, rows
    if not isinstance(content, list) or not content or type(content[0]) is not dict:
        return None
    columns = list(content[0])
    if not all(type(row) is dict and list(row) == columns for row in content):
        return None
    return columns, [list(row.values()) for row in content]


def _is_number(value: object) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and -EXACT < value < EXACT


def split(content: bytes, sizes: Sequence[int]) -> list[bytes] | None:
    """Cut an answer into those of as many customers each; None where it has another form.

    The bytes of a customer's answer stay what they are, and so does all around them.
    """
    text = content.decode()
    decoder = json.JSONDecoder()
    ends, at = [], text.find("[") + 1
    start = at
    try:
        while text[at : at + 1] == "{":
            _, end = decoder.raw_decode(text, at)
            ends.append((at, end))
            at = end + len(BETWEEN) if text.startswith(BETWEEN, end) else end
    except (ValueError, IndexError):
        return None
    if len(ends) != sum(sizes) or not text[at:].startswith("]"):
        return None
    head, tail, parts, done = text[:start], text[at:], [], 0
    for size in sizes:
        first, last = ends[done][0], ends[done + size - 1][1]
        parts.append((head + text[first:last] + tail).encode())
        done += size
    return parts
