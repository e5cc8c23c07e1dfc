"""Train again when customers have changed: watch, decide, search, compare, and promote or not."""

from __future__ import annotations

import sys

import click

from experiments.faults import ending_in_a_sentence, switch
from experiments.registry.client import MODEL_NAME, ModelName
from experiments.study.pause import PausedError


@click.command()
@click.option("--data", required=True, help="Today's customers: a source as of search.")
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option(
    "--max-age",
    type=click.IntRange(0),
    default=0,
    help="Search again when the champion is older than so many days; 0: whatever its age.",
)
@click.option(
    "--n-trials",
    type=click.IntRange(0),
    default=0,
    help="Trials; 0: as many as the champion's study was asked for.",
)
@switch("--force", "Search again whatever the verdict.")
@switch("--promote", "Promote the new version where every gate is open.")
@click.option(
    "--storage", default="", help="Optuna database; default: that of the champion's study."
)
def main(
    *,
    data: str,
    model_name: str,
    max_age: int,
    n_trials: int,
    force: bool,
    promote: bool,
    storage: str,
) -> None:
    """Compare new customers with the champion's; where they have changed, find a new champion.

    Exit with 0: nothing is left to do, 1: a person has to look, 2: an error, 3: another process
    is at it.
    """
    from experiments.study.databases import quiet  # noqa: PLC0415 - imports MLflow
    from experiments.work.retraining import (  # noqa: PLC0415 - imports the search
        BUSY,
        BusyError,
        Wishes,
        retrain,
    )

    quiet()
    try:
        with ending_in_a_sentence():
            code = retrain(
                Wishes(data, model_name, max_age, n_trials, force, promote, storage)
            ).code
    except BusyError as busy:
        click.echo(str(busy), err=True)
        code = BUSY
    except PausedError as paused:
        click.echo(str(paused), err=True)
        code = paused.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
