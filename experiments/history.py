"""Segments over time: several days' customers, scored by one version, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import click

from experiments.collect import NO_OTHERS, OtherTables, collected_file, other_tables
from experiments.collect import Day as DayOption
from experiments.faults import check_output, check_source, ending_in_a_sentence, skip_option
from experiments.registry.client import CHAMPION, MODEL_NAME, ModelName
from segmentation.errors import SpecError
from segmentation.schema import TableSchema

if TYPE_CHECKING:
    from segmentation.data.transactions.recipe import Recipe

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
        collected = collected_file(self.data, schema, day, self.beside, self.recipe)
        with collected as (file, as_of):
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
@other_tables
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True, help="Or a number.")
@click.option("--out", default="", help="Also write the HTML report here.")
@skip_option("Use the other rows of every day.")
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
    skip_bad_rows: bool,
) -> None:
    """Show how segments grow and shrink, who moves, and when more than usual."""
    from experiments.study.databases import quiet  # noqa: PLC0415 - imports MLflow
    from experiments.work.segment_history import run  # noqa: PLC0415 - imports the analysis
    from segmentation.data.transactions.recipe import load_recipe  # noqa: PLC0415 - imports Ibis

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
        run(source, model_name, alias, out, skip_bad_rows=skip_bad_rows)


if __name__ == "__main__":
    main()
