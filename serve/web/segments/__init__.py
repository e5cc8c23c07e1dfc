"""A page for every segment: what sets it apart, who belongs to it, ideas for action."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from experiments.registry.client import ModelInfo, RegistryError, rename_segment, write_action
from serve.web import audit
from serve.web.auth import promoters_only, who
from serve.web.context import knowledge, served_model
from serve.web.forms import ActionForm, NameForm
from serve.web.views import (
    customer_map,
    figures,
    outcome_rows,
    pair_outcomes,
    pair_rows,
    portrait,
)

pages = Blueprint("segments", __name__)


@pages.get("/segments/<int:number>")
def segment(number: int) -> str:
    """Show one segment."""
    model, profile = _segment(number)
    return _render(model, profile)


@pages.post("/segments/<int:number>/action")
def action(number: int) -> str | tuple[str, int] | BaseResponse:
    """Keep what to do for the customers of a segment."""
    model, profile = _segment(number)
    form = ActionForm()
    if not form.validate_on_submit():
        return _render(model, profile, form), 422
    try:
        write_action(model.name, number, (form.text.data or "").strip(), who())
    except RegistryError:
        return _render(model, profile, form, failure=True), 503
    audit.record("action", segment=number)
    knowledge().refresh()
    flash("The action is saved.")
    return redirect(url_for("segments.segment", number=number, _anchor="action"), code=303)


@pages.post("/segments/<int:number>/name")
@promoters_only
def renamed(number: int) -> str | tuple[str, int] | BaseResponse:
    """Give a segment another name, as the command `rename` does."""
    model, profile = _segment(number)
    form = NameForm()
    if not form.validate_on_submit():
        return _render(model, profile, name_form=form), 422
    try:
        rename_segment(model.name, number, form.name.data or "")
    except RegistryError as error:
        form.name.errors = [str(error)]
        return _render(model, profile, name_form=form), 409
    audit.record("rename", segment=number)
    knowledge().refresh()
    flash("The segment has its new name, here and in every later version.")
    return redirect(url_for("segments.segment", number=number, _anchor="action"), code=303)


@pages.get("/segments/<int:number>/beside/<int:other>")
def compare(number: int, other: int) -> str:
    """Show two segments side by side."""
    model, profile = _segment(number)
    _, second = _segment(other)
    if number == other:
        abort(404)
    return render_template(
        "segments/compare.html",
        pair=(profile, second),
        rows=pair_rows(profile, second, model),
        outcomes=pair_outcomes(profile, second),
    )


def _segment(number: int) -> tuple[ModelInfo, dict[str, Any]]:
    model = served_model()
    if model is None:
        abort(503)
    profile = next((p for p in model.profiles if p["number"] == number), None)
    if profile is None:
        abort(404)
    return model, profile


def _render(
    model: ModelInfo,
    profile: dict[str, Any],
    form: ActionForm | None = None,
    name_form: NameForm | None = None,
    **more: object,
) -> str:
    saved = model.actions.get(profile["number"])
    return render_template(
        "segments/segment.html",
        profile=profile,
        figures=figures(profile, model),
        rows=portrait(profile, model),
        outcomes=outcome_rows(profile, model),
        map=customer_map(model),
        form=form or ActionForm(formdata=None, text=saved.text if saved else ""),
        name_form=name_form or NameForm(formdata=None, name=profile["name"]),
        saved=saved,
        others=[p for p in model.profiles if p["number"] != profile["number"]],
        **more,
    )
