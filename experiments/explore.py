"""Explore a table before clustering it; log figures, tables and a report to an MLflow run."""

from __future__ import annotations

import shlex

import click

from experiments.faults import check_output, ending_in_a_sentence
from experiments.registry.client import MODEL_NAME
from segmentation.schema import AUTO


@click.command()
@click.option(
    "--data",
    default="embedded",
    show_default=True,
    help="CSV, Excel or Parquet file, openml:<id>, or embedded.",
)
@click.option(
    "--schema",
    default=AUTO,
    show_default=True,
    help="Shipped schema, .yaml file, or auto: one that fits, else a draft.",
)
@click.option("--experiment-name", default=MODEL_NAME, show_default=True, help="MLflow experiment.")
@click.option("--out", default="", help="Also write the HTML report here.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of samples.")
def main(data: str, schema: str, experiment_name: str, out: str, seed: int) -> None:
    """Describe a table, test whether it has clusters, and say what to do before a search."""
    from experiments.study.databases import quiet  # noqa: PLC0415 - imports MLflow
    from experiments.work.table_exploration import REPORT, run  # noqa: PLC0415 - the analysis
    from segmentation.reports.exploration.recommendations import (  # noqa: PLC0415
        search_parameters,
    )

    quiet()
    with ending_in_a_sentence():
        check_output("out", out, data)
        explored = run(data, schema, experiment_name, out, seed)
    exploration = explored.exploration
    click.echo(f"{exploration.table.schema.title}. {exploration.result}")
    click.echo(exploration.structure.sentence)
    for outcome in exploration.outcomes:
        click.echo(f"Outcome {outcome.sentence}")
    for place, item in enumerate(exploration.recommendations, 1):
        click.echo(f"  {place:2d}. {item.text} [{item.switches}]")
    if parameters := search_parameters(exploration.recommendations):
        stop = any("stop" in item.switch for item in exploration.recommendations)
        table = f"-P data={shlex.quote(data)} -P schema={shlex.quote(schema)}"
        click.echo(
            f"{'To search all the same' if stop else 'Search with all of it'}: mlflow run . "
            f"--env-manager local {table} {parameters}"
        )
    click.echo(f"{sum(explored.seconds.values()):.0f} s; run {explored.run_id}, open {REPORT}.")


if __name__ == "__main__":
    main()
