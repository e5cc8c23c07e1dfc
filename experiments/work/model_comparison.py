"""Compare versions or runs on the same customers: challenger with champion, or any two."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import mlflow
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from experiments.faults import answering_anyway, check_source
from experiments.registry import segment_lineage
from experiments.registry.client import describe
from experiments.search.options import read_options
from experiments.study.databases import prepare_tracking
from experiments.tracking import event_run
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import SegmenterSpec
from segmentation.data.atomic import write_whole
from segmentation.data.readers import load_described
from segmentation.data.warehouse.address import short_name
from segmentation.evaluation.result import Evaluation
from segmentation.interpretation.formatting import percent, sentence_case
from segmentation.interpretation.outcomes import OutcomeProfile, profile_outcomes
from segmentation.model.segment_matching import match_segments
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring import Drift, compare_batches, reference_batch, summarise
from segmentation.monitoring.comparison import Comparison, compare_models
from segmentation.monitoring.drift import MIN_CUSTOMERS
from segmentation.preprocessing.categorical import PreparedTable, prepare_table
from segmentation.reports.html import flow_picture, page
from segmentation.schema import AUTO

REPORT = "compare.html"
RUN_ID = re.compile("[0-9a-f]{32}")
EVALUATION_ROWS = 20_000
EVALUATION_LABELS = {
    "n_segments": "Segments",
    "score": "Score",
    "score_error": "its standard error",
    "stability": "Stability",
    "separation": "Separation",
    "agreement": "Neighbour agreement",
    "smallest_share": "Smallest segment",
    "largest_share": "Largest segment",
    "tree_accuracy": "Predicted by a small tree",
    "rows": "Rows evaluated",
}
SHARES = frozenset({"smallest_share", "largest_share", "tree_accuracy"})


@dataclass(frozen=True)
class Side:
    """One of the two that are compared, with lasting segment numbers."""

    title: str  # "version 3" or "run 1a2b3c4d"
    model: SegmentationModel
    evaluation: Mapping[str, Any]


def run(
    model_name: str,
    first: str,
    second: str,
    data: str,
    out: str = "",
    *,
    schema: str = AUTO,
    part_of: str = "",
) -> Comparison:
    """Compare two versions or runs, record and print the comparison.

    `schema` is that of `data`; `part_of` is the run of the retraining that asks.
    """
    check_source("data", data)
    prepare_tracking()
    client = MlflowClient()
    source, schema, features = (data, schema, ()) if data else _data_of(client, model_name, first)
    validated, table = load_described(source, schema, features)
    prepared = prepare_table(validated.customers, table, outcomes=validated.outcomes)
    one = _side(client, model_name, first, prepared)
    other = _side(client, model_name, second, prepared)
    if is_run(second):
        other = _numbered_like(one, other, prepared)
    comparison = compare_models(one.model, other.model, prepared.people)
    title = f"{model_name}: {other.title} against {one.title}"
    html = report(comparison, (one, other), prepared, title, short_name(source))
    metrics = comparison.metrics()
    for suffix, side in (("first", one), ("second", other)):
        metrics |= {f"{key}_{suffix}": float(side.evaluation[key]) for key in EVALUATION_LABELS}
        if drift := drift_of(side.model, prepared):
            metrics |= {f"drifted_{suffix}": float(len(drift.drifted))}
    note = _note(comparison, title, other.title, other.model.schema.customers)
    if out:
        write_whole(Path(out), html)
    click.echo(note.replace("**", ""))
    with answering_anyway():
        event_run.record(
            client,
            model_name,
            f"{other.title} against {one.title}",
            kind="comparison",
            note=note,
            metrics=metrics,
            files={REPORT: html, "migration.json": json.dumps(comparison.to_dict(), indent=1)},
            part_of=part_of,
        )
    return comparison


def is_run(text: str) -> bool:
    """Whether this is the id of an MLflow run, not an alias or a number."""
    return RUN_ID.fullmatch(text) is not None


def _data_of(client: MlflowClient, name: str, reference: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the training data of a version or a trial's run: source, schema, switched outcomes."""
    run = client.get_run(reference if is_run(reference) else describe(name, reference).run_id)
    parent = run.data.tags.get(MLFLOW_PARENT_RUN_ID)
    options = read_options((client.get_run(parent) if parent else run).data.params)
    return options.data, options.schema, options.outcomes_as_features


def _side(client: MlflowClient, name: str, reference: str, prepared: PreparedTable) -> Side:
    if not is_run(reference):
        info = describe(name, reference)
        model = segment_lineage.load(client, name, info.version)
        return Side(f"version {info.version}", model, info.evaluation)
    spec = SegmenterSpec.from_json(mlflow.artifacts.load_text(f"runs:/{reference}/spec.json"))
    text = mlflow.artifacts.load_text(f"runs:/{reference}/evaluation.json")
    evaluation = Evaluation.from_dict(json.loads(text))
    segmenter = Segmenter(spec, prepared.schema).fit_within(prepared.customers, EVALUATION_ROWS)
    model = SegmentationModel.build(
        segmenter, prepared.customers, evaluation, spec.seed, prepared.table
    )
    return Side(f"run {reference[:8]}", model, vars(evaluation))


def _numbered_like(one: Side, other: Side, prepared: PreparedTable) -> Side:
    """Return the second side, a run's, with the first one's numbers where segments are the same."""
    before, after = (side.model.assign(prepared.people).segment for side in (one, other))
    matched = match_segments(one.model.numbering, before, after, other.model.numbering.names)
    return replace(other, model=other.model.with_numbering(matched))


def drift_of(model: SegmentationModel, prepared: PreparedTable) -> Drift | None:
    """Return the drift from a model's reference batch; None without one or for too few."""
    reference = reference_batch(model)
    if reference is None or len(prepared.people) < MIN_CUSTOMERS:
        return None
    return compare_batches(reference, summarise(model, prepared.people, reference))


def report(
    comparison: Comparison,
    sides: tuple[Side, Side],
    prepared: PreparedTable,
    title: str,
    source: str,
) -> str:
    """Return the comparison as an HTML page."""
    one, other = sides
    same = comparison.names[0].items() & comparison.names[1].items()
    customers = other.model.schema.customers
    return page(
        "compare.html",
        customers,
        result=result_of(comparison, other.title, customers),
        title=title,
        comparison=comparison,
        first=one.title,
        second=other.title,
        source=source,
        unchanged=len(same),
        changes=other.model.numbering.changes,
        picture=flow_picture(comparison),
        rows=[
            (text, _figure(key, one.evaluation[key]), _figure(key, other.evaluation[key]))
            for key, text in EVALUATION_LABELS.items()
        ]
        + [
            (
                f"Drift of these {customers}",
                *(_drift_text(drift_of(s.model, prepared)) for s in sides),
            )
        ],
        outcomes=[(side.title, _outcome_rows(side, prepared)) for side in sides],
    )


def _outcome_rows(
    side: Side, prepared: PreparedTable
) -> list[tuple[Mapping[str, Any], tuple[OutcomeProfile, ...]]]:
    """Return each segment's profile with what happened to its customers; empty for no outcome."""
    if prepared.outcomes is None:
        return []
    profiles = side.model.description["profiles"]
    segment = side.model.assign(prepared.people).segment
    outcomes = profile_outcomes(prepared.outcomes, segment, len(profiles), prepared.described)
    return list(zip(profiles, outcomes, strict=True))


def _drift_text(drift: Drift | None) -> str:
    return f"{drift.verdict}, {len(drift.drifted)} differences" if drift else "unknown"


def _figure(key: str, value: object) -> str:
    if not isinstance(value, int | float):
        return "–"
    if key in SHARES:
        return percent(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def result_of(comparison: Comparison, second: str, customers: str) -> str:
    """Return what the comparison says in one sentence, `second` being the title of that side."""
    before, after = comparison.names
    same, of = len(before.items() & after.items()), len(comparison.after)
    names = f"{same} of its {of} segments have the number and name they had"
    largest = next(iter(comparison.flows), None)
    if largest is None:
        return f"{sentence_case(second)} moves no {customers}; {names}."
    return (
        f"{sentence_case(second)} moves {percent(comparison.moved_share)} of {customers} to "
        f"another segment, most of all {largest.customers:,} from “{before[largest.before]}” to "
        f"“{after[largest.after]}”; {names}."
    )


def _note(comparison: Comparison, title: str, second: str, customers: str) -> str:
    lines = [
        f"**{title}**, {comparison.rows:,} {customers}: agreement {comparison.adjusted_rand:.3f} "
        f"(adjusted Rand). {result_of(comparison, second, customers)}",
        *(
            f"- {flow.before} {comparison.names[0][flow.before]} -> {flow.after} "
            f"{comparison.names[1][flow.after]}: {flow.customers:,}"
            + (f" ({', '.join(flow.reasons)})" if flow.reasons else "")
            for flow in comparison.flows[:8]
        ),
    ]
    return "\n".join(lines)
