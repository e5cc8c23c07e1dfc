"""A page for engineers: the exact calls of the scoring server with the served signature."""

from __future__ import annotations

import json
import shlex
from typing import Any

from flask import Blueprint, abort, render_template

from serve.web import audit
from serve.web.auth import may_audit
from serve.web.context import served_model, settings
from serve.web.views import example_customer

pages = Blueprint("developers", __name__)

PYTHON = """import requests

customers = {customers}
reply = requests.post(
    "{url}/invocations",
    json={{"dataframe_records": customers, "params": {{"detail": "full"}}}},
    timeout=10,
)
reply.raise_for_status()
print(reply.json()["predictions"])
"""
FILE = """import io

import pandas as pd
import requests

customers = pd.read_parquet("customers.parquet").assign({detail}="basic")
body = io.BytesIO()
customers.to_parquet(body, index=False)
reply = requests.post(
    "{url}/invocations",
    data=body.getvalue(),
    headers={{"Content-Type": "application/vnd.apache.parquet"}},
    timeout=60,
)
reply.raise_for_status()
segments = pd.DataFrame(reply.json()["predictions"])
"""


@pages.get("/engineers")
def page() -> str:
    """Show the calls for the served model."""
    model = served_model()
    if model is None:
        abort(503)
    url, customer = settings().scoring_url, example_customer(model)
    body = json.dumps({"dataframe_records": [customer], "params": {"detail": "full"}})
    log = settings().audit if may_audit() else ""
    return render_template(
        "developers/page.html",
        audited=bool(log),
        entries=audit.last(log) if log else [],
        url=url,
        curl=f"curl {url}/invocations \\\n  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}",
        python=PYTHON.format(url=url, customers=_literal(customer)),
        file=FILE.format(url=url, detail=model.schema.detail_column),
    )


def _literal(customer: dict[str, Any]) -> str:
    """Return a customer as Python source, a value a line."""
    values = "".join(f"        {name!r}: {value!r},\n" for name, value in customer.items())
    return f"[\n    {{\n{values}    }}\n]"
