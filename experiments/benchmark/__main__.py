"""Reprint what the documentation claims: ``python -m experiments.benchmark <what>``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from experiments.benchmark.quality import report, run_suite
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


@main.command()
@click.option("--suite", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--trials", default=60, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--jobs", default=os.cpu_count(), show_default="cores", type=click.IntRange(1))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="JSON report.")
def quality(suite: Path, trials: int, seed: int, jobs: int, out: Path) -> None:
    """Search every labelled problem below a folder, k unknown; then score the choices."""
    rows = []
    for row in run_suite(suite, trials, seed, jobs):
        click.echo(f"{row.dataset}: ARI {row.ari:.3f}, {row.seconds:.0f} s", err=True)
        rows.append(row)
    report(rows, out)


if __name__ == "__main__":
    main()
