"""From a segment to a list: filter scored customers, look one up, take a list with a control group.

The table of `SEGMENTATION_SCORED` is read where it lies and never written.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    render_template,
    request,
    send_file,
)
from werkzeug.datastructures import MultiDict

from segmentation.errors import DataError
from segmentation.interpretation.formatting import quantity
from segmentation.schema import Column, TableSchema
from serve.jobs.queue import FOLDER
from serve.web import audit
from serve.web.context import served_model, settings
from serve.web.forms import ControlForm, LookUpForm, typed_number
from serve.web.upload import TYPES
from serve.web.views import SURE, how_sure, sure

if TYPE_CHECKING:
    from segmentation.data.warehouse.scored import ScoredTable, Selection

pages = Blueprint("lists", __name__)

RANGES, PARTS = 3, ("column", "from", "to")
MOST_SHOWN = 10
# How far an export is stands in a file of its folder, which its page names and asks for.
TICKET, PROGRESS = re.compile(r"[0-9a-f]{32}"), "progress.json"
NOT_RECORDED = "The audit log cannot be written, so no customer data is shown. Try again."
# The page's own script asks for the part that changes.
PART = "X-Part"
# What one may ask of confidence: its words, and the interval.
SURES = {
    "": ("any", 0.0, 1.0),
    "very": (f"very sure, {SURE[0][0]:.0%} or more", SURE[0][0], 1.0),
    "sure": (f"sure or very sure, {SURE[1][0]:.0%} or more", SURE[1][0], 1.0),
    "border": (f"near a border, under {SURE[2][0]:.0%}", 0.0, SURE[2][0]),
}


@dataclass
class Query:
    """What was typed into the filter, with what is wrong with it by field."""

    segments: tuple[int, ...]
    how_sure: str
    ranges: list[tuple[str, str, str]]  # column, from, to, as typed
    mistakes: dict[str, str]


@pages.get("/lists")
def page() -> str | tuple[str, int]:
    """Show how many customers a filter chooses, and some of them."""
    return _page(request.args)


@pages.post("/lists/customer")
def customer() -> str | tuple[str, int]:
    """Show what is written of one customer; the identifier is in no address."""
    model, source = served_model(), settings().scored
    if model is None or not source:
        abort(404)
    from segmentation.data.warehouse.scored import scored_table  # noqa: PLC0415 - as below

    form, rows = LookUpForm(), None
    try:
        with scored_table(source, model.schema.identifier) as table:
            identifier = table.identifier
            if form.validate_on_submit():
                rows = _customer(table, form.identifier.data or "", model.schema)
    except DataError as error:
        return render_template("lists/away.html", failure=str(error)), 503
    if rows is not None and not audit.record("look-up", rows=len(rows)):
        return render_template("lists/away.html", failure=NOT_RECORDED), 503
    return render_template(
        "lists/customer.html",
        look_up=form,
        identifier=identifier,
        customer=rows,
        name_of={p["number"]: p["name"] for p in model.profiles},
        sure=sure,
        how_sure=how_sure,
    ), 422 if rows is None else 200


@pages.post("/lists/export")
def export() -> str | tuple[str, int] | Response:
    """Send the chosen customers as a file, with a control group on request."""
    form = ControlForm()
    if not form.validate_on_submit():
        return _page(request.form, control=form, code=422)
    model = served_model()
    if model is None or not settings().scored:
        abort(404)
    from segmentation.data.warehouse import scored  # noqa: PLC0415 - a page starts without it

    schema, source = model.schema, settings().scored
    try:
        with (
            scored.scored_table(source, schema.identifier) as table,
            _folder(request.form.get("ticket", "")) as folder,
        ):
            query, selection = _read(request.form, table, schema)
            if query.mistakes:
                return _page(request.form, control=form, code=422)
            share = float(form.share.data or 0) / 100
            control = scored.ControlGroup(share, int(form.seed.data or 0)) if share else None
            path = Path(folder) / f"customers{form.format.data}"
            total = sum(count.chosen for count in table.counts(selection))
            progress = partial(_note, Path(folder) / PROGRESS, total)
            progress(0)
            customers = table.export(selection, path, schema, control, progress)
            if not customers:
                nothing = f"The filter chooses no {schema.customers}: widen it."
                return _page(request.form, control=form, failure=nothing, code=422)
            # Open it stays readable, though its folder goes away with the block.
            file = path.open("rb")
    except DataError as error:
        return _page(request.form, control=form, failure=str(error), code=503)
    facts = {"customers": customers, "segments": len(query.segments), "control": share}
    if not audit.record("list", **facts, format=path.suffix[1:]):
        file.close()
        return _page(request.form, control=form, failure=NOT_RECORDED, code=503)
    return send_file(file, mimetype=TYPES[path.suffix], as_attachment=True, download_name=path.name)


@pages.get("/lists/export/<ticket>")
def how_far(ticket: str) -> Response:
    """Say how many customers of an export are written, and of how many."""
    texts = []
    if TICKET.fullmatch(ticket):
        for path in _files().glob(f"{ticket}*/{PROGRESS}"):
            with suppress(OSError):  # it has just ended
                texts.append(path.read_text(encoding="utf-8"))
    if not texts:
        abort(404)
    return Response(texts[0], mimetype="application/json")


def _files() -> Path:
    return Path(current_app.instance_path) / FOLDER


def _folder(ticket: str) -> tempfile.TemporaryDirectory[str]:
    """Return a folder for an export, by which its page asks how far it is."""
    prefix = ticket if TICKET.fullmatch(ticket) else None
    return tempfile.TemporaryDirectory(dir=_files(), prefix=prefix)


def _note(path: Path, total: int, done: int) -> None:
    """Write down how far an export is, whole."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"done": done, "total": total}), encoding="utf-8")
    draft.replace(path)


def _page(
    typed: MultiDict[str, str],
    *,
    control: ControlForm | None = None,
    failure: str = "",
    code: int = 200,
) -> str | tuple[str, int]:
    model = served_model()
    if model is None:
        abort(503)
    source, schema = settings().scored, model.schema
    if not source:
        return render_template("lists/none.html"), 404
    from segmentation.data.warehouse.scored import scored_table  # noqa: PLC0415 - as above

    content: dict[str, Any] = {}
    try:
        with scored_table(source, schema.identifier) as table:
            query, selection = _read(typed, table, schema)
            counts = table.counts(selection)
            content = {
                "query": query,
                "counts": counts,
                "customers": sum(count.chosen for count in counts),
                "numbers": [_column(name, schema) for name in table.numbers],
                "identifier": table.identifier,
                "some": [] if query.mistakes else _rows(table.first(selection, MOST_SHOWN), table),
            }
    except DataError as error:
        return render_template("lists/away.html", failure=str(error)), 503
    if query.mistakes:
        code = 422
    template = "lists/count.html" if request.headers.get(PART) else "lists/page.html"
    return render_template(
        template,
        **content,
        sures=SURES,
        look_up=LookUpForm(formdata=None),
        control=control or ControlForm(formdata=None),
        failure=failure,
        name_of={p["number"]: p["name"] for p in model.profiles},
        sure=sure,
        how_sure=how_sure,
    ), code


def _read(
    typed: MultiDict[str, str], table: ScoredTable, schema: TableSchema
) -> tuple[Query, Selection]:
    """Read a filter; what cannot be read is left out of the selection and named."""
    from segmentation.data.warehouse.scored import Range, Selection  # noqa: PLC0415 - as above

    segments = tuple(number for number in typed.getlist("segment", type=int) if number > 0)
    confidence = typed.get("sure", "")
    query = Query(segments, confidence if confidence in SURES else "", [], {})
    ranges = []
    for place in range(1, RANGES + 1):
        name, low, high = (typed.get(f"{part}_{place}", "").strip() for part in PARTS)
        query.ranges.append((name, low, high))
        if not name:
            continue
        if name not in table.numbers:
            query.mistakes[f"column_{place}"] = "Choose one of the columns of the list."
            continue
        column = _column(name, schema)
        limits = [typed_number(text, column) if text else None for text in (low, high)]
        for part, limit in zip(PARTS[1:], limits, strict=True):
            if limit is not None and not isfinite(limit):
                query.mistakes[f"{part}_{place}"] = "Type a number, for example 1250."
        if None not in limits and limits[0] > limits[1]:  # type: ignore[operator]
            query.mistakes[f"to_{place}"] = "This is below the number before it."
        ranges.append(Range(name, limits[0], limits[1]))
    _, least, most = SURES[query.how_sure]
    if query.mistakes:
        ranges = []
    return query, Selection(segments, least, most, tuple(ranges))


def _column(name: str, schema: TableSchema) -> Column:
    """Return a column of the schema, or one that is only in the table."""
    own = {column.name: column for column in (*schema.columns, *schema.outcomes)}
    return own.get(name) or Column(name=name, label=name, kind="count")


def _rows(frame: Any, table: ScoredTable) -> list[dict[str, Any]]:
    """Return customers as the page lists them."""
    return [
        {
            "identifier": str(row[table.identifier]),
            "number": int(row["segment"]),
            "name": str(row["segment_name"]),
            "confidence": float(row["confidence"]),
        }
        for row in frame.to_dict("records")
    ]


def _customer(table: ScoredTable, identifier: str, schema: TableSchema) -> list[dict[str, Any]]:
    """Return what is written of a customer, a dictionary a row, most recent first."""
    frame = table.customer(identifier.strip())
    own = {column.name: column for column in schema.columns}
    rows = _rows(frame, table)
    for row, values in zip(rows, frame.to_dict("records"), strict=True):
        row["as_of"] = str(values.get("as_of", ""))[:10]
        row["version"] = str(values.get("model_version", ""))
        row["reasons"] = _reasons(values.get("reasons"))
        row["values"] = [
            (own[name].label, quantity(float(value), own[name]))
            for name, value in values.items()
            if name in own and name in table.numbers and value is not None
        ]
    return rows


def _reasons(value: Any) -> str:
    return (
        value if isinstance(value, str) else ", ".join(map(str, value if value is not None else ()))
    )
