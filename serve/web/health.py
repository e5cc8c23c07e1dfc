"""Whether the pages are alive, and whether what they need is."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from serve.web.context import knowledge, scoring

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def alive() -> Response:
    """Answer while this process lives."""
    return jsonify(status="ok")


@pages.get("/readyz")
def ready() -> tuple[Response, int]:
    """Answer 200 when the scoring server answers and the registry describes the champion."""
    parts = {"scoring": scoring().alive(), "registry": knowledge().reachable()}
    return jsonify(ready=all(parts.values()), **parts), 200 if all(parts.values()) else 503
