"""Compare new customers with the champion's reference batch: ok, watch, or train again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from experiments.registry import segment_lineage
from experiments.registry.client import CHAMPION, MODEL_NAME, RegistryError, describe
from experiments.study.databases import prepare_tracking, quiet
from experiments.tracking import event_run
from segmentation.data.readers import read_table
from segmentation.data.validation import UNSEEN, validate
from segmentation.errors import SegmentationError
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring import Drift, compare_batches, reference_batch, summarise
from segmentation.monitoring.drift import EXIT_CODES, drift_sentences, shares_by_bin
from segmentation.monitoring.outcome_changes import outcome_changes
from segmentation.reports.html import page

REPORT = "monitor.html"
# The verdicts' exit codes are 0, 1 and 2.
FAILED = 3


@dataclass(frozen=True)
class ColumnRow:
    """A column of the report."""

    column: str
    label: str
    before: float
    after: float
    size: float
    index: float
    p: float
    missing_before: float
    missing_after: float
    bins: tuple[tuple[float, float], ...]
    drifted: bool


@dataclass(frozen=True)
class Monitoring:
    """The drift of a batch, in words too, and the report."""

    drift: Drift
    sentences: tuple[str, ...]
    html: str


def monitor(model: SegmentationModel, frame: pd.DataFrame, source: str, title: str) -> Monitoring:
    """Compare new customers, as read from `source`, with a model's reference batch.

    Raises
    ------
    DataError
        When the table does not fit the model's schema.
    RegistryError
        When the model has no reference batch.
    """
    reference = reference_batch(model)
    if reference is None:
        raise RegistryError(
            f"{title} was registered without a summary of its customers: register it again"
        )
    validated = validate(frame, model.schema, source)
    batch = summarise(model, validated.customers, reference)
    unseen = {w.column: w.count for w in validated.warnings if w.check == UNSEEN and w.column}
    drift = compare_batches(reference, batch, unseen)
    labels = {column.name: column.label for column in model.schema.columns}
    names = model.numbering.name_of
    outcomes = outcome_changes(model, validated.customers, validated.outcomes)
    sentences = (
        *drift_sentences(drift, labels, names),
        *(outcome.sentence for outcome in outcomes if outcome.changed),
    )
    html = page(
        "monitor.html",
        title=title,
        source=source,
        drift=drift,
        sentences=sentences,
        names=names,
        segments=[f for f in drift.findings if f.kind == "segment"],
        whole=[f for f in drift.findings if f.kind in {"unlike", "confidence"}],
        columns=_columns(drift, labels),
        outcomes=outcomes,
    )
    return Monitoring(drift, sentences, html)


def _columns(drift: Drift, labels: dict[str, str]) -> list[ColumnRow]:
    old = {summary.column: summary for summary in drift.reference.columns}
    new = {summary.column: summary for summary in drift.batch.columns}
    missing = {f.subject: f for f in drift.findings if f.kind == "missing"}
    rows = []
    for finding in (f for f in drift.findings if f.kind == "distribution"):
        name = finding.subject
        before, after = shares_by_bin(old[name], new[name])
        top = max(before.max(), after.max())
        rows.append(
            ColumnRow(
                column=name,
                label=labels[name],
                before=finding.before,
                after=finding.after,
                size=finding.size,
                index=finding.index,
                p=finding.p,
                missing_before=missing[name].before,
                missing_after=missing[name].after,
                bins=tuple(zip(100 * before / top, 100 * after / top, strict=True)),
                drifted=finding.drifted or missing[name].drifted,
            )
        )
    return rows


def run(data: str, model_name: str, alias: str, out: str) -> str:
    """Monitor a table, record and print the findings; return the verdict."""
    prepare_tracking()
    client = MlflowClient()
    version = describe(model_name, alias).version
    model = segment_lineage.load(client, model_name, version)
    source = Path(data).name
    title = f"{model_name} version {version}"
    result = monitor(model, read_table(data), source, title)
    verdict, rows = result.drift.verdict, result.drift.batch.rows
    lines = "\n".join(f"- {sentence}" for sentence in result.sentences)
    note = f"**{verdict}** for {source}, {rows:,} customers.\n\n{lines}"
    event_run.record(
        client,
        model_name,
        f"monitoring of version {version}",
        kind="monitoring",
        note=note,
        metrics=result.drift.metrics(),
        files={REPORT: result.html},
        series=f"version {version}",
    )
    if out:
        Path(out).write_text(result.html, encoding="utf-8")
    click.echo(f"{title}, {source}, {rows:,} customers: {verdict}")
    for sentence in result.sentences:
        click.echo(f"  {sentence}")
    return verdict


@click.command()
@click.option("--data", required=True, help="New customers: CSV, Parquet or openml:<id>.")
@click.option("--model-name", default=MODEL_NAME, show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True, help="Or a number.")
@click.option("--out", default="", help="Also write the HTML report here.")
def main(data: str, model_name: str, alias: str, out: str) -> None:
    """Exit with 0 when all is well, 1 to watch, 2 to train again, 3 on an error."""
    quiet()
    try:
        verdict = run(data, model_name, alias, out)
    except (SegmentationError, RegistryError, MlflowException) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(FAILED)
    sys.exit(EXIT_CODES[verdict])


if __name__ == "__main__":
    main()
