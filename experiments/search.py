"""Search for segments without labels, track every trial, register the best model."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import click
import optuna
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import DatasetInput
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_limits

from experiments import packaging, registry
from experiments.candidates import RUN, Candidate, recall, remember
from experiments.options import SearchOptions, checked, search_options
from experiments.progress import Progress
from experiments.rungs import Ladder
from experiments.space import Space
from experiments.store import prepare_tracking
from experiments.study import (
    default_storage,
    open_storage,
    open_study,
    optimise,
    settled,
    study_name,
)
from experiments.study_run import open_experiment, open_parent
from experiments.summary import card, console, record_study, study_page
from experiments.tracking import Tracker
from segmentation.assignment import FloatArray
from segmentation.errors import SegmentationError
from segmentation.evaluation import Guards
from segmentation.loading import load_customers
from segmentation.model import SegmentationModel
from segmentation.schema import TableSchema, load_schema
from segmentation.segmenter import Segmenter


@dataclass(frozen=True)
class Found:
    """What a search found.

    Parameters
    ----------
    candidates
        Every judged trial, each with its judgement on the most customers it got to.
    winner
        The best feasible candidate; None where there is none.
    """

    candidates: tuple[Candidate, ...]
    winner: Candidate | None


def search(
    study: optuna.Study,
    space: Space,
    ladder: Ladder,
    *,
    n_trials: int,
    timeout: float = 0.0,
    tracker: Tracker | None = None,
    progress: Progress | None = None,
) -> Found:
    """Run the trials that are still wanted, then judge the promising ones on more customers.

    Parameters
    ----------
    study
        Holds what was tried before.
    space
        What may be tried.
    ladder
        Samples and judges.
    n_trials
        Wanted in all.
    timeout
        Seconds after which no new trial starts; 0 for no limit.
    tracker
        Records every trial in MLflow; None to record nothing.
    progress
        Told of every trial.
    """
    deadline = time.monotonic() + timeout if timeout else float("inf")
    judge = ladder.judge_of(ladder.rungs[0])

    def objective(trial: optuna.Trial) -> float:
        start = time.perf_counter()
        spec = space.propose(trial)
        with tracker.trial(trial.number, spec) if tracker else nullcontext("") as run_id:
            trial.set_user_attr(RUN, run_id)
            judged = judge.judge(spec)
            remember(trial, spec, judged.evaluation)
            if tracker:
                tracker.judged(run_id, judge, judged, time.perf_counter() - start)
        if progress:
            progress.trial(trial.number, spec, judged.evaluation)
        return judged.evaluation.score

    with threadpool_limits(1):
        optimise(
            study, objective, space, n_trials=n_trials, stop=lambda: time.monotonic() > deadline
        )
        latest = {c.number: c for c in recall(settled(study))}
        for candidate in ladder.climb(study, list(latest.values())):
            latest[candidate.number] = candidate
            if tracker:
                tracker.rung(candidate, candidate.evaluation)
            if progress:
                progress.rung(candidate)
    return Found(tuple(latest.values()), winner(tuple(latest.values())))


def winner(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the best feasible candidate among those judged on the most customers."""
    feasible = [candidate for candidate in candidates if candidate.evaluation.feasible]
    return min(feasible, key=lambda candidate: candidate.order, default=None)


def run(options: SearchOptions) -> int:
    """Run a whole search as the command line does; return the exit status."""
    schema = load_schema(options.schema)
    uri = prepare_tracking()
    validated = load_customers(options.data, schema)
    for warning in validated.warnings:
        click.echo(f"warning: {warning.without_values()}", err=True)
    customers = validated.customers
    client = MlflowClient()
    experiment_id = open_experiment(client, options.experiment_name)
    dataset, digest = describe_data(customers, options.data)
    space = Space(schema.name, options.k_min, options.k_max, options.seed)
    storage = open_storage(options.storage or default_storage(uri))
    name = study_name(options.experiment_name, digest, space)
    study = open_study(storage, name, new=options.new_study)
    parent = open_parent(client, experiment_id, study.study_name, asdict(options))
    tracker = Tracker(client, experiment_id, parent, dataset)
    before = settled(study)
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    tracker.close_orphans(run_ids(before), run_ids(running))
    client.log_inputs(parent, [dataset])
    progress = Progress(options.n_trials, len(before), study.study_name)
    ladder = Ladder(
        customers, schema, Guards(k_min=options.k_min, k_max=options.k_max), options.seed
    )
    try:
        found = search(
            study,
            space,
            ladder,
            n_trials=options.n_trials,
            timeout=options.timeout,
            tracker=tracker,
            progress=progress,
        )
        registered, model = register(tracker, found, customers, schema, options)
        page = study_page(found.candidates, found.winner, model, registered)
        record_study(tracker, study, found.candidates, page, found.winner)
    except BaseException:
        tracker.finish(failed=True)
        raise
    finally:
        progress.close()
    tracker.finish()
    click.echo(console(found.candidates, found.winner, model, registered))
    return 0 if model else 1


def register(
    tracker: Tracker,
    found: Found,
    customers: pd.DataFrame,
    schema: TableSchema,
    options: SearchOptions,
) -> tuple[str, SegmentationModel | None]:
    """Refit the winner on all customers and register it; the same winner only once."""
    if found.winner is None:
        return "", None
    client, winner = tracker.client, found.winner
    model = build(winner, customers, schema)
    parent = client.get_run(tracker.parent).data.tags
    if parent.get("registered_spec") == winner.spec.to_json():
        return parent["registered"], model
    text = card(winner, model, options.data, len(customers))
    uri = packaging.log_model(client, tracker.parent, model)
    tags = {
        "algorithm": winner.spec.clusterer,
        "segments": str(winner.evaluation.n_segments),
        "score": f"{winner.evaluation.score:.3f}",
        "stability": f"{winner.evaluation.stability:.3f}",
        "trial_run": winner.run_id,
    }
    version = registry.register(client, options.model_name, uri, description=text, tags=tags)
    registered = f"{options.model_name} version {version}"
    tracker.tags(
        tracker.parent, {"registered_spec": winner.spec.to_json(), "registered": registered}
    )
    return registered, model


def build(
    candidate: Candidate, customers: pd.DataFrame | FloatArray, schema: TableSchema
) -> SegmentationModel:
    """Fit a candidate's recipe on all customers and make it servable."""
    with threadpool_limits(1):
        segmenter = Segmenter(candidate.spec, schema).fit(customers)
        return SegmentationModel.build(
            segmenter, pd.DataFrame(customers), candidate.evaluation, candidate.spec.seed
        )


def run_ids(trials: Sequence[FrozenTrial]) -> set[str]:
    """Return the MLflow runs of trials."""
    return {str(trial.user_attrs[RUN]) for trial in trials if RUN in trial.user_attrs}


def describe_data(customers: pd.DataFrame, source: str) -> tuple[DatasetInput, str]:
    """Return what runs say about their data (no rows, no identifiers), and its digest."""
    anonymous = customers.reset_index(drop=True)
    origin = CodeDatasetSource(tags={"source": source})
    dataset = from_pandas(anonymous, source=origin, name=source)
    return DatasetInput(dataset=dataset._to_mlflow_entity()), str(dataset.digest)


@click.command()
@search_options
def main(**values: Any) -> None:
    """Search preprocessing × algorithm × hyperparameters; register the best segmentation."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        status = run(checked(values))
    except SegmentationError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    sys.exit(status)


if __name__ == "__main__":
    main()
