"""One whole search of one table, the way the product does it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from mlflow import MlflowClient

from experiments.search.fidelity import Samples
from experiments.search.runner import SearchResult, find, space_for
from experiments.search.workflow import describe_data
from experiments.study.databases import prepare_tracking
from experiments.study.study import open_study
from experiments.study.worker_pool import Workers
from experiments.tracking.parent_run import open_experiment, open_parent
from experiments.tracking.tracker import Tracker
from segmentation.evaluation.constraints import Constraints
from segmentation.schema import TableSchema

EXPERIMENT = "benchmark"


def search_table(
    customers: pd.DataFrame,
    schema: TableSchema,
    constraints: Constraints,
    *,
    name: str,
    trials: int,
    seed: int,
    jobs: int = 1,
    track: bool = False,
) -> tuple[SearchResult, Samples]:
    """Search a table in memory; nothing is registered.

    Parameters
    ----------
    customers
        Validated customers, shape (n, d).
    schema
        Their table.
    constraints
        Limits, the interval of the number of segments among them.
    name
        What the study is called where it is tracked.
    trials, seed
        Of the search.
    jobs
        Processes that judge.
    track
        Whether every trial becomes a run of the experiment ``benchmark``, as in a real search.
    """
    space = space_for(customers, schema, constraints.k_min, constraints.k_max, seed)
    samples = Samples(customers, schema, constraints, seed)
    tracker = _tracker(customers, name) if track else None
    with Workers(jobs) as workers:
        study = open_study(None, name)
        result = find(study, space, samples, workers, n_trials=trials, tracker=tracker)
    if tracker:
        tracker.finish()
    return result, samples


def _tracker(customers: pd.DataFrame, name: str) -> Tracker:
    prepare_tracking()
    client = MlflowClient()
    experiment = open_experiment(client, EXPERIMENT)
    dataset, _ = describe_data(customers, name)
    return Tracker(client, experiment, open_parent(client, experiment, name, {}), dataset)


def shuffled(customers: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the customers in another order."""
    order = np.random.default_rng(seed).permutation(len(customers))
    return customers.iloc[order]
