"""Segments over time: several days' customers, scored by one version, side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click
import pandas as pd
from mlflow import MlflowClient

from experiments.collect import NO_OTHERS, OtherTables, collected_file
from experiments.collect import Day as DayOption
from experiments.faults import answering_anyway, check_output, check_source, ending_in_a_sentence
from experiments.monitor import usable_rows
from experiments.registry import segment_lineage
from experiments.registry.client import CHAMPION, FIGURES, MODEL_NAME, ModelName, describe
from experiments.study.databases import prepare_tracking, quiet
from experiments.tracking import event_run
from segmentation.data.transactions.recipe import Recipe, load_recipe
from segmentation.data.validation import validate
from segmentation.data.warehouse.address import public_name
from segmentation.errors import DataError, Problem, SpecError
from segmentation.interpretation.formatting import percent
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring.history import Day, History
from segmentation.reports.html import page, shares_picture
from segmentation.schema import TableSchema

REPORT = "history.html"
EXAMPLE = "2025-01-31=january.csv"
DAYS = "2025-01-01,2025-02-01"
LEAST_DAYS = 2
# A source may have commas too.
BETWEEN = re.compile(r",(?=\s*\d{4}-\d{2}-\d{2}=)")


@dataclass(frozen=True)
class Source:
    """The customers of a day, and where they are."""

    day: date
    data: str


@dataclass(frozen=True)
class Transactions:
    """Transactions of which a recipe makes the customers of each day, the model's own by default.

    A day is the first whose transactions do not count any more.
    """

    data: str
    days: tuple[date, ...]
    beside: OtherTables = NO_OTHERS
    recipe: Recipe | None = None

    @contextmanager
    def customers(self, day: date, schema: TableSchema) -> Iterator[Source]:
        """Yield where the customers of a day are, collected for a model's schema."""
        others = self.data, schema, day, self.beside, self.recipe
        with collected_file(*others) as (file, as_of):
            yield Source(as_of, str(file))


class Days(click.ParamType[tuple[date, ...]]):
    """Days after commas, such as ``2025-01-01,2025-02-01``; empty for none."""

    name = "days"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[date, ...]:
        """Read them."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",") if word.strip()]
        days = (DayOption().convert(word, param, ctx) for word in words)
        return tuple(day for day in days if day)


class DaysAndSources(click.ParamType[list[Source]]):
    """Days and sources, written ``2025-01-31=january.csv,2025-02-28=february.csv``."""

    name = "day=source"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[Source]:
        """Read them; none of an empty text."""
        sources: list[Source] = []
        if not value:
            return sources
        for text in BETWEEN.split(str(value)):
            day, _, data = text.partition("=")
            try:
                sources.append(Source(date.fromisoformat(day.strip()), data))
            except ValueError:
                self.fail(f"{text!r}: expected a day and a source, such as {EXAMPLE}", param, ctx)
        return sources


def day_of(model: SegmentationModel, source: Source) -> Day:
    """Return the customers of a day by segment.

    Raises
    ------
    DataError
        When they do not fit the model's schema, or nothing identifies them.
    """
    schema, name = model.schema, public_name(source.data)
    piece = usable_rows(source.data, schema, skip_bad_rows=False)
    if schema.identifier not in piece.rows:
        expected = "a column that identifies customers, the same on every day"
        raise DataError([Problem(None, "no_identifier", expected, "Name it in the schema.")], name)
    validated = validate(piece.rows, schema, name)
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


def run(source: list[Source] | Transactions, model_name: str, alias: str, out: str) -> History:
    """Look at every day with one version; record and print what changed."""
    prepare_tracking()
    client = MlflowClient()
    version = describe(model_name, alias).version
    model = segment_lineage.load(client, model_name, version)
    days = list(_days(model, source))
    history = History(model.numbering.name_of, tuple(days))
    title = f"{model_name} over time"
    html = page(
        REPORT,
        title=title,
        version=f"version {version}",
        history=history,
        picture=shares_picture(history),
        outcomes=_outcomes(history),
    )
    if out:
        Path(out).write_text(html, encoding="utf-8")
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
            note=f"**{history.headline}**",
            metrics={},
            files={REPORT: html, FIGURES: json.dumps(history.to_dict(), indent=1)},
            steps=dict(history.metrics()),
        )
    return history


def _days(model: SegmentationModel, source: list[Source] | Transactions) -> Iterator[Day]:
    """Yield the customers of every day by segment, the earliest first."""
    if isinstance(source, list):
        yield from (day_of(model, one) for one in sorted(source, key=lambda one: one.day))
        return
    for day in sorted(source.days):
        with source.customers(day, model.schema) as customers:
            yield day_of(model, customers)


def _outcomes(history: History) -> list[tuple[str, list[tuple[int, list[str]]]]]:
    """Return each outcome's title, and its figure by segment and day."""
    titles = {
        o.column: o.title for one in history.days for own in one.outcomes.values() for o in own
    }
    return [
        (
            title,
            [
                (number, [_figure(one, number, column) for one in history.days])
                for number in history.names
            ],
        )
        for column, title in titles.items()
    ]


def _figure(one: Day, number: int, column: str) -> str:
    figures = [o.figure for o in one.outcomes.get(number, ()) if o.column == column]
    return figures[0] if figures else "–"


def _source(sources: list[Source], transactions: Transactions) -> list[Source] | Transactions:
    """Return the one of the two that is there.

    Raises
    ------
    SpecError
        When both are, or neither, or transactions have no days.
    """
    if bool(sources) == bool(transactions.data):
        both = "both" if sources else "neither"
        raise SpecError(
            f"data, transactions: expected one of the two, found {both}. Name tables of customers, "
            f"data={EXAMPLE},…, or transactions and the days as of which to collect them."
        )
    if sources:
        return sources
    if len(set(transactions.days)) < LEAST_DAYS:
        count = len(set(transactions.days))
        raise SpecError(
            f"days: expected two or more different days, found {count}. Name them: {DAYS}."
        )
    return transactions


@click.command()
@click.option(
    "--data",
    type=DaysAndSources(),
    multiple=True,
    default=(),
    help=f"A day and its customers, {EXAMPLE}; once a day, or several after commas.",
)
@click.option("--transactions", default="", help="Instead: a source as of collect.")
@click.option("--days", type=Days(), default="", help=f"Collect as of these: {DAYS}.")
@click.option("--recipe", default="", help="YAML file; default: the model's own.")
@click.option("--accounts", default="", help="Table with one row a customer.")
@click.option("--statements", default="", help="Table of monthly statements.")
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True, help="Or a number.")
@click.option("--out", default="", help="Also write the HTML report here.")
def main(
    *,
    data: tuple[list[Source], ...],
    transactions: str,
    days: tuple[date, ...],
    recipe: str,
    accounts: str,
    statements: str,
    model_name: str,
    alias: str,
    out: str,
) -> None:
    """Show how segments grow and shrink, who moves, and when more than usual."""
    quiet()
    sources = [source for several in data for source in several]
    with ending_in_a_sentence():
        addresses = [("data", source.data) for source in sources]
        addresses += [("transactions", transactions), ("accounts", accounts)]
        for option, address in [*addresses, ("statements", statements)]:
            check_source(option, address)
            check_output("out", out, address)
        own = load_recipe(recipe) if recipe else None
        beside = OtherTables(accounts, statements)
        source = _source(sources, Transactions(transactions, days, beside, own))
        run(source, model_name, alias, out)


if __name__ == "__main__":
    main()
