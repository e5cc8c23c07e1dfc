"""Collect one row a customer from a table of transactions; write it with its schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from experiments.faults import check_output, check_source, ending_in_a_sentence, notify, switch
from experiments.spark.session import SPARK, engine_options, session
from segmentation.data.atomic import appearing_whole, write_whole
from segmentation.errors import SpecError
from segmentation.schema import TableSchema, to_yaml

if TYPE_CHECKING:
    from segmentation.data.transactions.collect import Collected
    from segmentation.data.transactions.recipe import Recipe

RECIPES = (".yaml", ".yml")


class Day(click.ParamType[date | None]):
    """A day, such as 2024-07-01; empty for none."""

    name = "day"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date | None:
        """Return the day."""
        if not value:
            return None
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r}: expected a day such as 2024-07-01", param, ctx)


@dataclass(frozen=True)
class OtherTables:
    """Where the tables beside the transactions are; empty for none."""

    accounts: str = ""
    statements: str = ""

    @property
    def addresses(self) -> tuple[str | None, str | None]:
        """Of accounts and statements, None where there is no such table."""
        return self.accounts or None, self.statements or None


NO_OTHERS = OtherTables()


def other_tables(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name the tables beside the transactions."""
    accounts = click.option("--accounts", default="", help="Table with one row a customer.")
    statements = click.option("--statements", default="", help="Table of monthly statements.")
    return accounts(statements(command))


def customers_of(
    data: str,
    recipe: Recipe,
    out: Path,
    as_of: date | None,
    beside: OtherTables,
    *,
    spark: Any = None,
) -> Collected:
    """Return the customers that a recipe makes of transactions, called after the file `out`."""
    from segmentation.data.transactions.collect import (  # noqa: PLC0415 - imports Ibis
        features_from_transactions,
    )

    accounts, statements = beside.addresses
    return features_from_transactions(
        data,
        recipe,
        as_of=as_of,
        accounts=accounts,
        statements=statements,
        name=out.stem,
        spark=spark,
    )


def run(
    data: str,
    recipe: Recipe,
    out: Path,
    as_of: date | None = None,
    beside: OtherTables = NO_OTHERS,
    *,
    spark: Any = None,
) -> Collected:
    """Collect customers into `out`, their schema beside it; return them.

    `spark` is a running Spark session that computes them, None for the engine where the data are.
    """
    from segmentation.data.files.table_file import PARQUET  # noqa: PLC0415 - imports pandas
    from segmentation.data.warehouse.address import short_name  # noqa: PLC0415

    collected = customers_of(data, recipe, out, as_of, beside, spark=spark)
    with appearing_whole(out) as draft:
        if out.suffix.lower() in PARQUET:
            collected.frame.to_parquet(draft, index=False)
        else:
            collected.frame.to_csv(draft, index=False)
    write_whole(schema_path(out), to_yaml(collected.schema, short_name(data)))
    return collected


def schema_path(out: Path) -> Path:
    """Return where the schema of collected customers is written."""
    return out.with_suffix(".yaml")


@contextmanager
def collected_file(
    source: str,
    schema: TableSchema,
    as_of: date | None,
    beside: OtherTables,
    recipe: Recipe | None = None,
) -> Iterator[tuple[Path, date]]:
    """Yield a file of customers made by a recipe, by default a schema's own, and their day.

    Raises
    ------
    SpecError
        When the schema has no recipe.
    DataError
        When the transactions cannot be collected.
    """
    from segmentation.data.transactions.recipe import recipe_of  # noqa: PLC0415 - imports Ibis

    with TemporaryDirectory() as folder:
        out = Path(folder) / "customers.parquet"
        collected = run(source, recipe or recipe_of(schema), out, as_of, beside)
        notify(collected.remarks)
        yield out, collected.as_of


@click.command()
@click.option("--data", required=True, help="Transactions: a file, folder, glob or address.")
@click.option("--out", default="", help="Customers: CSV or Parquet; a draft: YAML.")
@click.option("--recipe", default="", help="YAML file; default: the draft.")
@click.option("--as-of", type=Day(), default="", help="First day that does not count any more.")
@other_tables
@switch("--draft", "Write a recipe.")
@switch("--explain", "Print the SQL.")
@engine_options
def main(
    *,
    data: str,
    out: str,
    recipe: str,
    as_of: date | None,
    accounts: str,
    statements: str,
    draft: bool,
    explain: bool,
    engine: str,
    master: str,
) -> None:
    """Make one row a customer of transactions, as of a day."""
    from segmentation.data.files.table_file import PARQUET  # noqa: PLC0415 - imports pandas
    from segmentation.data.transactions.collect import (  # noqa: PLC0415 - imports Ibis
        drafted,
        explained,
    )
    from segmentation.data.transactions.recipe import load_recipe, recipe_text  # noqa: PLC0415
    from segmentation.data.warehouse.address import short_name  # noqa: PLC0415

    with ending_in_a_sentence(), ExitStack() as stack:
        for option, source in (("data", data), ("accounts", accounts), ("statements", statements)):
            check_source(option, source)
        check_output("out", out, data, RECIPES if draft else (".csv", *sorted(PARQUET)))
        beside = OtherTables(accounts, statements)
        others = beside.addresses
        spark = stack.enter_context(session(master)) if engine == SPARK else None
        chosen = load_recipe(recipe) if recipe else drafted(data, *others, spark)
        if draft:
            text = recipe_text(chosen, short_name(data))
            write_whole(Path(out), text) if out else click.echo(text, nl=False)
            return
        if explain:
            day = as_of or datetime.now(UTC).date()
            click.echo(explained(data, chosen, day, *others, spark=spark))
            return
        if not out:
            raise SpecError("out='': expected the file for the customers. Name one.")
        collected = run(data, chosen, Path(out), as_of, beside, spark=spark)
    notify(collected.remarks)
    features = len(collected.schema.columns)
    click.echo(
        f"{len(collected.frame):,} customers with {features} features as of {collected.as_of} in "
        f"{out}, their schema in {schema_path(Path(out))}"
    )


if __name__ == "__main__":
    main()
