"""Reprint what the documentation claims: ``python -m experiments.benchmark <what>``."""

from __future__ import annotations

import sys

import click

from experiments.benchmark.tracking import print_costs
from experiments.options import MODEL_NAME
from experiments.store import prepare_tracking


@click.group()
def main() -> None:
    """Measure the product against data with known answers and against named peers."""


@main.command()
@click.option("--experiment-name", default=MODEL_NAME, show_default=True)
def tracking(experiment_name: str) -> None:
    """Print what a trial of an experiment cost: judging, drawing, MLflow calls."""
    prepare_tracking()
    sys.exit(print_costs(experiment_name))


if __name__ == "__main__":
    main()
