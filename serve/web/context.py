"""What the running application works with: settings, knowledge, scoring clients."""

from __future__ import annotations

from flask import current_app, g

from experiments.registry.client import ModelInfo
from serve.web.model_cache import Knowledge
from serve.web.scoring_client import ScoringClient
from serve.web.settings import Settings


def settings() -> Settings:
    """Return the settings of the running application."""
    current: Settings = current_app.extensions["settings"]
    return current


def knowledge() -> Knowledge:
    """Return what the running application knows of the served model."""
    current: Knowledge = current_app.extensions["knowledge"]
    return current


def served_model() -> ModelInfo | None:
    """Return what is known of the champion, the same to the end of a request.

    None where nothing is known. Asked once: a page never has cards of a model its frame lacks.
    """
    if "served_model" not in g:
        g.served_model = knowledge().model()
    model: ModelInfo | None = g.served_model
    return model


def challenger() -> ScoringClient:
    """Return the client of the challenger's scoring server, which runs while it is asked."""
    client: ScoringClient = current_app.extensions["challenger"]
    return client


def scoring() -> ScoringClient:
    """Return the client of the scoring server."""
    client: ScoringClient = current_app.extensions["scoring"]
    return client
