"""Several requests as one body for the scoring server, and its answer taken apart.

A thousand rows cost MLflow's server four times what one costs, and most of what one costs is
casting and checking column by column. A version that takes whole requests gets them as they came,
each in a text; its code reads and answers them, with the bytes that MLflow would write.

Of a version of an earlier release only tables are joined that cannot change an answer: JSON with
the model's columns, numbers and texts where the model has them, everything asked for. All else
goes alone.
"""

from __future__ import annotations

import json
import math
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from serve.gateway.error_messages import JSON

# A larger body takes long by itself: it is not joined with others.
SMALL = 64 * 1024
# A longer body is shared, not sent.
SHORT = 16 * 1024
# Beyond it a whole number is not the same as a float.
EXACT = 2**53
# What MLflow writes between the answers of two customers.
BETWEEN = ", "
FORMS = ("dataframe_split", "dataframe_records")
MOST_ROWS = 256


@dataclass(frozen=True)
class Request:
    """Customers to score: the body as it came, its content type, that of the answer."""

    body: bytes
    kind: str = JSON
    answer: str = JSON


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    content: bytes
    kind: str


class Split(NamedTuple):
    """The reply to each of several requests, and how many customers were scored together."""

    replies: Sequence[Reply]
    rows: int


class Memory:
    """A request in memory that another process of this user may read, and write the answer to.

    It is never on a disk, and gone when it is closed or this process ends.
    """

    def __init__(self, content: bytes) -> None:
        self._file = os.fdopen(os.memfd_create("request"), "r+b")
        self._file.write(content)
        self._file.flush()

    @property
    def path(self) -> str:
        """Where it can be opened."""
        return f"/proc/{os.getpid()}/fd/{self._file.fileno()}"

    def read(self) -> bytes:
        """Return what it holds now."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Give it back; safe to call twice."""
        self._file.close()


@dataclass(frozen=True)
class Joined:
    """Several requests as one, and what is shared in memory of each."""

    request: Request
    parts: Sequence[Request]
    memories: Sequence[Memory | None] = ()

    def close(self) -> None:
        """Give the memory back."""
        for memory in self.memories:
            if memory is not None:
                memory.close()


class Joiner(Protocol):
    """Puts requests for one version together, and takes its answer apart."""

    def takes(self, request: Request) -> bool:
        """Tell whether a request can be put together with others."""

    def join(self, requests: Sequence[Request]) -> Joined:
        """Return one request for all."""

    def split(self, content: bytes, joined: Joined) -> Split | None:
        """Return the replies in an answer; None where it is not that version's to all of them."""


@dataclass(frozen=True)
class Envelopes:
    """Whole requests, for a version that takes them.

    Parameters
    ----------
    version
        That must have answered.
    shares
        Whether long bodies and their answers are shared in memory instead of sent: packing and
        unpacking them takes as long as scoring.
    """

    version: str
    shares: bool = hasattr(os, "memfd_create")

    def takes(self, request: Request) -> bool:  # noqa: ARG002
        """Tell whether a request can be put together with others: any can."""
        return True

    def join(self, requests: Sequence[Request]) -> Joined:
        """Return a list with a text for each request."""
        memories = [
            Memory(one.body) if self.shares and len(one.body) > SHORT else None for one in requests
        ]
        cells = [
            f"{one.kind}\n{one.answer}\n{memory.path}\n".encode()
            if memory
            else f"{one.kind}\n{one.answer}\n\n".encode() + one.body
            for one, memory in zip(requests, memories, strict=True)
        ]
        body = json.dumps({"inputs": [b64encode(cell).decode() for cell in cells]})
        return Joined(Request(body.encode()), requests, memories)

    def split(self, content: bytes, joined: Joined) -> Split | None:
        """Return the replies in an answer; None where it is not this version's to all of them."""
        try:
            predictions = json.loads(content)["predictions"]
            answers, rows = predictions["answers"], int(predictions["rows"])
            complete = predictions["version"] == self.version
            replies = [
                Reply(int(status), _content(text, memory), str(kind))
                for (status, kind, text), memory in zip(answers, joined.memories, strict=True)
            ]
        except (ValueError, TypeError, KeyError):
            return None
        return Split(replies, rows) if complete else None


def _content(text: str | None, memory: Memory | None) -> bytes:
    """Return what stands in an answer, or was written to memory instead."""
    if text is not None:
        return b64decode(text)
    if memory is None:
        raise ValueError("no answer")
    return memory.read()


@dataclass(frozen=True)
class Tables:
    """The customers of JSON tables, for a version of an earlier release.

    Parameters
    ----------
    columns, texts
        The model's, and which of them hold texts.
    answered
        Whether an answer is that version's.
    """

    columns: Sequence[str]
    texts: Sequence[bool]
    answered: Callable[[bytes], bool]

    def takes(self, request: Request) -> bool:
        """Tell whether joining a request with others cannot change its answer."""
        return bool(self._rows(request))

    def join(self, requests: Sequence[Request]) -> Joined:
        """Return one table with all customers."""
        rows = [row for one in requests for row in self._rows(one)]
        table = {"columns": list(self.columns), "data": rows}
        return Joined(Request(json.dumps({"dataframe_split": table}).encode()), requests)

    def split(self, content: bytes, joined: Joined) -> Split | None:
        """Return the replies in an answer; None where it is not this version's to all of them."""
        sizes = [len(self._rows(one)) for one in joined.parts]
        parts = split(content, sizes) if self.answered(content) else None
        return Split([Reply(200, part, JSON) for part in parts], sum(sizes)) if parts else None

    def _rows(self, request: Request) -> list[list[Any]]:
        if request.kind != JSON or request.answer != JSON or len(request.body) > SMALL:
            return []
        return regular_rows(request.body, self.columns, self.texts)


def regular_rows(body: bytes, names: Sequence[str], texts: Sequence[bool]) -> list[list[Any]]:
    """Return the customers of a body in the order of the model's columns; none for any other body.

    Other columns are left out, as MLflow does.
    """
    sent = _sent(body)
    form = next((name for name in FORMS if name in sent), "")
    table = _table(sent[form], form) if form else None
    if table is None or sent.keys() - {form, "params"}:
        return []
    columns, rows = table
    place = {name: i for i, name in enumerate(columns)}
    if len(place) != len(columns) or any(str(name).startswith("detail") for name in place):
        return []
    order = [place.get(name, -1) for name in names]
    if not order or -1 in order or len(rows) > MOST_ROWS:
        return []
    ordered = [[row[i] for i in order] for row in rows]
    fits = all(
        value is None or (type(value) is str if is_text else _is_number(value))
        for row in ordered
        for value, is_text in zip(row, texts, strict=True)
    )
    return ordered if fits else []


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
