"""The floor of serving in Python: a scikit-learn pipeline behind an ASGI application, no more.

``BARE_MODEL=models:/… uvicorn experiments.benchmark.bare:application``. It trusts what it is sent.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import mlflow.sklearn
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.scoring_bodies import CSV, JSON

MODEL = "BARE_MODEL"
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer whatever comes with the cluster of each customer in its body."""
    if scope["type"] == "lifespan":
        await receive()
        _model()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    kind = dict(scope["headers"]).get(b"content-type", b"").decode()
    clusters = _model().predict(_customers(kind, body)).tolist() if body else []
    headers = [(b"content-type", JSON.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    answer = json.dumps({"predictions": clusters}).encode()
    await send({"type": "http.response.body", "body": answer})


@cache
def _model() -> Any:
    return mlflow.sklearn.load_model(os.environ[MODEL])


def _customers(kind: str, body: bytes) -> NDArray[np.float64]:
    if kind == JSON:
        return np.array(json.loads(body)["dataframe_split"]["data"], dtype=np.float64)
    stream = io.BytesIO(body)
    table = pd.read_csv(stream) if kind == CSV else pd.read_parquet(stream)
    return np.asarray(table.to_numpy(dtype=np.float64))
