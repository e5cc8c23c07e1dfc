"""A page for every segment: what sets it apart, who belongs to it, ideas for action."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from experiments.registry.client import ModelInfo, RegistryError, write_note
from serve.web.context import knowledge, served_model
from serve.web.forms import NoteForm
from serve.web.views import customer_map, figures, outcome_rows, portrait

pages = Blueprint("segments", __name__)


@pages.get("/segments/<int:number>")
def segment(number: int) -> str:
    """Show one segment."""
    model, profile = _segment(number)
    return _render(model, profile, NoteForm(text=model.notes.get(number, "")))


@pages.post("/segments/<int:number>/note")
def note(number: int) -> str | tuple[str, int] | BaseResponse:
    """Keep what people want to do for a segment."""
    model, profile = _segment(number)
    form = NoteForm()
    if not form.validate_on_submit():
        return _render(model, profile, form), 422
    try:
        write_note(model.name, number, (form.text.data or "").strip())
    except RegistryError:
        return _render(model, profile, form, failure=True), 503
    knowledge().refresh()
    flash("The note is saved.")
    return redirect(url_for("segments.segment", number=number, _anchor="note"), code=303)


def _segment(number: int) -> tuple[ModelInfo, dict[str, Any]]:
    model = served_model()
    if model is None:
        abort(503)
    profile = next((p for p in model.profiles if p["number"] == number), None)
    if profile is None:
        abort(404)
    return model, profile


def _render(model: ModelInfo, profile: dict[str, Any], form: NoteForm, **more: object) -> str:
    return render_template(
        "segments/segment.html",
        profile=profile,
        figures=figures(profile, model),
        rows=portrait(profile, model),
        outcomes=outcome_rows(profile, model),
        map=customer_map(model),
        form=form,
        **more,
    )
