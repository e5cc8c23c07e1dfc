"""``python -m experiments.search``: search for segments, track every trial, register the best."""

from __future__ import annotations

import sys
from typing import Any

import click

from experiments.faults import ending_in_a_sentence
from experiments.search.options import SearchOptions, checked, search_options
from experiments.spark.session import SPARK, engine_options
from experiments.study.pause import PausedError


@click.command()
@search_options
@engine_options
def main(engine: str, **values: Any) -> None:
    """Search preprocessing × algorithm × hyperparameters; register the best segmentation."""
    del values["master"]  # only ever with engine=spark
    if engine == SPARK:
        raise click.UsageError(
            "engine=spark: a search runs in processes. To use several machines, start the same "
            "command on each with storage=postgresql://user:password@host/database; all of them "
            "work on one study."
        )
    try:
        with ending_in_a_sentence():
            status = _search(checked(values))
    except PausedError as paused:
        click.echo(str(paused), err=True)
        status = paused.exit_code
    sys.exit(status)


def _search(options: SearchOptions) -> int:
    """Search; the processes that evaluate import what they need while this one does."""
    with options.workers() as workers:
        from experiments.search.workflow import run  # noqa: PLC0415 - imports the analysis
        from experiments.study.databases import quiet  # noqa: PLC0415 - imports MLflow

        quiet()
        return run(options, workers)


if __name__ == "__main__":
    main()
