"""What tracking costs beside judging, read back from the runs themselves."""

from __future__ import annotations

from statistics import median

import click
from mlflow import MlflowClient

STEPS = {"seconds_judge": "judging", "seconds_draw": "pictures", "seconds_log": "MLflow calls"}


def print_costs(experiment_name: str) -> int:
    """Print the median seconds a trial by step; return the exit status.

    Parameters
    ----------
    experiment_name
        Whose trials to read, all studies together.
    """
    costs = costs_of(MlflowClient(), experiment_name)
    if not costs["seconds_judge"]:
        click.echo(f"error: experiment {experiment_name!r} has no judged trial yet", err=True)
        return 2
    judging = median(costs["seconds_judge"])
    click.echo(f"{len(costs['seconds_judge'])} trials of {experiment_name}, median a trial:")
    for step, title in STEPS.items():
        seconds = median(costs[step])
        click.echo(f"  {title:<14}{seconds:7.3f} s  {seconds / judging:6.1%} of judging")
    return 0


def costs_of(client: MlflowClient, experiment_name: str) -> dict[str, list[float]]:
    """Return the seconds of every trial of an experiment, by step."""
    experiment = client.get_experiment_by_name(experiment_name)
    query = "metrics.seconds_judge > 0"
    runs = client.search_runs([experiment.experiment_id], query) if experiment else []
    return {step: [run.data.metrics[step] for run in runs] for step in STEPS}
