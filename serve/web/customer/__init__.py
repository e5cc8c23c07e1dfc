"""The first page and the form for one customer."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flask import Blueprint, abort, render_template, request

from experiments.registry.client import ModelInfo
from segmentation.interpretation.formatting import quantity
from segmentation.schema import Example, TableSchema
from serve.web.context import challenger, knowledge, scoring, served_model
from serve.web.forms import (
    CustomerForm,
    customer_form,
    doubts,
    groups,
    moved_totals,
    n_known,
    typed_customer,
)
from serve.web.scoring_client import AWAY, Answer, ScoringAwayError, ScoringError
from serve.web.views import AnswerView, answer_view, customer_map, figures, typed, typical_customer

if TYPE_CHECKING:
    import pandas as pd

    from serve.web.customer.counterfactuals import Move

pages = Blueprint("customer", __name__)

# For all that a page asks of the scoring server: the rest of two seconds is drawing it.
ASKING_SECONDS = 1.7
# The header in which the page's own script says which field was changed.
CHANGED = "X-Changed"


@pages.get("/")
def home() -> str:
    """Show the segments of the served model and the ways in."""
    model = served_model()
    cards = [(p, figures(p, model)) for p in model.profiles] if model else []
    picture = customer_map(model) if model else None
    notice = scoring().notice()
    return render_template(
        "home.html",
        notice=notice,
        away=notice == AWAY,
        cards=cards,
        map=picture,
        waiting=model is None and knowledge().unanswered(),
    )


@pages.get("/customer")
def form() -> str | tuple[str, int]:
    """Show the form, empty or filled with one of the schema's examples."""
    model = served_model()
    if model is None:
        return _unknown_model()
    filled = customer_form(model.schema)
    if name := request.args.get("example"):
        chosen = next((e for e in model.schema.examples if slug(e) == name), None)
        if chosen is None:
            abort(404)
        _fill(filled, chosen.values, model.schema)
    elif number := request.args.get("like", type=int):
        if number not in {profile["number"] for profile in model.profiles}:
            abort(404)
        _fill(filled, typical_customer(number, model), model.schema)
    return _render(filled, model)


@pages.post("/customer")
def ask() -> str | tuple[str, int]:
    """Show the answer for the customer typed, or which fields to correct."""
    model = served_model()
    if model is None:
        return _unknown_model()
    filled = customer_form(model.schema)
    if not filled.validate_on_submit():
        return _render(filled, model), 422
    customer, deadline = typed_customer(filled, model.schema), time.monotonic() + ASKING_SECONDS
    if not n_known(customer):
        return _render(filled, model, unknown=True), 422
    try:
        answer = scoring().one(_sent(customer, model))
    except ScoringError as error:
        return _render(filled, model, failure=error), error.status
    # Another version's profiles would be wrong: rather none.
    served = knowledge().version(answer.model_version) or replace(model, profiles=[], book={})
    view = answer_view(answer, customer, served)
    picture = customer_map(served, (answer.map_x, answer.map_y, answer.segment))
    return _render(
        filled,
        model,
        answer=view,
        doubts=doubts(customer, model.schema),
        moves=None if view.withheld else _moves(customer, answer, served, deadline),
        other=_challenger(customer, model, deadline) if "challenger" in request.args else None,
        map=picture,
        profiles=served.profiles,
    )


@pages.post("/customer/what-if")
def what_if() -> tuple[str, int]:
    """Answer in one sentence while a value is being changed; for the page's own script."""
    model = served_model()
    if model is None:
        abort(503)
    filled = customer_form(model.schema)
    if not filled.validate_on_submit():
        return render_template("customer/what_if.html", mistakes=len(filled.errors), moved={}), 200
    moved = moved_totals(filled, unquote(request.headers.get(CHANGED, "")), model.schema)
    customer = typed_customer(filled, model.schema)
    if not n_known(customer):
        return render_template("customer/what_if.html", moved={}), 200
    try:
        answer = scoring().one(_sent(customer, model))
    except ScoringError as error:
        return render_template("customer/what_if.html", failure=error, moved=moved), 200
    served = knowledge().version(answer.model_version) or replace(model, profiles=[], book={})
    view = answer_view(answer, customer, served)
    before = request.args.get("before", type=int)
    return render_template(
        "customer/what_if.html",
        answer=view,
        before=before,
        doubts=doubts(customer, model.schema),
        moved=moved,
        totals=[
            (field.label.text, quantity(field.number, field.column))
            for field in filled
            if field.name in moved
        ],
    ), 200


def _challenger(customer: pd.DataFrame, model: ModelInfo, deadline: float) -> AnswerView | str:
    """Return what the challenger says, or a sentence on why it does not."""
    try:
        answer = challenger().until(deadline).one(_sent(customer, model))
    except ScoringAwayError:
        return "There is no challenger, or it is being started: ask again in a quarter of a minute."
    except ScoringError as error:
        return str(error)
    served = knowledge().version(answer.model_version) or replace(model, profiles=[], book={})
    return answer_view(answer, customer, served)


def _sent(customer: pd.DataFrame, model: ModelInfo) -> pd.DataFrame:
    """Return a customer as the model takes it, with levels as texts."""
    from segmentation.schema.levels import decode  # noqa: PLC0415 - a page starts without it

    return decode(customer, model.schema)


def _moves(
    customer: pd.DataFrame, answer: Answer, model: ModelInfo, deadline: float
) -> list[Move] | None:
    """Return what would move the customer; None where it is not known."""
    if not model.book:
        return None
    from serve.web.customer.counterfactuals import smallest_moves  # noqa: PLC0415 - a page starts without it

    try:
        return smallest_moves(customer, answer.segment, model, scoring().until(deadline))
    except ScoringError:
        return None


def _fill(
    filled: CustomerForm, values: Mapping[str, float | str | None], schema: TableSchema
) -> None:
    for name, value in values.items():
        filled.column(name).data = typed(value, schema.column(name))


def slug(example: Example) -> str:
    """Return the short name of an example for an address."""
    return re.sub(r"[^a-z0-9]+", "-", example.title.lower()).strip("-")


def _render(filled: CustomerForm, model: ModelInfo, **more: object) -> str:
    examples = [(e.title, {"example": slug(e)}) for e in model.schema.examples]
    typical = [(p["name"], {"like": str(p["number"])}) for p in model.profiles]
    return render_template(
        "customer/form.html",
        form=filled,
        groups=groups(model.schema),
        from_examples=bool(examples),
        starts=examples or typical,
        filled=bool(request.args),
        **more,
    )


def _unknown_model() -> tuple[str, int]:
    page = render_template(
        "errors/error.html",
        code=503,
        title="No model yet",
        remedy="The model registry has no champion. Run a search, or try again in a minute.",
    )
    return page, 503
