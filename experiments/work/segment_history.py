"""Segments over time: several days' customers, scored by one version, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import pandas as pd
from mlflow import MlflowClient

from experiments.faults import answering_anyway
from experiments.history import Source, Transactions
from experiments.registry import segment_lineage
from experiments.registry.client import FIGURES, describe
from experiments.study.databases import prepare_tracking
from experiments.tracking import event_run
from experiments.work.drift_monitoring import usable_rows
from segmentation.data.atomic import write_whole
from segmentation.data.validation import validate
from segmentation.data.warehouse.address import public_name
from segmentation.errors import DataError, Problem
from segmentation.interpretation.formatting import percent
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring.history import Day, History
from segmentation.reports.html import page
from segmentation.reports.line_chart import Chart, chart

REPORT = "history.html"


def day_of(model: SegmentationModel, source: Source, *, skip_bad_rows: bool = False) -> Day:
    """Return the customers of a day by segment; with `skip_bad_rows` those that can be used.

    Raises
    ------
    DataError
        When they do not fit the model's schema, or nothing identifies them.
    """
    schema, name = model.schema, public_name(source.data)
    piece = usable_rows(source.data, schema, skip_bad_rows=skip_bad_rows)
    if piece.n_bad:
        rows = "row" if piece.n_bad == 1 else "rows"
        click.echo(f"{source.day}: {piece.n_bad:,} bad {rows} left out.")
    if schema.identifier not in piece.rows:
        expected = "a column that identifies customers, the same on every day"
        raise DataError([Problem(None, "no_identifier", expected, "Name it in the schema.")], name)
    validated = validate(piece.rows.iloc[piece.good], schema, name)
    numbers = model.segments(validated.customers)["segment"]
    segment = pd.Series(numbers, validated.customers.index.astype(str), dtype="int64")
    if segment.index.has_duplicates:
        twice = int(segment.index.duplicated().sum())
        expected = f"one row a customer, found {twice:,} more"
        raise DataError([Problem(schema.identifier, "repeated", expected, "Sum them up.")], name)
    outcomes = {}
    if validated.outcomes is not None:
        described = model.outcomes_of(validated.customers, validated.outcomes)
        outcomes = dict(zip(model.numbering.numbers, described, strict=True))
    return Day(source.day, segment, outcomes)


def run(
    source: list[Source] | Transactions,
    model_name: str,
    alias: str,
    out: str,
    *,
    skip_bad_rows: bool = False,
) -> History:
    """Look at every day with one version; record and print what changed."""
    prepare_tracking()
    client = MlflowClient()
    version = describe(model_name, alias).version
    model = segment_lineage.load(client, model_name, version)
    days = list(_days(model, source, skip_bad_rows=skip_bad_rows))
    history = History(model.numbering.name_of, tuple(days), model.schema.customers)
    title = f"{model_name} over time"
    html = page(
        REPORT,
        model.schema.customers,
        title=title,
        version=f"version {version}",
        history=history,
        sizes=_sizes(history),
        outcomes=_outcomes(history),
    )
    if out:
        write_whole(Path(out), html)
    click.echo(f"{model_name} version {version}, {len(days)} days. {history.headline}")
    for number, name in history.names.items():
        shares = ", ".join(
            percent(one.sizes.get(number, 0) / max(len(one.segment), 1)) for one in days
        )
        click.echo(f"  {number}. {name}: {shares}")
    with answering_anyway():
        event_run.record(
            client,
            model_name,
            f"{len(days)} days of version {version}",
            kind="history",
            version=version,
            note=f"**{history.headline}**",
            metrics={},
            files={REPORT: html, FIGURES: json.dumps(history.to_dict(), indent=1)},
            steps=dict(history.metrics()),
        )
    return history


def _days(
    model: SegmentationModel, source: list[Source] | Transactions, *, skip_bad_rows: bool
) -> Iterator[Day]:
    """Yield the customers of every day by segment, the earliest first."""
    if isinstance(source, list):
        for one in sorted(source, key=lambda one: one.day):
            yield day_of(model, one, skip_bad_rows=skip_bad_rows)
        return
    for day in sorted(source.days):
        with source.customers(day, model.schema) as customers:
            yield day_of(model, customers, skip_bad_rows=skip_bad_rows)


def _sizes(history: History) -> Chart:
    """Return each segment's share of the customers by day as a chart."""
    shares = {
        number: [one.sizes.get(number, 0) / max(len(one.segment), 1) for one in history.days]
        for number in history.names
    }
    days, segments = [one.day for one in history.days], list(history.names.items())
    title = f"Share of {history.customers}"
    return chart(title, segments, days, shares, changed=(), text=percent)


def _outcomes(history: History) -> list[tuple[str, list[tuple[date, list[str]]]]]:
    """Return each outcome's title, and its figure by day and segment."""
    titles = {
        o.column: o.title for one in history.days for own in one.outcomes.values() for o in own
    }
    return [
        (
            title,
            [
                (one.day, [_figure(one, number, column) for number in history.names])
                for one in history.days
            ],
        )
        for column, title in titles.items()
    ]


def _figure(one: Day, number: int, column: str) -> str:
    figures = [o.figure for o in one.outcomes.get(number, ()) if o.column == column]
    return figures[0] if figures else "–"
