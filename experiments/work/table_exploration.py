"""Explore a table before clustering it; log figures, tables and a report to an MLflow run."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import click
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE
from tqdm import tqdm

from experiments.faults import check_source, notify
from experiments.study.databases import prepare_tracking
from experiments.tracking.parent_run import open_experiment
from experiments.tracking.tracker import origin, params_of, tags_of
from segmentation.data.atomic import write_whole
from segmentation.data.readers import read_table, schema_for
from segmentation.data.warehouse.address import Snapshot, short_name
from segmentation.data.writers import harmless
from segmentation.reports.exploration import STEPS, Exploration, Table, explore
from segmentation.reports.exploration.recommendations import search_parameters
from segmentation.reports.figures.exploration_figures import Picture, pictures
from segmentation.reports.html.exploration_page import exploration_page, glance
from segmentation.reports.json_data import plain
from segmentation.schema import AUTO, load_schema, to_yaml

REPORT = "report.html"
DPI = 110
PER_CUSTOMER = frozenset({"scores", "distances", "worst"})
PARTS = (
    *("descriptive", "associations", "components", "structure"),
    *("missingness", "outliers", "outcomes", "recommendations"),
)
# Parts of which a row is one line of a CSV file.
TABLES: Mapping[str, Callable[[Exploration], Sequence[Any]]] = {
    "columns": lambda exploration: exploration.descriptive.columns,
    "missing_dependencies": lambda exploration: exploration.missingness.dependencies,
    "imputations": lambda exploration: exploration.missingness.imputations,
    "recommendations": lambda exploration: exploration.recommendations,
}


@dataclass(frozen=True)
class ExplorationRun:
    """An exploration, the MLflow run it was recorded in, and its seconds by step."""

    run_id: str
    exploration: Exploration
    seconds: Mapping[str, float]


def run(data: str, schema_name: str, experiment_name: str, out: str, seed: int) -> ExplorationRun:
    """Explore a table and record it; see :func:`main`."""
    progress = Progress()
    check_source("data", data)
    progress("read")
    raw = read_table(data, None if schema_name == AUTO else load_schema(schema_name))
    notify(raw.remarks)
    schema = schema_for(raw.frame, schema_name, data)
    table = Table.of(raw.frame, schema, short_name(data), seed, raw.remarks)
    notify(warnings=table.warnings, notes=schema.notes)
    exploration = explore(table, progress)
    progress("pictures")
    drawn = pictures(exploration)
    progress("report")
    page = exploration_page(exploration, drawn, seconds=sum(progress.seconds.values()))
    if out:
        write_whole(Path(out), page)
    progress("record")
    prepare_tracking()
    client = MlflowClient()
    run_id = record(client, experiment_name, raw.snapshot, exploration, drawn=drawn, page=page)
    seconds = progress.finish()
    client.log_batch(run_id, metrics=_metrics({f"seconds_{k}": v for k, v in seconds.items()}))
    return ExplorationRun(run_id, exploration, seconds)


class Progress:
    """Shows the analysis' steps as they begin; records the seconds of these and all others."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._current, self._began = "", time.perf_counter()

    def __call__(self, step: str) -> None:
        """End the step before, and begin `step`."""
        self.finish()
        self._current, self._began = step, time.perf_counter()
        if step not in STEPS:
            return
        if step == STEPS[0]:
            self._bar = tqdm(total=len(STEPS), unit="step", leave=False, disable=None)
        place = STEPS.index(step)
        self._bar.update(place - self._bar.n)
        self._bar.set_postfix_str(step)
        if self._bar.disable:
            click.echo(f"[{place + 1}/{len(STEPS)}] {step}", err=True)
        if step == STEPS[-1]:
            self._bar.close()

    def finish(self) -> Mapping[str, float]:
        """End the step that runs, and return the seconds of all steps."""
        if self._current:
            self.seconds[self._current.replace(" ", "_")] = time.perf_counter() - self._began
        return self.seconds


def record(
    client: MlflowClient,
    experiment_name: str,
    snapshot: Snapshot,
    exploration: Exploration,
    *,
    drawn: Mapping[str, tuple[Picture, ...]],
    page: str,
) -> str:
    """Write everything into an MLflow run and return its id."""
    experiment_id = open_experiment(client, experiment_name)
    launched = os.environ.get("MLFLOW_RUN_ID")
    run_id = launched or str(client.create_run(experiment_id).info.run_id)
    table = exploration.table
    logged = client.get_run(run_id).data.params
    params = {"data": snapshot.source, "schema": table.schema.name, "seed": table.seed}
    tags = {
        **origin("experiments.explore"),
        MLFLOW_RUN_NAME: f"explore {table.source}",
        MLFLOW_RUN_NOTE: note(exploration),
        "kind": "explore",
        "structure": exploration.structure.answer,
        **snapshot.tags(),
    }
    client.log_batch(
        run_id,
        metrics=_metrics(numbers(exploration)),
        params=params_of({k: v for k, v in params.items() if k not in logged}),
        tags=tags_of(tags),
    )
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), exploration, drawn, page)
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id)
    return run_id


def numbers(exploration: Exploration) -> dict[str, float]:
    """Return the run's metrics."""
    return {
        "rows": len(exploration.table),
        "columns": len(exploration.descriptive.columns),
        "duplicated_rows": exploration.descriptive.duplicated,
        "null_share": exploration.missing_share,
        "median_skew": exploration.median_skew,
        "redundant_columns": len(exploration.associations.redundant),
        "components_for_90": exploration.components.needed(0.9),
        **exploration.structure.metrics(),
        "isolated": exploration.outliers.isolated,
        "far_by_both": exploration.outliers.both,
    }


def note(exploration: Exploration) -> str:
    """Return the run's note in Markdown: the headline, the verdict, and what to do."""
    head = "  \n".join(f"**{what}** {value} ({more})" for what, value, more in glance(exploration))
    todo = [f"1. {r.text} *{r.number}* `{r.switches}`" for r in exploration.recommendations]
    sampled = f"Sampled: {'; '.join(exploration.sampled)}." if exploration.sampled else ""
    happened = [f"- {outcome.sentence}" for outcome in exploration.outcomes]
    parts = (
        f"# {exploration.table.schema.title}",
        exploration.result,
        head,
        f"**{exploration.structure.sentence}**",
        "## What to do",
        "\n".join(todo),
        f"As parameters of the search: `{search_parameters(exploration.recommendations)}`",
        *(["## Outcomes", "\n".join(happened)] if happened else []),
        f"Everything is in `{REPORT}` under Artifacts.",
        sampled,
    )
    return "\n\n".join(part for part in parts if part)


def _write(
    folder: Path, exploration: Exploration, drawn: Mapping[str, tuple[Picture, ...]], page: str
) -> None:
    (folder / REPORT).write_text(page, encoding="utf-8")
    (folder / "schema.yaml").write_text(
        to_yaml(exploration.table.schema, exploration.table.source), "utf-8"
    )
    tables = folder / "tables"
    tables.mkdir()
    for part in PARTS:
        text = json.dumps(_of_no_customer(plain(getattr(exploration, part))), indent=1)
        (tables / f"{part}.json").write_text(text, encoding="utf-8")
    for name, rows in TABLES.items():
        cells = pd.DataFrame(plain(rows(exploration))).map(harmless)
        cells.to_csv(tables / f"{name}.csv", index=False)
    for section, section_pictures in drawn.items():
        place = folder / "figures" / section
        place.mkdir(parents=True)
        for picture in section_pictures:
            file = place / f"{picture.name}.png"
            picture.captioned().savefig(file, dpi=DPI, bbox_inches="tight")


def _of_no_customer(part: Any) -> Any:
    """Return a part of the analysis without what has a number for every customer."""
    return (
        {k: v for k, v in part.items() if k not in PER_CUSTOMER} if isinstance(part, dict) else part
    )


def _metrics(values: Mapping[str, float]) -> list[Metric]:
    now = int(time.time() * 1000)
    return [Metric(k, float(v), now, 0) for k, v in values.items() if isfinite(v)]
