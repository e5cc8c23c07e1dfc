"""A file of customers: sent, scored in the background, fetched."""

from __future__ import annotations

from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from flask import (
    Blueprint,
    Request,
    Response,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template,
    send_file,
    session,
    url_for,
)
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response as BaseResponse

from segmentation.interpretation.formatting import flow_cell
from serve.jobs.queue import FOLDER
from serve.jobs.store import DONE, FAILED, INVALID, WAITING, Job, Jobs, Limits
from serve.web.auth import who
from serve.web.context import served_model, settings
from serve.web.forms import UploadForm
from serve.web.views import example_customer, how_sure, plain, sure

pages = Blueprint("upload", __name__)

IN_MEMORY_BYTES = 512 * 1024
SESSION_KEY = "files"
MOST_REMEMBERED = 10
# What all files of one person may take together before they are scored.
UPLOADS_OF_FULL_SIZE = 5
STARTS = {b"PK\x03\x04": ".xlsx", b"PAR1": ".parquet"}
TYPES = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class PageRequest(Request):
    """A request whose files arrive in the folder of uploads, which only this user may read."""

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002 - Werkzeug passes them
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        folder = Path(current_app.instance_path) / FOLDER
        return cast(IO[bytes], SpooledTemporaryFile(max_size=IN_MEMORY_BYTES, dir=str(folder)))


@pages.get("/file")
def form() -> str:
    """Show the upload form and the files of this session."""
    return _form(UploadForm())


@pages.post("/file")
def receive() -> str | tuple[str, int] | BaseResponse:
    """Take a file and put it into the queue."""
    upload = UploadForm()
    model = served_model()
    if model is None:
        abort(503)
    if not upload.validate_on_submit():
        return _form(upload), 422
    jobs, sent = _jobs(), upload.file.data
    jobs.sweep()
    ending = STARTS.get(sent.stream.read(4), ".csv")
    sent.stream.seek(0)
    title = secure_filename(sent.filename or "")[:80] or "customers"
    with jobs.counting():
        if refusal := jobs.refusal(who(), _limits()):
            upload.file.errors = [refusal]
            return _form(upload), 429
        job = jobs.new(ending, title, model.schema, model.given_names)
        job.compare, job.owner = bool(upload.compare.data), who()
        job.actions = {str(number): action.text for number, action in model.actions.items()}
        job.facts = {str(n): facts for n, facts in model.segment_facts.items()}
        try:
            sent.save(jobs.upload(job))
            jobs.save(job)
            current_app.extensions["put_file"](job.token)
        except BaseException:
            jobs.discard(job)
            raise
    sent.close()
    session[SESSION_KEY] = [*session.get(SESSION_KEY, []), job.token][-MOST_REMEMBERED:]
    return redirect(url_for("upload.result", token=job.token), code=303)


@pages.get("/file/<token>")
def result(token: str) -> str | tuple[str, int]:
    """Show how far a file is, what has to be mended, or its result."""
    job = _job(token)
    if job.state == DONE:
        return _result(job)
    if job.state == INVALID:
        return render_template("upload/invalid.html", job=job, form=UploadForm()), 422
    if job.state == FAILED:
        return render_template("upload/failed.html", job=job, form=UploadForm()), 503
    return render_template("upload/progress.html", job=job)


@pages.get("/file/<token>/state")
def state(token: str) -> Response:
    """Tell how far a file is; for the page's own script."""
    job = _job(token)
    return jsonify(state=job.state, done=job.done, total=job.total, finished=job.finished)


@pages.post("/file/<token>/anyway")
def anyway(token: str) -> BaseResponse:
    """Score the good rows of a file in which others cannot be."""
    job = _job(token)
    if job.state == INVALID and job.cells:
        job.anyway, job.state, job.attempts, job.skipped = True, WAITING, 0, 0
        _jobs().save(job)
        current_app.extensions["put_file"](job.token)
    return redirect(url_for("upload.result", token=token), code=303)


@pages.post("/file/<token>/again")
def again(token: str) -> BaseResponse:
    """Try once more to score a file that is still here."""
    job = _job(token)
    if job.state == FAILED:
        job.state, job.attempts = WAITING, 0
        _jobs().save(job)
        current_app.extensions["put_file"](job.token)
    return redirect(url_for("upload.result", token=token), code=303)


@pages.get("/file/<token>/download")
def download(token: str) -> Response:
    """Send the scored file, in the format it came in."""
    job = _job(token)
    if job.state != DONE:
        abort(404)
    return send_file(
        _jobs().result(job),
        mimetype=TYPES[job.ending],
        as_attachment=True,
        download_name=f"scored{job.ending}",
    )


@pages.get("/file/<token>/bad_rows")
def bad_rows(token: str) -> Response:
    """Send the rows that cannot be scored, each with its line and what to correct."""
    file = _jobs().bad_rows(_job(token))
    if not file.is_file():
        abort(404)
    return send_file(file, mimetype=TYPES[".csv"], as_attachment=True, download_name="bad_rows.csv")


def _form(upload: UploadForm) -> str:
    jobs = [_jobs().find(token) for token in reversed(session.get(SESSION_KEY, []))]
    model = served_model()
    example = example_customer(model) if model else {}
    columns = model.schema.columns if model else ()
    return render_template(
        "upload/form.html",
        form=upload,
        limit=settings().upload_megabytes,
        files=[job for job in jobs if job is not None],
        example={column.name: plain(example[column.name], column) for column in columns},
    )


def _result(job: Job) -> str:
    total = sum(job.counts.values())
    order = sorted(job.counts.items(), key=lambda item: -item[1])
    return render_template(
        "upload/result.html",
        job=job,
        rows=[(int(n), job.names[n], count, 100 * count / total) for n, count in order],
        total=total,
        titles=list(dict.fromkeys(title for facts in job.facts.values() for title in facts)),
        flow=_flow(job),
        others=sorted((int(number), name) for number, name in job.others.items()),
        identifier=next(iter(job.preview[0])),
        sure=sure,
        how_sure=how_sure,
    )


def _flow(job: Job) -> list[tuple[int, str, list[tuple[str, bool]]]]:
    """Return a row per segment: its number, name, and how many are in each of the challenger's."""
    rows = []
    for own in sorted(job.counts, key=int):
        cells = [
            (flow_cell(job.flows.get(f"{own}>{other}", 0), job.counts[own]), own == other)
            for other in sorted(job.others, key=int)
        ]
        rows.append((int(own), job.names[own], cells))
    return rows


def _limits() -> Limits:
    most = settings()
    total = int(UPLOADS_OF_FULL_SIZE * most.upload_megabytes * 1024**2)
    return Limits(most.waiting_per_person, most.files_per_person, total)


def _jobs() -> Jobs:
    return Jobs(Path(current_app.instance_path) / FOLDER, settings().keep_seconds)


def _job(token: str) -> Job:
    """Return a job of this session."""
    job = _jobs().find(token) if token in session.get(SESSION_KEY, []) else None
    if job is None:
        abort(410)
    return job
