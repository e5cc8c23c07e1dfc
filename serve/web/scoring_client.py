"""Ask the scoring server, with time limits, and turn its reply into a typed answer."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from aiohttp import ClientError, ClientSession, ClientTimeout

from serve.gateway.error_messages import JSON, PARQUET
from serve.gateway.joining import Reply

if TYPE_CHECKING:
    import pandas as pd

    from segmentation.schema import TableSchema

CONNECT_SECONDS = 1.0
NOTICE_SECONDS = 1.0
AWAY = "The scoring server does not answer right now."
# Where the front of :mod:`serve.gateway` answers for the challenger.
CHALLENGER_PATH = "/challenger"
# The front's log names a request by it.
REQUEST_ID = "X-Request-ID"
# The columns of an answer, and what each of their values looks like.
COLUMNS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "segment": lambda value: type(value) is int,
        "segment_name": lambda value: isinstance(value, str),
        "confidence": lambda value: type(value) in {int, float} and 0 <= value <= 1,
        "runner_up": lambda value: type(value) is int,
        "runner_up_name": lambda value: isinstance(value, str),
        "unlike_training": lambda value: isinstance(value, bool),
        "map_x": lambda value: type(value) in {int, float},
        "map_y": lambda value: type(value) in {int, float},
        "reasons": lambda value: (
            isinstance(value, list) and all(isinstance(name, str) for name in value)
        ),
        "model_version": lambda value: isinstance(value, str),
    }
)


class ScoringError(Exception):
    """No usable answer; the message is fit for a person and holds no customer's value."""

    status = 502
    remedy = "The administrator of these pages finds the reason in the scoring server's log."


class ScoringAwayError(ScoringError):
    """The scoring server is away or too slow."""

    status = 503
    remedy = "Send it again in a minute."


class ScoringRefusedError(ScoringError):
    """The scoring server cannot take these customers, or answers with something else."""


@dataclass(frozen=True)
class Answer:
    """What the served model says of one customer; see the model's own documentation."""

    segment: int
    segment_name: str
    confidence: float
    runner_up: int
    runner_up_name: str
    unlike_training: bool
    map_x: float
    map_y: float
    reasons: tuple[str, ...]
    model_version: str


class ScoringClient:
    """Talks to ``mlflow models serve``.

    Parameters
    ----------
    url
        Base address.
    timeout, file_timeout
        Seconds to wait for one customer, and for a part of a file, from the question to the last
        byte of the answer.
    """

    def __init__(self, url: str, timeout: float, file_timeout: float) -> None:
        self.url = url
        self.timeout = timeout
        self.file_timeout = file_timeout
        self.deadline = float("inf")

    def until(self, deadline: float) -> Self:
        """Return the same client, but one that waits no longer than to a time of `monotonic`.

        A page that asks several times stays within its time by it.
        """
        bound = copy.copy(self)
        bound.deadline = deadline
        return bound

    def one(self, customer: pd.DataFrame) -> Answer:
        """Return the answer for a table of one customer.

        Raises
        ------
        ScoringAwayError, ScoringRefusedError
            See their classes.
        """
        row = self._predictions(customer, self.timeout)[0]
        return Answer(**{**row, "reasons": tuple(row["reasons"])})

    def many(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return one answer row per customer, with the index of `customers`."""
        import pandas as pd  # noqa: PLC0415 - a page starts without it

        # The gateway answers in Parquet; MLflow's server alone, or an earlier version, in JSON.
        reply = self._invoke(customers, self.file_timeout, f"{PARQUET}, {JSON}")
        if reply.kind == PARQUET:
            return _table(reply.content, len(customers)).set_axis(customers.index)
        rows = _rows(reply.content, len(customers))
        return pd.DataFrame(rows, columns=list(COLUMNS)).set_axis(customers.index)

    def segments(self, customers: pd.DataFrame, schema: TableSchema) -> list[int]:
        """Return the segment of each customer and nothing else, for many tries at once."""
        body = customers.assign(**{schema.detail_column: "basic"})
        reply = self._invoke(body, self.timeout)
        try:
            numbers = json.loads(reply.content)["predictions"]["segment"]
        except (ValueError, KeyError, TypeError) as error:
            raise ScoringRefusedError("The scoring server's answer is not readable.") from error
        if len(numbers) != len(customers) or not all(type(number) is int for number in numbers):
            raise ScoringRefusedError("The scoring server's answer is incomplete.")
        return list(numbers)

    def alive(self) -> bool:
        """Tell whether the scoring server answers."""
        try:
            return self._send("GET", "/ping", 1.0).status < 400
        except ScoringAwayError:
            return False

    def notice(self) -> str:
        """Return what stands in the way of the champion being served; empty when nothing does.

        Only the front of :mod:`serve.gateway` knows more than whether it answers at all.
        """
        bound = self.until(time.monotonic() + NOTICE_SECONDS)
        try:
            reply = bound._send("GET", "/live", NOTICE_SECONDS)
            problem = (
                str(json.loads(reply.content).get("problem", "")) if reply.status < 400 else ""
            )
        except ScoringAwayError:
            return AWAY
        except (ValueError, AttributeError):
            problem = ""
        return problem or ("" if bound.alive() else AWAY)

    def _send(
        self,
        method: str,
        path: str,
        seconds: float,
        content: bytes = b"",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Reply:
        """Return an answer that was complete in time.

        Raises
        ------
        ScoringAwayError
            When there was none.
        """
        seconds = min(seconds, self.deadline - time.monotonic())
        if seconds <= 0:
            raise ScoringAwayError(AWAY)
        limits = ClientTimeout(total=seconds, connect=CONNECT_SECONDS)

        async def ask() -> Reply:
            # Customers go to the scoring server and nowhere else: no proxy, no redirect.
            async with (
                ClientSession(timeout=limits, trust_env=False) as session,
                session.request(
                    method,
                    self.url + path,
                    data=io.BytesIO(content) if content else None,
                    headers={REQUEST_ID: uuid4().hex, **headers},
                    allow_redirects=False,
                ) as reply,
            ):
                return Reply(reply.status, await reply.read(), reply.content_type)

        try:
            # In a thread of its own: the caller's may run an event loop already.
            with ThreadPoolExecutor(max_workers=1) as thread:
                return thread.submit(lambda: asyncio.run(ask())).result()
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise ScoringAwayError(AWAY) from error

    def _predictions(self, customers: pd.DataFrame, seconds: float) -> list[dict[str, Any]]:
        return _rows(self._invoke(customers, seconds).content, len(customers))

    def _invoke(self, customers: pd.DataFrame, seconds: float, accept: str = JSON) -> Reply:
        # Read 25 times faster than JSON, and without a doubt about types.
        body = io.BytesIO()
        customers.to_parquet(body, index=False)
        headers = {"Content-Type": PARQUET, "Accept": accept}
        reply = self._send("POST", "/invocations", seconds, body.getvalue(), headers)
        if reply.status in {404, 502, 503, 504}:
            # The front, or a proxy before the server, speaks for one that is away or not there.
            raise ScoringAwayError(AWAY)
        if reply.status != 200:
            # The server's own words may repeat what the customer typed: they stay here.
            raise ScoringRefusedError(f"The scoring server refused the request ({reply.status}).")
        return reply


def _table(content: bytes, expected: int) -> pd.DataFrame:
    """Return an answer in Parquet after a look at its columns."""
    import pyarrow as pa  # noqa: PLC0415 - a page starts without it
    from pyarrow import parquet  # noqa: PLC0415

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    kinds = {
        "segment": whole,
        "confidence": number,
        "runner_up": whole,
        "unlike_training": pa.bool_(),
    }
    kinds |= {"map_x": number, "map_y": number, "reasons": pa.list_(text)}
    schema = pa.schema([(name, kinds.get(name, text)) for name in COLUMNS])
    try:
        read = parquet.read_table(pa.BufferReader(content), columns=list(COLUMNS))
        table = read.select(list(COLUMNS)).cast(schema)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise ScoringRefusedError("The scoring server's answer is not readable.") from error
    answer: pd.DataFrame = table.drop_columns("reasons").to_pandas()
    missing = any(table[name].null_count for name in COLUMNS)
    if len(answer) != expected or missing or not answer["confidence"].between(0, 1).all():
        raise ScoringRefusedError("The scoring server's answer is incomplete.")
    return answer.assign(reasons=table["reasons"].to_pylist())[list(COLUMNS)]


def _rows(content: bytes, expected: int) -> list[dict[str, Any]]:
    """Return the answer's rows after a look at their shape."""
    try:
        rows = json.loads(content)["predictions"]
        complete = len(rows) == expected and all(
            looks_right(row[name]) for row in rows for name, looks_right in COLUMNS.items()
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ScoringRefusedError("The scoring server's answer is not readable.") from error
    if not complete:
        raise ScoringRefusedError("The scoring server's answer is incomplete.")
    return [{name: row[name] for name in COLUMNS} for row in rows]
