"""A run for something that happened to a registered model: a comparison, a batch of customers."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from experiments.tracking.parent_run import open_experiment
from experiments.tracking.tracker import tags_of

INTRODUCTION = (
    "What happens to the registered model {name}: its promotions (append-only), comparisons of "
    "versions, and the monitoring of new customers."
)


def registry_experiment(client: MlflowClient, name: str) -> str:
    """Return the experiment of a registered model's promotions, comparisons and monitoring."""
    return open_experiment(client, f"{name}-registry", INTRODUCTION.format(name=name))


def record(
    client: MlflowClient,
    name: str,
    title: str,
    *,
    kind: str,
    note: str,
    metrics: Mapping[str, float],
    files: Mapping[str, str],
    series: str = "",
) -> str:
    """Write what happened into a run and return its id.

    Parameters
    ----------
    client
        Of the tracking store.
    name
        Of the registered model.
    title, note
        Name and Markdown description of the run.
    kind
        Tag by which such runs are found.
    metrics, files
        Numbers, and texts by path.
    series
        Runs of one series are one: its metrics become a history, each time a step further.
        Empty for a run of its own.
    """
    experiment = registry_experiment(client, name)
    run_id, step = _run(client, experiment, kind, series)
    now = int(time.time() * 1000)
    numbers = [Metric(key, value, now, step) for key, value in metrics.items()]
    tags = {MLFLOW_RUN_NAME: title, MLFLOW_RUN_NOTE: note, "kind": kind, "series": series}
    client.log_batch(run_id, metrics=numbers, tags=tags_of({**tags, "times": str(step + 1)}))
    for path, text in files.items():
        where = f"{step + 1:04d}/{path}" if series else path
        client.log_text(run_id, text, where)
    client.set_terminated(run_id)
    if launched := os.environ.get("MLFLOW_RUN_ID"):
        client.set_tag(launched, MLFLOW_RUN_NOTE, f"{note}\n\nRecorded in run `{run_id}`.")
    return run_id


def _run(client: MlflowClient, experiment: str, kind: str, series: str) -> tuple[str, int]:
    """Return the series' run and its next step, or a new run."""
    if series:
        known = client.search_runs(
            [experiment], f"tags.kind = '{kind}' and tags.series = '{series}'", max_results=1
        )
        if known:
            return str(known[0].info.run_id), int(known[0].data.tags["times"])
    return str(client.create_run(experiment).info.run_id), 0
