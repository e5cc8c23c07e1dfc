"""A file of customers: problems by row, a scored file to download."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from flask import Blueprint, Response, abort, redirect, render_template, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from experiments.registry import ModelInfo, put_given_names
from segmentation.errors import DataError, Problem
from segmentation.levels import decode
from segmentation.loading import read_table
from segmentation.validation import Validated, validate
from serve.app import knowledge, scoring, settings
from serve.forms import UploadForm
from serve.results import Kept, Results
from serve.scoring import ScoringError
from serve.upload.lines import line_numbers
from serve.wording import how_sure, sure

pages = Blueprint("upload", __name__)

CHUNK_ROWS = 10_000
MOST_SHOWN = 50
PREVIEW_ROWS = 20


@dataclass(frozen=True)
class RowProblem:
    """One cell to mend: its line in the file, column, value and what was expected."""

    line: int
    column: str
    found: str
    expected: str


@pages.get("/file")
def form() -> str:
    """Show the upload form."""
    return _render(UploadForm())


@pages.post("/file")
def receive() -> str | tuple[str, int] | BaseResponse:
    """Score an uploaded file, or say by row what has to be mended first."""
    upload = UploadForm()
    model = knowledge().model()
    if model is None:
        abort(503)
    if not upload.validate_on_submit():
        return _render(upload), 422
    results = Results.open(settings().keep_seconds)
    with results.incoming() as path:
        upload.file.data.save(path)
        try:
            frame = read_table(str(path))
            validated = validate(frame, model.schema, upload.file.data.filename or "the file")
        except DataError as error:
            return _problems(upload, error, path)
    try:
        scored = _score(validated, model)
    except ScoringError as error:
        return _render(upload, failure=error), error.status
    token = results.keep(scored, [_note(warning) for warning in validated.warnings])
    return redirect(url_for("upload.result", token=token), code=303)


@pages.get("/file/<token>")
def result(token: str) -> str:
    """Show counts by segment and the first rows of a scored file."""
    kept = _kept(token)
    scored = pd.read_csv(kept.table, keep_default_na=False)
    counts = scored.groupby(["segment", "segment_name"]).size().sort_values(ascending=False)
    rows = [
        (number, name, count, 100 * count / len(scored))
        for (number, name), count in zip(counts.index.to_list(), counts.to_list(), strict=True)
    ]
    preview = scored.head(PREVIEW_ROWS).to_dict("records")
    model = knowledge().model()
    labels = {c.name: c.label for c in model.schema.columns} if model else {}
    return render_template(
        "upload/result.html",
        token=token,
        rows=rows,
        total=len(scored),
        unlike=int((scored["unlike_training"].astype(str) == "True").sum()),
        preview=preview,
        identifier=scored.columns[0],
        labels=labels,
        notes=kept.notes,
        sure=sure,
        how_sure=how_sure,
    )


@pages.get("/file/<token>/download")
def download(token: str) -> Response:
    """Send the scored file."""
    return send_file(
        _kept(token).table, mimetype="text/csv", as_attachment=True, download_name="scored.csv"
    )


def _render(upload: UploadForm, **more: object) -> str:
    limit = settings().upload_megabytes
    return render_template("upload/form.html", form=upload, limit=limit, **more)


def _kept(token: str) -> Kept:
    kept = Results.open(settings().keep_seconds).find(token)
    if kept is None:
        abort(410)
    return kept


def _score(validated: Validated, model: ModelInfo) -> pd.DataFrame:
    customers = decode(validated.customers, model.schema)
    parts = [
        scoring().many(customers.iloc[start : start + CHUNK_ROWS])
        for start in range(0, len(customers), CHUNK_ROWS)
    ]
    answer = pd.concat(parts)
    put_given_names(answer, model.given_names)
    answer["reasons"] = [", ".join(reasons) for reasons in answer["reasons"]]
    if customers.index.name is None:
        answer.index = pd.RangeIndex(1, len(answer) + 1, name="row")
    return answer.reset_index()


def _note(warning: Problem) -> str:
    """Return a warning for the result's page, without a value of a customer."""
    rows = f" in {warning.count:,} row{'' if warning.count == 1 else 's'}" if warning.count else ""
    return f"{warning.column}: expected {warning.expected}{rows}. {warning.remedy}"


def _problems(upload: UploadForm, error: DataError, path: Path) -> tuple[str, int]:
    whole = [problem for problem in error.problems if not problem.rows]
    page = _render(
        upload,
        whole=whole,
        cells=list(_cells(error.problems, path)),
        more=max(0, sum(len(p.rows) for p in error.problems) - MOST_SHOWN),
    )
    return page, 422


def _cells(problems: tuple[Problem, ...], path: Path) -> Iterator[RowProblem]:
    """Yield the first offending cells, by their line in the file."""
    every = ((row, number) for number, p in enumerate(problems) for row in p.rows)
    first = heapq.nsmallest(MOST_SHOWN, every)
    if not first:
        return
    frame = read_table(str(path))
    lines = line_numbers(path, first[-1][0] + 1)
    for row, number in first:
        problem = problems[number]
        found = str(frame[problem.column].iloc[row])[:60]
        yield RowProblem(lines[row], str(problem.column), found, problem.expected)
