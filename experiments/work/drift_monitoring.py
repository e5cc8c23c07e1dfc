"""Compare new customers with the champion's reference batch: ok, watch, or train again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd
from mlflow import MlflowClient

from experiments.faults import (
    answering_anyway,
    check_source,
    notify,
)
from experiments.registry import segment_lineage
from experiments.registry.client import RegistryError, describe
from experiments.study.databases import prepare_tracking
from experiments.tracking import event_run
from segmentation.data.atomic import write_whole
from segmentation.data.files.table_file import TableFile
from segmentation.data.readers import read_table
from segmentation.data.row_errors import CheckedPiece, bad_rows_error, check_piece
from segmentation.data.validation import UNSEEN, validate
from segmentation.data.warehouse.address import public_name, short_name
from segmentation.errors import DataError, Problem
from segmentation.interpretation.formatting import whole_percent
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring import Drift, compare_batches, reference_batch, summarise
from segmentation.monitoring.drift import (
    MAX_BINS,
    MIN_CUSTOMERS,
    drift_sentences,
    headline,
    median_texts,
    shares_by_bin,
)
from segmentation.monitoring.outcome_changes import outcome_changes
from segmentation.reports.html import page
from segmentation.schema import TableSchema
from segmentation.types import FloatArray

REPORT = "monitor.html"
PIECE_ROWS = 50_000


@dataclass(frozen=True)
class ColumnRow:
    """A column of the report."""

    column: str
    label: str
    before: str  # the median
    after: str
    size: float
    index: float
    p: float
    missing_before: float
    missing_after: float
    bins: tuple[tuple[float, float], ...]
    tip: str  # the shares in words
    drifted: bool


@dataclass(frozen=True)
class Monitoring:
    """The drift of a batch, in words too, and the report."""

    drift: Drift
    headline: str
    sentences: tuple[str, ...]
    html: str


def monitor(model: SegmentationModel, frame: pd.DataFrame, source: str, title: str) -> Monitoring:
    """Compare new customers, as read from `source`, with a model's reference batch.

    Raises
    ------
    DataError
        When the table does not fit the model's schema, or has too few customers for a verdict.
    RegistryError
        When the model has no reference batch.
    """
    reference = reference_batch(model)
    if reference is None:
        raise RegistryError(
            f"{title} was registered without a summary of its customers: register it again"
        )
    validated = validate(frame, model.schema, source)
    if (count := len(validated.customers)) < MIN_CUSTOMERS:
        expected = (
            f"{MIN_CUSTOMERS} or more {model.schema.customers}, five for each of the {MAX_BINS} "
            f"bins of the stability index, found {count}"
        )
        raise DataError([Problem(None, "too_few", expected, "No verdict on so few.")], source)
    batch = summarise(model, validated.customers, reference)
    unseen = {w.column: w.count for w in validated.warnings if w.check == UNSEEN and w.column}
    drift = compare_batches(reference, batch, unseen)
    names = model.numbering.name_of
    outcomes = outcome_changes(model, validated.customers, validated.outcomes)
    sentences = (
        *drift_sentences(drift, model.schema, names),
        *(outcome.sentence for outcome in outcomes if outcome.changed),
    )
    html = page(
        "monitor.html",
        model.schema.customers,
        title=title,
        source=source,
        drift=drift,
        headline=headline(drift, model.schema),
        sentences=sentences,
        names=names,
        segments=[f for f in drift.findings if f.kind == "segment"],
        whole=[f for f in drift.findings if f.kind in {"unlike", "confidence"}],
        columns=_columns(drift, model.schema),
        outcomes=outcomes,
    )
    return Monitoring(drift, headline(drift, model.schema), sentences, html)


def _columns(drift: Drift, schema: TableSchema) -> list[ColumnRow]:
    old = {summary.column: summary for summary in drift.reference.columns}
    new = {summary.column: summary for summary in drift.batch.columns}
    missing = {f.subject: f for f in drift.findings if f.kind == "missing"}
    rows = []
    for finding in (f for f in drift.findings if f.kind == "distribution"):
        name = finding.subject
        before, after = shares_by_bin(old[name], new[name])
        medians = median_texts(drift, schema.column(name))
        top = max(before.max(), after.max())
        rows.append(
            ColumnRow(
                column=name,
                label=schema.column(name).label,
                before=medians[0],
                after=medians[1],
                size=finding.size,
                index=finding.index,
                p=finding.p,
                missing_before=missing[name].before,
                missing_after=missing[name].after,
                bins=tuple(zip(100 * before / top, 100 * after / top, strict=True)),
                tip=f"Before {_listed(before)}; now {_listed(after)}",
                drifted=finding.drifted or missing[name].drifted,
            )
        )
    return rows


def _listed(shares: FloatArray) -> str:
    return ", ".join(whole_percent(share) for share in shares.tolist())


def usable_rows(data: str, schema: TableSchema, *, skip_bad_rows: bool) -> CheckedPiece:
    """Read a table; return it checked, bad rows only if they are to be left out.

    Raises
    ------
    DataError
        When it is no such table.
    BadRowsError
        When rows cannot be used and are not to be left out, or there are no others.
    """
    table = read_table(data, schema)
    notify(table.remarks)
    piece = check_piece(table.frame, schema, 0, public_name(data))
    if piece.problems and not (skip_bad_rows and len(piece.good)):
        if not TableFile(Path(data)).path.is_file():  # its rows have no lines
            raise DataError(piece.problems, public_name(data))
        raise bad_rows_error(piece.problems, Path(data), PIECE_ROWS, len(piece.good))
    return piece


def run(
    data: str,
    model_name: str,
    alias: str,
    out: str = "",
    *,
    skip_bad_rows: bool = False,
    part_of: str = "",
) -> str:
    """Monitor a table, record and print the findings; return the verdict.

    `part_of` is the run of the retraining that asks.
    """
    check_source("data", data)
    prepare_tracking()
    client = MlflowClient()
    version = describe(model_name, alias).version
    model = segment_lineage.load(client, model_name, version)
    source = short_name(data)
    title = f"{model_name} version {version}"
    piece = usable_rows(data, model.schema, skip_bad_rows=skip_bad_rows)
    notify(warnings=piece.warnings)
    result = monitor(model, piece.rows.iloc[piece.good], source, title)
    verdict, rows = result.drift.verdict, result.drift.batch.rows
    lines = "\n".join(f"- {sentence}" for sentence in result.sentences)
    of = f"{source}, {rows:,} {model.schema.customers}"
    note = f"**{verdict}** for {of}. {result.headline}\n\n{lines}"
    if out:
        write_whole(Path(out), result.html)
    click.echo(f"{title}, {of}: {verdict}. {result.headline}")
    if piece.n_bad:
        click.echo(f"  {piece.n_bad:,} bad row{'' if piece.n_bad == 1 else 's'} left out.")
    for sentence in result.sentences:
        click.echo(f"  {sentence}")
    with answering_anyway():
        event_run.record(
            client,
            model_name,
            f"monitoring of version {version}",
            kind="monitoring",
            version=version,
            note=note,
            metrics=result.drift.metrics(),
            files={REPORT: result.html},
            series="" if part_of else f"version {version}",
            part_of=part_of,
        )
    return verdict
