"""Score one uploaded file, piece by piece, telling how far it is."""

from __future__ import annotations

import csv
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow.lib import ArrowException

from experiments.registry.client import put_actions, put_names
from segmentation.data.readers import file_to_score
from segmentation.data.row_errors import CheckedPiece, cells_to_correct, check_piece, write_bad_rows
from segmentation.data.writers import (
    ACTION,
    ANSWER,
    CHALLENGER,
    PROBLEM,
    ROW,
    TYPES,
    ScoredWriter,
    own_names,
    own_types,
    scored_rows,
)
from segmentation.errors import DataError, Problem, merged
from segmentation.schema import TableSchema
from segmentation.schema.levels import decode
from serve.jobs.inspection import about_rows, check_rows, piece_rows
from serve.jobs.store import DONE, FAILED, INVALID, READING, SCORING, Job, Jobs
from serve.web.scoring_client import ScoringAwayError, ScoringClient, ScoringError

MOST_NOTES = 20
MOST_CHARACTERS = 200
PREVIEW_ROWS = 20
MOST_ATTEMPTS = 3
SWALLOWS = (
    "the table: expected one that can be read piece by piece, found a cell, line or part that "
    "takes too much memory. Correct it, or split the file."
)
CHALLENGER_AWAY = "The challenger did not answer: the file has the champion's segments only."
NOT_READ = (
    "the table: expected numbers and texts in rows, found something else. "
    "Export it again, as CSV UTF-8."
)
# What pandas, Arrow and openpyxl raise on files made to be odd, beside their own kinds.
UNREADABLE = (TypeError, ValueError, KeyError, IndexError, OverflowError, csv.Error, ArrowException)


def score_job(token: str, jobs: Jobs, scoring: ScoringClient, challenger: ScoringClient) -> None:
    """Score a file, or record what must be corrected first.

    Begun again after a crash it starts from the beginning; a file that is done stays done, and
    one that crashed three times is given up.
    """
    job = jobs.find(token)
    if job is None or job.finished:
        return
    job.attempts += 1
    if job.attempts > MOST_ATTEMPTS:
        give_up(job)
    else:
        _try(job, jobs, scoring, challenger)
    if job.state == DONE:
        jobs.upload(job).unlink(missing_ok=True)
    jobs.save(job)


def _try(job: Job, jobs: Jobs, scoring: ScoringClient, challenger: ScoringClient) -> None:
    job.state, job.done = READING, 0
    jobs.save(job)
    try:
        run = _Run(job, jobs, scoring, challenger if job.compare else None)
        _score(run, jobs.upload(job))
    except DataError as error:
        problems = [str(problem) for problem in error.problems]
        _refuse(job, [SWALLOWS] if any("out of memory" in text for text in problems) else problems)
    except MemoryError:
        _refuse(job, [SWALLOWS])
    except UNREADABLE:
        _refuse(job, [NOT_READ])
    except ScoringError as error:
        _fail(job, str(error), error.remedy)
    except OSError as error:
        if error.errno is None:  # Arrow's, of a file it cannot read
            _refuse(job, [NOT_READ])
            return
        # The reason only: a path is not shown.
        _fail(job, f"The server could not keep the result: {error.strerror}.", "Try again later.")


def _refuse(job: Job, problems: list[str]) -> None:
    more = [f"… and {len(problems) - MOST_NOTES:,} more."] if len(problems) > MOST_NOTES else []
    job.state, job.whole = INVALID, [*map(_cut, problems[:MOST_NOTES]), *more]


def _cut(text: str) -> str:
    """Return the beginning of a text that may have any length."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def give_up(job: Job) -> None:
    """Mark a file as one that cannot be read to its end."""
    _fail(job, "The file could not be read to its end.", "Split it and try again.")


def _fail(job: Job, failure: str, remedy: str) -> None:
    job.state, job.failure, job.remedy = FAILED, failure, remedy


class _Run:
    """What one pass over a file gathers."""

    def __init__(
        self, job: Job, jobs: Jobs, scoring: ScoringClient, challenger: ScoringClient | None
    ) -> None:
        self.job, self.jobs = job, jobs
        self.scoring, self.challenger = scoring, challenger
        self.schema: TableSchema = job.table
        self.given_names = {int(number): name for number, name in job.given_names.items()}
        self.bad: list[Problem] = []
        self.notes: dict[tuple[str | None, str], list[Problem]] = {}
        self.counts: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.remarks: list[str] = []
        self.flows: dict[str, int] = {}
        self.others: dict[int, str] = {}


def _score(run: _Run, table: Path) -> None:
    job, start, rows = run.job, 0, piece_rows(table)
    job.total, job.preview, job.unlike, job.skipped = about_rows(table), [], 0, 0
    if job.ending == ".parquet":
        check_rows(job.total)
    result = run.jobs.result(job)
    draft = result.with_suffix(".part")
    draft.unlink(missing_ok=True)
    try:
        schema = run.schema
        file = file_to_score(table, schema)
        facts = {int(number): facts for number, facts in job.facts.items()}
        types = own_types(table, schema)
        with (
            closing(file.pieces(rows)) as pieces,
            ScoredWriter(draft, schema, job.ending, types=types, facts=facts) as writer,
        ):
            for piece in pieces:
                _piece(run, piece, start, writer)
                start += len(piece)
                check_rows(start)
                job.done, job.total = start, max(job.total, start)
                run.jobs.save(job)
        if not start:
            raise DataError([Problem(None, "no_rows", "at least one row", "Check the export.")])
        if run.bad:
            bad_rows = run.jobs.bad_rows(job)
            write_bad_rows(bad_rows, run.bad, table, rows, file.texts)
        if run.bad and not job.anyway:
            job.cells = [asdict(cell) for cell in cells_to_correct(run.bad, table, rows)]
            job.more = sum(len(p.rows) for p in run.bad) - len(job.cells)
            job.skipped = len({row for problem in run.bad for row in problem.rows})
            job.state = INVALID
            return
        draft.replace(result)
    finally:
        draft.unlink(missing_ok=True)
    job.counts = {str(number): count for number, count in run.counts.items()}
    job.names = {str(number): name for number, name in run.names.items()}
    job.flows = run.flows
    job.others = {str(number): name for number, name in run.others.items()}
    notes = [*run.remarks, *file.remarks, *(_note(problems) for problems in run.notes.values())]
    job.notes = notes[:MOST_NOTES]
    job.state = DONE


def _piece(run: _Run, piece: pd.DataFrame, start: int, writer: ScoredWriter) -> None:
    """Check a piece and score its good rows, unless others keep the file from being scored."""
    job, schema = run.job, run.schema
    checked = check_piece(piece, schema, start, "the file")
    run.bad += checked.problems
    for warning in checked.warnings:
        # Without its rows: of millions they would fill the memory, and they are not listed.
        note = replace(warning, rows=())
        run.notes.setdefault((warning.column, warning.check), []).append(note)
    if run.bad and not job.anyway:
        return
    job.state = SCORING
    further = (*((ACTION,) if job.actions else ()), *(CHALLENGER if run.challenger else ()))
    answer = pd.DataFrame(columns=[*ANSWER, *further])
    if checked.validated is not None:
        answer = _answers(run, decode(checked.validated.customers, schema)).set_axis(checked.good)
    scored = scored_rows(checked.rows, schema, start, answer)
    job.skipped += checked.n_bad
    if job.anyway:
        scored[PROBLEM] = _problems_of(checked)
    writer.write(scored)
    if len(job.preview) < PREVIEW_ROWS:
        rows = _preview(scored.head(PREVIEW_ROWS - len(job.preview)), piece, schema)
        rows = rows.astype(object).where(rows.notna(), None)
        job.preview += [{str(k): _plain(v) for k, v in r.items()} for r in rows.to_dict("records")]


def _preview(scored: pd.DataFrame, piece: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """Return who the customers of scored rows are, and the answers."""
    names = own_names(list(piece.columns), schema)
    who = names.get(str(schema.identifier), ROW)
    return scored[[who, *(name for name in TYPES if name in scored)]]


def _answers(run: _Run, customers: pd.DataFrame) -> pd.DataFrame:
    """Return the answers for customers, and count them."""
    customers = customers.set_axis(pd.RangeIndex(len(customers)))
    answer = run.scoring.many(customers)
    put_names(answer, run.given_names)
    put_actions(answer, {int(number): text for number, text in run.job.actions.items()})
    for own, text in zip(answer["segment"], answer["segment_name"], strict=True):
        run.counts[own] = run.counts.get(own, 0) + 1
        run.names[own] = text
    if run.challenger is not None:
        try:
            _ask_challenger(run, run.challenger, customers, answer)
        except ScoringAwayError:
            if run.flows:  # it answered for the rows before these
                raise
            run.challenger, run.job.compare = None, False
            run.remarks.append(CHALLENGER_AWAY)
    run.job.unlike += int(answer["unlike_training"].sum())
    return answer


def _ask_challenger(
    run: _Run, challenger: ScoringClient, customers: pd.DataFrame, answer: pd.DataFrame
) -> None:
    """Add the challenger's segments to an answer, and count who would move."""
    other = challenger.many(customers)
    names = [
        run.given_names.get(number, name)
        for number, name in zip(other["segment"], other["segment_name"], strict=True)
    ]
    answer["challenger_segment"] = other["segment"].to_numpy()
    answer["challenger_name"] = names
    for own, theirs, name in zip(answer["segment"], other["segment"], names, strict=True):
        run.flows[f"{own}>{theirs}"] = run.flows.get(f"{own}>{theirs}", 0) + 1
        run.others[theirs] = name


def _problems_of(checked: CheckedPiece) -> list[str]:
    texts = np.full(len(checked.rows), "not scored: a value cannot be read", dtype=object)
    texts[checked.good] = ""
    return [str(text) for text in texts]


def _plain(value: object) -> object:
    if isinstance(value, str):
        return _cut(value)
    return ", ".join(value) if isinstance(value, list) else getattr(value, "item", lambda: value)()


def _note(problems: list[Problem]) -> str:
    """Return warnings of one kind as a sentence for people, without a number of a customer."""
    return merged(problems).without_amounts().removeprefix("column ")
