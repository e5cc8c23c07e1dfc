"""A file of customers: problems by row, a scored file to download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from flask import Blueprint, Response, abort, redirect, render_template, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from segmentation.errors import DataError, Problem
from segmentation.loading import read_table
from segmentation.validation import Validated, validate
from serve.answers import sure
from serve.app import knowledge, scoring, settings
from serve.forms import UploadForm
from serve.results import Results

pages = Blueprint("upload", __name__)

CHUNK_ROWS = 10_000
MOST_SHOWN = 50
PREVIEW_ROWS = 20
HEADER_LINES = 2


@dataclass(frozen=True)
class RowProblem:
    """One cell to mend: its line in the file, column, value and what was expected."""

    line: int
    column: str
    found: str
    expected: str


@pages.get("/file")
def form() -> str | tuple[str, int]:
    """Show the upload form."""
    return render_template("upload/form.html", form=UploadForm())


@pages.post("/file")
def receive() -> str | tuple[str, int] | BaseResponse:
    """Score an uploaded file, or say by row what has to be mended first."""
    upload = UploadForm()
    model = knowledge().model()
    if model is None:
        abort(503)
    if not upload.validate_on_submit():
        return render_template("upload/form.html", form=upload), 422
    results = Results.open(settings().keep_seconds)
    with results.incoming() as path:
        upload.file.data.save(path)
        try:
            frame = read_table(str(path))
            validated = validate(frame, model.schema, upload.file.data.filename or "the file")
        except DataError as error:
            return _problems(upload, error, path)
    token = results.keep(_score(validated))
    return redirect(url_for("upload.result", token=token), code=303)


@pages.get("/file/<token>")
def result(token: str) -> str:
    """Show counts by segment and the first rows of a scored file."""
    scored = pd.read_csv(_kept(token), keep_default_na=False)
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
        sure=sure,
    )


@pages.get("/file/<token>/download")
def download(token: str) -> Response:
    """Send the scored file."""
    return send_file(
        _kept(token), mimetype="text/csv", as_attachment=True, download_name="scored.csv"
    )


def _kept(token: str) -> Path:
    path = Results.open(settings().keep_seconds).find(token)
    if path is None:
        abort(410)
    return path


def _score(validated: Validated) -> pd.DataFrame:
    customers = validated.customers
    parts = [
        scoring().many(customers.iloc[start : start + CHUNK_ROWS])
        for start in range(0, len(customers), CHUNK_ROWS)
    ]
    answer = pd.concat(parts)
    answer["reasons"] = [", ".join(reasons) for reasons in answer["reasons"]]
    answer.index.name = customers.index.name or "row"
    return answer.reset_index()


def _problems(upload: UploadForm, error: DataError, path: Path) -> tuple[str, int]:
    whole = [problem for problem in error.problems if not problem.rows]
    cells = list(_cells(error.problems, path))
    page = render_template(
        "upload/form.html",
        form=upload,
        whole=whole,
        cells=cells[:MOST_SHOWN],
        more=max(0, sum(len(p.rows) for p in error.problems) - MOST_SHOWN),
    )
    return page, 422


def _cells(problems: tuple[Problem, ...], path: Path) -> Iterator[RowProblem]:
    """Yield the offending cells as a spreadsheet numbers its lines."""
    if not any(problem.rows for problem in problems):
        return
    frame = read_table(str(path))
    for problem in problems:
        for row in problem.rows[:MOST_SHOWN]:
            found = str(frame[problem.column].iloc[row])[:60]
            yield RowProblem(row + HEADER_LINES, str(problem.column), found, problem.expected)
