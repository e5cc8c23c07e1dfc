"""The first page where several models have pages: which there are, and what each of them serves."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, abort, current_app, render_template

from serve.web.context import settings
from serve.web.model_cache import Knowledge
from serve.web.settings import MODELS

pages = Blueprint("models", __name__)


@pages.get(f"{MODELS}/")
def page() -> str:
    """List the models, each with a link to its pages."""
    knowledge: dict[str, Knowledge] = current_app.extensions.get("knowledge_of_all", {})
    if not knowledge:
        abort(404)
    root = settings().prefix + MODELS
    addresses = {name: quote(f"{root}/{name}/") for name in knowledge}
    served = {name: one.model() for name, one in knowledge.items()}
    return render_template("models/page.html", addresses=addresses, served=served)
