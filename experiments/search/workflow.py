"""Search for segments without labels, track every trial, register the best model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import click
import optuna
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import DatasetInput, RunStatus
from threadpoolctl import threadpool_limits

from experiments.faults import check_source, notify
from experiments.registry import packaging, registration, segment_lineage
from experiments.registry.client import MIGRATION, describe
from experiments.registry.promotion_log import need_permission
from experiments.search.fidelity import Samples
from experiments.search.options import SearchOptions
from experiments.search.runner import Progress, SearchResult, build, choose, prepare_search, try_all
from experiments.search.search_space import Space
from experiments.study.databases import one_at_a_time, prepare_tracking
from experiments.study.recovery import close_orphans, reunite
from experiments.study.retry import StoreError, retrying_client, tracking_store
from experiments.study.separate_databases import need_another_database
from experiments.study.storage import default_storage, open_storage
from experiments.study.study import open_study, settled, study_name
from experiments.study.worker_pool import Workers
from experiments.tracking import model_card as card
from experiments.tracking.parent_run import (
    furnish,
    identity,
    open_experiment,
    open_parent,
    recorded_studies,
)
from experiments.tracking.summary import Summary, console, record_study
from experiments.tracking.tracker import Tracker
from segmentation.clustering.spec import SegmenterSpec
from segmentation.data.readers import load_described
from segmentation.data.validation import Validated
from segmentation.data.warehouse.address import public_name, short_name
from segmentation.evaluation.clusterability import structure_of
from segmentation.interpretation.outcomes import ranges_of
from segmentation.interpretation.sensitive_audit import Audit, audit
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring import with_reference
from segmentation.preprocessing.categorical import PreparedTable
from segmentation.schema import TableSchema

Turn = Callable[[], AbstractContextManager[None]]


def run(options: SearchOptions, workers: Workers | None = None) -> int:
    """Run a whole search as the command line does; return the exit status."""
    return 0 if search(options, workers).model else 1


def search(options: SearchOptions, workers: Workers | None = None) -> Summary:
    """Run a whole search and print its outcome; Optuna reports errors only.

    `workers` are running already and go on running; by default there are some for this search.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # One thread a process: more of them fight for the cores that the workers and others use.
    with threadpool_limits(1), nullcontext(workers) if workers else options.workers() as pool:
        check_source("data", options.data)
        features = options.outcomes_as_features
        validated, table = load_described(options.data, options.schema, features)
        notify(validated.remarks, validated.warnings, table.notes)
        summary = record(options, validated, table, pool)
    click.echo(console(summary))
    return summary


def record(
    options: SearchOptions, validated: Validated, table: TableSchema, workers: Workers
) -> Summary:
    """Search these customers, record every trial, register the pick."""
    options = replace(options, data=public_name(options.data))
    uri = prepare_tracking()
    prepared, space = prepare_search(validated, table, options)
    dataset, digest = describe_data(prepared.customers, options.data)
    url = options.storage or default_storage(uri)
    need_another_database(url, uri)
    client, storage = retrying_client(uri), open_storage(url)
    if options.begin_with:
        earlier = spec_of_version(client, options.model_name, options.begin_with)
        space = replace(space, begin_with=(earlier,))
    need_permission(client, options.model_name)  # rather now than after hours of trying
    name = study_name(options.experiment_name, digest, space, options.constraints)
    turn = partial(one_at_a_time, url, name)
    with turn():
        experiment_id = open_experiment(client, options.experiment_name)
        furnish(client, experiment_id)
        study = open_study(
            storage,
            name,
            experiment=identity(client, experiment_id),
            new=options.new_study,
            recorded=recorded_studies(client, experiment_id, name),
        )
        storage.watch(study.study_name)
        parent = open_parent(client, experiment_id, study.study_name, asdict(options))
        tracker = Tracker(client, experiment_id, parent, dataset)
        reunite(tracker, study)
        close_orphans(tracker, study)
        tracker.inputs(parent)
        tracker.tags(parent, validated.snapshot.tags() if validated.snapshot else {})
    try:
        summary = _searched(
            study, space, workers, tracker, prepared=prepared, options=options, turn=turn
        )
    except StoreError:
        raise  # nothing more can be recorded; the next start sees to it
    except BaseException as error:
        close_orphans(tracker, study)
        paused = isinstance(error, KeyboardInterrupt)
        tracker.finish(RunStatus.KILLED if paused else RunStatus.FAILED)
        raise
    tracker.finish()
    return summary


def _searched(
    study: optuna.Study,
    space: Space,
    workers: Workers,
    tracker: Tracker,
    *,
    prepared: PreparedTable,
    options: SearchOptions,
    turn: Turn,
) -> Summary:
    """Try, choose, register; of several processes at one study one registers for all."""
    samples = Samples(
        *(prepared.customers, prepared.schema, options.constraints, options.seed),
        weights=options.columns_weights,
    )
    with Progress(options.n_trials, settled(study), study.study_name) as progress:
        try_all(
            study,
            space,
            samples,
            workers,
            n_trials=options.n_trials,
            timeout=options.timeout,
            tracker=tracker,
            progress=progress,
        )
        # The first to come here does the work; the others find it done.
        with turn():
            result = choose(
                study, samples, workers, k=options.k, tracker=tracker, progress=progress
            )
            summary = summed_up(tracker, result, prepared, samples, options)
            title = short_name(options.data)
            title = title if "://" in options.data else Path(title).stem
            record_study(tracker, study, summary, samples, title, outcomes=prepared.outcomes)
            close_orphans(tracker, study)
    return summary


def summed_up(
    tracker: Tracker,
    result: SearchResult,
    prepared: PreparedTable,
    samples: Samples,
    options: SearchOptions,
) -> Summary:
    """Ask whether there are groups at all; fit, audit and register the pick."""
    structure = structure_of(prepared.customers, prepared.schema, options.seed)
    if result.pick is None:
        return Summary(result, structure, options.k, None)
    client, name = tracker.client, options.model_name
    built = build(result.pick.candidate, prepared, samples)
    model = segment_lineage.numbered_like_champion(client, name, built, prepared.people)
    model = with_reference(model, prepared.people).with_outcomes(prepared.people, prepared.outcomes)
    audited = audit_of(model, prepared, options.seed)
    summary = Summary(result, structure, options.k, model, audit=audited)
    registered = register(tracker, summary, model, prepared.people, options)
    return replace(summary, registered=registered)


def register(
    tracker: Tracker,
    summary: Summary,
    model: SegmentationModel,
    customers: pd.DataFrame,
    options: SearchOptions,
) -> str:
    """Register the pick, fitted on all customers; the same pick only once."""
    result, client = summary.result, tracker.client
    if result.pick is None:
        raise ValueError("a pick is registered, and there is none")
    pick = result.pick.candidate
    if version := registration.version_of_trial(client, options.model_name, pick.run_id):
        registration.announce(client, options.model_name, version)
        return f"{options.model_name} version {version}"
    digest = str(tracker.dataset.dataset.digest)
    text = card.card(summary, model, rows=len(customers), digest=digest, options=options)
    log_model = tracking_store(client.tracking_uri).retried(packaging.log_model)
    uri = log_model(client, tracker.parent, model)
    numbering = model.numbering
    matched = f"{numbering.n_matched} of {len(numbering.numbers)}"
    tags = {
        "segments_kept": "first version" if numbering.is_first else matched,
        "algorithm": pick.spec.clusterer,
        "segments": str(pick.evaluation.n_segments),
        "score": f"{pick.evaluation.score:.3f}",
        "vote": f"{result.pick.vote:.3f}",
        "stability": f"{pick.evaluation.stability:.3f}",
        "structure": "yes" if summary.structure.present else "no",
        "outcomes": ranges_of(model.outcomes),
        "sensitive": "form" if options.sensitive else "describe",
        registration.TRIAL: pick.run_id,
    }
    migration = segment_lineage.migration_from_champion(
        client, options.model_name, model, customers
    )
    if migration is not None:
        tags[MIGRATION] = migration.to_json()
    version = registration.register(
        client, options.model_name, uri, run_id=tracker.parent, description=text, tags=tags
    )
    segment_lineage.reserve_numbers(client, options.model_name, numbering)
    title = f"{options.model_name} version {version}"
    client.log_text(
        tracker.parent,
        card.as_html(text, title, model.schema.customers, card.tree_of(model)),
        f"version_{version}/{card.FILE}",
    )
    registered = f"{options.model_name} version {version}"
    tracker.registered(pick.run_id, uri.removeprefix("models:/"), registered)
    return registered


def spec_of_version(client: MlflowClient, name: str, reference: str) -> SegmenterSpec:
    """Return the spec of a version, by number or alias."""
    info = describe(name, reference)
    return segment_lineage.load(client, name, info.version).segmenter.spec_


def audit_of(model: SegmentationModel, prepared: PreparedTable, seed: int) -> Audit:
    """Return what every column says of the model's segments, sensitive ones in particular."""
    segment = model.segmenter.assign(prepared.customers).segment
    audited = audit(prepared.people, segment, prepared.described, prepared.table.column_names, seed)
    return replace(audited, numbers=model.numbering.numbers)


def describe_data(customers: pd.DataFrame, source: str) -> tuple[DatasetInput, str]:
    """Return what runs say about their data (no rows, no identifiers), and its digest."""
    anonymous = customers.reset_index(drop=True)
    origin = CodeDatasetSource(tags={"source": source})
    dataset = from_pandas(anonymous, source=origin, name=source)
    return DatasetInput(dataset=dataset._to_mlflow_entity()), str(dataset.digest)
