"""Write a scored file for a file of customers, in pieces, in bounded memory."""

from __future__ import annotations

from datetime import date

import click

from experiments.collect import Day, OtherTables
from experiments.faults import (
    check_output,
    check_source,
    ending_in_a_sentence,
    notify,
    skip_option,
    switch,
)
from experiments.registry.client import CHAMPION, MODEL_NAME, ModelName
from experiments.spark.session import SPARK, engine_options


@click.command()
@click.option("--data", required=True, help="A file, folder, glob or address, as of search.")
@click.option(
    "--out",
    required=True,
    help="CSV, Excel or Parquet, duckdb:///FILE?table=… or postgresql://…?table=…; on Spark a new "
    "folder of Parquet or a table.",
)
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True)
@skip_option("Score the other rows; write these into OUT.bad_rows.csv.")
@switch("--memberships", "Write the probability of every segment too.", show_default=True)
@switch("--collect", "The data are transactions: make customers of them by the model's recipe.")
@click.option("--as-of", type=Day(), default="", help="Their day; default: today.")
@click.option("--accounts", default="", help="With collect: a table with one row a customer.")
@click.option("--statements", default="", help="With collect: a table of monthly statements.")
@engine_options
def main(
    *,
    data: str,
    out: str,
    model_name: str,
    alias: str,
    skip_bad_rows: bool,
    memberships: bool,
    collect: bool,
    as_of: date | None,
    accounts: str,
    statements: str,
    engine: str,
    master: str,
) -> None:
    """Score a table with a registered model."""
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415 - MLflow
    from experiments.work.file_scoring import (  # noqa: PLC0415 - imports pandas
        ENDINGS,
        bad_rows_path,
        score_file,
    )
    from segmentation.data.warehouse.address import is_database, public_name  # noqa: PLC0415
    from segmentation.interpretation.formatting import with_noun  # noqa: PLC0415 - pydantic

    quiet()
    if engine == SPARK:
        if collect:
            raise click.UsageError(
                "collect: engine=spark scores customers. Collect them first, or use engine=process."
            )
        if memberships:
            raise click.UsageError(
                "memberships: engine=spark writes the assigned segment only. Use engine=process."
            )
        if skip_bad_rows:
            raise click.UsageError(
                "skip_bad_rows: engine=spark scores whole tables only. Correct the rows, or use "
                "engine=process."
            )
        from experiments.spark.scoring import score_table  # noqa: PLC0415 - only where it is used

        with ending_in_a_sentence():
            prepare_tracking()
            done = score_table(data, out, model_name, alias, master, as_of=as_of)
        click.echo(f"{with_noun(done, 'customer')} scored into {public_name(out)}")
        return
    with ending_in_a_sentence():
        for option, address in (("data", data), ("out", out)):
            check_source(option, address)
        if not is_database(out):
            check_output("out", out, data, ENDINGS)
        prepare_tracking()
        scoring = score_file(
            data,
            out,
            model_name,
            alias,
            skip_bad_rows=skip_bad_rows,
            memberships=memberships,
            collecting=OtherTables(accounts, statements) if collect else None,
            as_of=as_of,
        )
    notify(scoring.remarks, scoring.warnings.values())
    click.echo(f"{with_noun(scoring.customers, 'customer')} scored into {public_name(out)}")
    if scoring.n_bad:
        rows = "row was" if scoring.n_bad == 1 else "rows were"
        click.echo(f"{scoring.n_bad:,} {rows} not scored: see {bad_rows_path(out)}")


if __name__ == "__main__":
    main()
