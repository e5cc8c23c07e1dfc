"""Segments over time: what the command `history` recorded, drawn on the server."""

from __future__ import annotations

import shlex

from flask import Blueprint, abort, current_app, render_template

from experiments.registry.client import RegistryError, history, segment_history
from serve.web.context import served_model
from serve.web.over_time.charts import over_time

pages = Blueprint("over_time", __name__)

EXAMPLE = "2025-01-31=january.csv,2025-02-28=february.csv"


@pages.get("/over-time")
def page() -> str | tuple[str, int]:
    """Show the newest history of the version that is served, else of its model."""
    model = served_model()
    if model is None:
        abort(503)
    command = (
        f"customer-segmentation history --model-name {shlex.quote(model.name)} --data {EXAMPLE}"
    )
    try:
        record = segment_history(model.name, model.version)
    except RegistryError as error:
        return render_template("over_time/page.html", failure=str(error), command=command), 503
    if record is None:
        return render_template("over_time/page.html", command=command)
    try:
        moves = history(model.name)
    except RegistryError:
        moves = None  # the champion is being moved right now: the figures are true without it
    try:
        view = over_time(record.figures, model.given_names, moves or [], model.schema.customers)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        # Written by another release of this project, or by hand.
        name = type(error).__name__
        current_app.logger.error("history in run %s cannot be read: %s", record.run_id, name)
        failure = f"The history in run {record.run_id} cannot be read. Record it anew."
        return render_template("over_time/page.html", failure=failure, command=command), 503
    return render_template(
        "over_time/page.html", view=view, record=record, command=command, moves=moves
    )
