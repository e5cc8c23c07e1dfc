"""The scoring server's OpenAPI document with what MLflow leaves out: what to send, what comes."""

from __future__ import annotations

import json
from typing import Any

from serve.gateway.error_messages import CSV, INVOCATIONS, JSON, PARQUET

# Beyond it a number is no plausible amount; JSON itself knows no limit.
LARGEST = 1e15
REFUSALS = {
    "400": "Invalid customer records. Names the columns that are wrong; repeats no value.",
    "406": "Only CSV or Parquet is accepted, and these customers are answered in JSON.",
    "413": "Larger than 256 MB.",
    "415": "A content type that is not listed here, or compressed.",
    "503": "No scoring server is up, or too many requests wait; ask again after Retry-After.",
}


def described(document: bytes, example: str) -> bytes:
    """Return MLflow's document with the body and the answers of ``/invocations``."""
    openapi: dict[str, Any] = json.loads(document)
    call = openapi["paths"][INVOCATIONS]["post"]
    call["summary"] = "Segments of customers"
    call["description"] = "A table with one customer a row, columns as in the example."
    call["requestBody"] = {"required": True, "content": _bodies(json.loads(example))}
    tables = {kind: {"schema": {"type": "string"}} for kind in (CSV, PARQUET)}
    call["responses"]["200"].setdefault("content", {}).update(tables)
    for status, text in REFUSALS.items():
        call["responses"][status] = {"description": text}
    return json.dumps(openapi).encode()


def _bodies(example: dict[str, Any]) -> dict[str, Any]:
    split = example["dataframe_split"]
    first = dict(zip(split["columns"], split["data"][0], strict=True))
    customer = {
        "type": "object",
        "properties": {name: _value(value) for name, value in first.items()},
        "required": list(first),
    }
    detail = {"type": "string", "enum": ["full", "basic"], "default": "full"}
    schema = {
        "type": "object",
        "properties": {
            "dataframe_records": {"type": "array", "items": customer, "minItems": 1},
            "params": {"type": "object", "properties": {"detail": detail}},
        },
        "required": ["dataframe_records"],
    }
    rows = "a header line, then a line for each customer"
    return {
        JSON: {"schema": schema, "example": {"dataframe_records": [first]}},
        CSV: {"schema": {"type": "string", "description": rows}},
        PARQUET: {"schema": {"type": "string", "format": "binary"}},
    }


def _value(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        return {"type": ["string", "null"]}
    return {"type": ["number", "null"], "minimum": -LARGEST, "maximum": LARGEST}
