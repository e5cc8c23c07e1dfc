"""The first page and the form for one customer."""

from __future__ import annotations

import re
from dataclasses import replace

from flask import Blueprint, abort, render_template, request

from experiments.registry import ModelInfo
from segmentation.levels import decode
from segmentation.schema import Example
from serve.answers import answer_view
from serve.app import knowledge, scoring
from serve.forms import customer_form, doubts, groups, typed_customer
from serve.scoring import ScoringError
from serve.wording import plain

pages = Blueprint("customer", __name__)


@pages.get("/")
def home() -> str:
    """Show the segments of the served model and the ways in."""
    return render_template("home.html", notice=scoring().notice())


@pages.get("/customer")
def form() -> str | tuple[str, int]:
    """Show the form, empty or filled with one of the schema's examples."""
    model = knowledge().model()
    if model is None:
        return _unknown_model()
    filled = customer_form(model.schema)
    if name := request.args.get("example"):
        chosen = next((e for e in model.schema.examples if slug(e) == name), None)
        if chosen is None:
            abort(404)
        for column, value in chosen.values.items():
            filled[column].data = plain(value)
    return _render(filled, model)


@pages.post("/customer")
def ask() -> str | tuple[str, int]:
    """Show the answer for the customer typed, or what has to be mended first."""
    model = knowledge().model()
    if model is None:
        return _unknown_model()
    filled = customer_form(model.schema)
    if not filled.validate_on_submit():
        return _render(filled, model), 422
    customer = typed_customer(filled, model.schema)
    try:
        answer = scoring().one(decode(customer, model.schema))
    except ScoringError as error:
        return _render(filled, model, failure=error), error.status
    # Another version's profiles would be wrong: rather none.
    served = knowledge().version(answer.model_version) or replace(model, profiles=[], book={})
    view = answer_view(answer, customer, served)
    return _render(filled, model, answer=view, doubts=doubts(customer, model.schema))


def slug(example: Example) -> str:
    """Return the short name of an example for an address."""
    return re.sub(r"[^a-z0-9]+", "-", example.title.lower()).strip("-")


def _render(filled: object, model: ModelInfo, **more: object) -> str:
    examples = [(slug(example), example.title) for example in model.schema.examples]
    return render_template(
        "customer/form.html",
        form=filled,
        groups=groups(model.schema),
        examples=examples,
        **more,
    )


def _unknown_model() -> tuple[str, int]:
    page = render_template(
        "errors/error.html",
        code=503,
        title="No model is known yet",
        remedy="The model registry does not describe a champion. Run a search or try again soon.",
    )
    return page, 503
