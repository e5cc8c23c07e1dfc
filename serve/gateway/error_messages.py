"""What the front refuses by itself, and MLflow's refusals in words of its own.

MLflow's errors repeat what was sent and may carry a stack trace with paths. From its words only
the kind of mistake is taken, and the names of columns that the model knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
TYPES = (JSON, CSV, PARQUET)
INVOCATIONS = "/invocations"
DOCUMENT = "/openapi.json"
PATHS = frozenset({"/ping", "/health", "/version", "/docs", DOCUMENT, INVOCATIONS})
METHODS = frozenset({"GET", "POST"})
# A table in JSON is three or four levels deep. Deeper than a thousand MLflow's parser gives up
# with a trace; so a limit far from both.
DEEPEST = 32
STEP = {byte: 1 if byte in b"[{" else -1 for byte in b"[]{}"}
NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in STEP)
# A part of an MLflow message, and the message sent instead.
KINDS = (
    ("missing inputs", "columns are missing"),
    ("finite number", "a value is not finite; correct it, or send null"),
    ("safely convert", "a column has another type than the model's signature says"),
    ("Failed to convert", "a value is not a number; correct it, or send null"),
    ("detail: expected", "detail: expected 'full' or 'basic', the same for every customer"),
    ("Invalid parameters", "params: expected {'detail': 'full'} or {'detail': 'basic'}"),
    ("Parameters must be", "params: expected an object"),
    ("JSON formatted string", "the body is not JSON"),
    (
        "exactly one of",
        "expected a JSON object with exactly one of dataframe_split, dataframe_records, inputs "
        "and instances",
    ),
    ("dataframe_split", "dataframe_split: expected columns, and data with a value for each"),
    ("split format", "dataframe_split: expected columns, and data with a value for each"),
    ("records", "dataframe_records: expected a list with an object for each customer"),
    ("UTF-8", "the body is not UTF-8 text"),
    ("parse input as a Pandas", "the body is not a table of the kind its content type names"),
)
DETAIL = "detail"
PARAMETERS = re.compile(rb'"params"\s*:\s*(\{[^{}]*\})')
UNKNOWN = "the body is not a table of customers"
HELP = "The page for engineers shows how to ask."


@dataclass(frozen=True)
class Refusal:
    """A status and a sentence; nothing of what was sent."""

    status: int
    message: str

    @property
    def body(self) -> bytes:
        """The answer, in the form of MLflow's own errors."""
        code = "INVALID_PARAMETER_VALUE" if self.status == 400 else "BAD_REQUEST"
        return json.dumps({"error_code": code, "message": self.message}).encode()


# Of customers that MLflow's own code had to look at: it answers in JSON only.
OTHER_ANSWER = Refusal(
    406,
    "Accept: these customers are answered in JSON only; accept application/json too. An answer in "
    "CSV or Parquet is for tables whose numbers are 64-bit floats, and for versions that were "
    "registered since such answers exist.",
)


def refused_path(method: str, path: str) -> Refusal | None:
    """Return why a request is not handed on, by where it goes; None where it may be."""
    if path not in PATHS:
        return Refusal(404, f"There is nothing here: POST customers to {INVOCATIONS}.")
    if method not in METHODS:
        return Refusal(405, "Only GET and POST are answered.")
    return None


def known_type(content_type: str) -> str | None:
    """Return a content type as MLflow wants it; None for one that is not read."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    plain = all(p.replace('"', "") in {"", "charset=utf-8", "header=present"} for p in parameters)
    return kind if kind in TYPES and plain else None


def answer_types(accept: str) -> tuple[str, ...]:
    """Return the content types in which an answer may come, the preferred one first."""
    parts = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    kinds = tuple(part for part in parts if part in TYPES)
    return kinds if kinds and "*/*" not in parts else (*kinds, JSON)


def refused_body(content_type: str, encoding: str) -> Refusal | None:
    """Return why a body is not read, by its headers; None where it may be."""
    if encoding.lower() not in {"", "identity"}:
        return Refusal(415, "Content-Encoding: send the body as it is, not compressed.")
    if known_type(content_type) is None:
        return Refusal(415, f"Content-Type: expected one of {', '.join(TYPES)}, in UTF-8.")
    return None


def too_deep(body: bytes) -> Refusal | None:
    """Return why JSON is not handed on; None where it is no deeper than a table."""
    brackets = body.translate(None, NOT_BRACKETS)
    if max(accumulate(map(STEP.__getitem__, brackets)), default=0) > DEEPEST:
        return Refusal(400, "The customers cannot be scored. The JSON is nested too deeply.")
    return None


def truths(body: bytes, columns: Collection[str]) -> Refusal | None:
    """Return why JSON with true or false in a column is not handed on; None where it has none.

    MLflow would score them as 1 and 0, which it refuses in every other format. Only `columns`,
    which the model knows, are looked at and named.
    """
    if b"true" not in body and b"false" not in body:
        return None
    try:
        sent = json.loads(body)
    except ValueError:
        return None  # refused as no JSON by the server
    wrong = {name for name, value in _cells(sent) if value is True or value is False}
    named = [name for name in columns if name in wrong]
    if not named:
        return None
    what = "expected a number or text, found true or false; send 1 or 0, or null"
    return Refusal(400, f"The customers cannot be scored. {', '.join(named)}: {what}. {HELP}")


def unread_parameters(body: bytes) -> Refusal | None:
    """Return why JSON with parameters that no model reads is not handed on; None without them.

    MLflow leaves them out and answers: a typing error would never be noticed. The name is not
    repeated. In a text or a number there is no such beginning of an object.
    """
    for parameters in PARAMETERS.findall(body):
        try:
            names = json.loads(parameters)
        except ValueError:
            continue  # refused by the server
        if set(names) - {DETAIL}:
            what = "expected {'detail': 'full'} or {'detail': 'basic'}, found another parameter"
            return Refusal(400, f"The customers cannot be scored. params: {what}. {HELP}")
    return None


def _cells(sent: Any) -> Iterator[tuple[str, Any]]:
    """Yield column and value of each cell of a table in one of MLflow's forms."""
    if not isinstance(sent, dict):
        return
    split = sent.get("dataframe_split")
    if isinstance(split, dict):
        columns, rows = split.get("columns"), split.get("data")
        if isinstance(columns, list) and isinstance(rows, list):
            for row in rows:
                if isinstance(row, list):
                    yield from ((str(n), value) for n, value in zip(columns, row, strict=False))
    for form in ("dataframe_records", "instances", "inputs"):
        content = sent.get(form)
        for row in content if isinstance(content, list) else [content]:
            for name, values in row.items() if isinstance(row, dict) else ():
                yield from ((name, v) for v in (values if isinstance(values, list) else [values]))


def reworded(text: str, columns: Collection[str]) -> Refusal:
    """Return MLflow's refusal without what was sent, a trace or a path.

    Only `columns`, which the model knows, are ever named.
    """
    try:
        message = str(json.loads(text)["message"])
    except (json.JSONDecodeError, KeyError, TypeError):
        message = ""
    # Before the last of these stands the whole table that was sent.
    echoes = message.startswith("Failed to predict data")
    reason = message.rpartition("Error: ")[2] if echoes else message
    kind = next((meaning for marker, meaning in KINDS if marker in reason), UNKNOWN)
    named = [name for name in columns if f"'{name}'" in reason or f"column {name}" in reason]
    where = f"{', '.join(named)}: " if named else ""
    return Refusal(400, f"The customers cannot be scored. {where}{kind}. {HELP}")
