"""What a search leaves in MLflow: a parent run for the study, a nested run for every trial."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from math import isnan
from pathlib import Path
from time import time
from typing import Any

from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, Metric, Param, Run, RunStatus, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from experiments.candidates import Candidate
from segmentation.clusterers import CLUSTERERS
from segmentation.evaluation import Evaluation
from segmentation.figures import FIGURES, FigureData
from segmentation.judging import Judge, Judged
from segmentation.spec import SegmenterSpec

# Opens MLflow's pages for model training instead of those for language models.
KIND_TAG, KIND = "mlflow.experimentKind", "custom_model_development"
INTRODUCTION = (
    "Segments of card holders, searched without labels. One run per study, a nested run for "
    "every trial: `score` = stability + neighbour agreement + 0.03 ln(segments), higher is better; "
    "`feasible = no` gives its `reason`. Open the study's run for the summary."
)
MOST_TAG = 4_000
DPI = 110


class Tracker:
    """Records one study through MLflow's client, a few calls a run.

    Parameters
    ----------
    client
        Of the tracking store.
    experiment_id
        Where the runs belong.
    parent
        Id of the study's run.
    dataset
        What every run says its data were: digest, schema and profile, no rows.
    """

    def __init__(
        self, client: MlflowClient, experiment_id: str, parent: str, dataset: DatasetInput
    ) -> None:
        self.client = client
        self.experiment_id = experiment_id
        self.parent = parent
        self.dataset = dataset

    @contextmanager
    def trial(self, number: int, spec: SegmenterSpec) -> Iterator[str]:
        """Open the run of a trial; whatever ends the block ends the run.

        Yields
        ------
        str
            The run's id.
        """
        tags = {
            MLFLOW_PARENT_RUN_ID: self.parent,
            "trial": str(number),
            "algorithm": CLUSTERERS[spec.clusterer].title,
        }
        run = self.client.create_run(
            self.experiment_id, tags=tags, run_name=trial_name(number, spec)
        )
        run_id: str = run.info.run_id
        self.client.log_inputs(run_id, [self.dataset])
        self.client.log_batch(run_id, params=_params(flat(spec)))
        status = RunStatus.FAILED
        try:
            yield run_id
            status = RunStatus.FINISHED
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:MOST_TAG]
            tags = {"feasible": "failed", "reason": reason, MLFLOW_RUN_NOTE: f"Failed. {reason}"}
            self.client.log_batch(run_id, tags=_tags(tags))
            raise
        finally:
            self.client.set_terminated(run_id, RunStatus.to_string(status))

    def judged(self, run_id: str, judge: Judge, judged: Judged, seconds: float) -> None:
        """Record a judgement: numbers, reasons, recipe and, where feasible, pictures."""
        found, spec = judged.evaluation, judged.segmenter.spec
        files = {"spec.json": spec.to_json(), "evaluation.json": json.dumps(found.to_dict())}
        data = FigureData.of(judge, judged)
        figures = {name: draw(data) for name, draw in FIGURES.items()}
        self.files(run_id, files, figures)
        metrics = {**found.metrics(), **_seconds(found), "seconds_trial": seconds}
        self.metrics(run_id, metrics, step=found.rows)
        self.tags(run_id, {**_verdict(found), MLFLOW_RUN_NOTE: trial_note(spec, found)})

    def rung(self, candidate: Candidate, found: Evaluation) -> None:
        """Record that a trial was judged again on more customers, in the trial's own run."""
        self.metrics(candidate.run_id, {**found.metrics(), **_seconds(found)}, step=found.rows)
        note = trial_note(candidate.spec, found)
        self.tags(candidate.run_id, {**_verdict(found), MLFLOW_RUN_NOTE: note})

    def metrics(self, run_id: str, values: Mapping[str, float], step: int = 0) -> None:
        """Record numbers; what is undefined (NaN) is left out."""
        now = int(time() * 1000)
        known = [Metric(k, v, now, step) for k, v in values.items() if not isnan(v)]
        self.client.log_batch(run_id, metrics=known)

    def tags(self, run_id: str, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.client.log_batch(run_id, tags=_tags(values))

    def files(self, run_id: str, texts: Mapping[str, str], figures: Mapping[str, Figure]) -> None:
        """Upload texts and pictures in one call."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, text in texts.items():
                (folder / file).write_text(text, encoding="utf-8")
            for file, figure in figures.items():
                (folder / "plots").mkdir(exist_ok=True)
                figure.savefig(folder / "plots" / f"{file}.png", dpi=DPI)
            self.client.log_artifacts(run_id, name)

    def finish(self, failed: bool = False) -> None:
        """End the study's run."""
        status = RunStatus.FAILED if failed else RunStatus.FINISHED
        self.client.set_terminated(self.parent, RunStatus.to_string(status))

    def close_orphans(self, finished: set[str], alive: set[str]) -> int:
        """End what a killed process left behind; return how many runs that were.

        Parameters
        ----------
        finished
            Runs of trials that are settled; one of them still running is ended.
        alive
            Runs of trials that another process is at; they are left alone.

        Other nested runs belong to trials that were tried again, even those whose end was
        recorded just before the kill: every settled trial has exactly one finished run.
        """
        reason = "The process was killed during this trial; it was tried again."
        tags = {"feasible": "failed", "reason": reason, MLFLOW_RUN_NOTE: reason}
        closed = 0
        for run in self._nested():
            run_id, running = run.info.run_id, run.info.status == "RUNNING"
            if run_id in finished and running:
                self.client.set_terminated(run_id)
            elif run_id not in finished | alive and run.info.status != "KILLED":
                self.tags(run_id, tags)
                self.client.set_terminated(run_id, "KILLED")
            else:
                continue
            closed += 1
        return closed

    def _nested(self) -> Iterator[Run]:
        query, token = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self.parent}'", None
        while True:
            page = self.client.search_runs([self.experiment_id], query, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def open_experiment(client: MlflowClient, name: str) -> str:
    """Return the id of an experiment, made and introduced where it is new."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    made = client.create_experiment(name)
    client.set_experiment_tag(made, KIND_TAG, KIND)
    client.set_experiment_tag(made, MLFLOW_RUN_NOTE, INTRODUCTION)
    return str(made)


def open_parent(
    client: MlflowClient, experiment_id: str, study: str, params: Mapping[str, Any]
) -> str:
    """Return the id of the study's run: the one it has, the one `mlflow run` made, or a new one.

    The run of `mlflow run` becomes the study's where it lies in the study's experiment and the
    study has none yet; otherwise it is left a note that names the study's run.

    Parameters
    ----------
    client
        Of the tracking store.
    experiment_id
        Where to look and create.
    study
        Name of the study.
    params
        Of the search; a key that `mlflow run` has logged already stays as it is.
    """
    known = client.search_runs([experiment_id], f"tags.study = '{study}'", max_results=1)
    launched = os.environ.get("MLFLOW_RUN_ID")
    launcher = client.get_run(launched) if launched else None
    if known:
        run = known[0]
        client.update_run(run.info.run_id, status="RUNNING")
    elif launcher is not None and launcher.info.experiment_id == experiment_id:
        run = launcher
    else:
        run = client.create_run(experiment_id)
    run_id = str(run.info.run_id)
    missing = {k: v for k, v in params.items() if k not in run.data.params}
    tags = {"study": study, MLFLOW_RUN_NAME: study}
    client.log_batch(run_id, params=_params(missing), tags=_tags(tags))
    if launcher is not None and launcher.info.run_id != run_id:
        _point_to(client, launcher.info.run_id, study, experiment_id, run_id)
    return run_id


def _point_to(
    client: MlflowClient, launcher: str, study: str, experiment_id: str, run_id: str
) -> None:
    link = f"#/experiments/{experiment_id}/runs/{run_id}"
    tags = {
        MLFLOW_RUN_NAME: f"started {study}",
        "study_run": run_id,
        MLFLOW_RUN_NOTE: f"This command worked on [the study {study}]({link}): see its run.",
    }
    client.log_batch(launcher, tags=_tags(tags))


def trial_name(number: int, spec: SegmenterSpec) -> str:
    """Return what the run table shows, for example ``#012 ward k=5 yeo_johnson``."""
    k = spec.hyperparameters.get("n_clusters")
    asked = f" k={k}" if k else ""
    return f"#{number:03d} {spec.clusterer}{asked} {spec.preprocessing.skew}"


def trial_note(spec: SegmenterSpec, found: Evaluation) -> str:
    """Return a few sentences about a trial, in Markdown."""
    title = CLUSTERERS[spec.clusterer].title
    head = (
        f"**{title}, {found.n_segments} segments**, judged on {found.rows:,} customers: "
        f"score {found.score:.3f} = stability {found.stability:.3f} + neighbour agreement "
        f"{found.agreement:.3f} + preference for more segments."
    )
    sizes = f"Segments hold {found.smallest_share:.1%} to {found.largest_share:.1%} of customers."
    reasons = [f"Infeasible: {reason}." for reason in found.infeasible]
    return "\n\n".join([head, sizes, *reasons, *found.notes])


def flat(spec: SegmenterSpec) -> dict[str, Any]:
    """Return a spec as flat run parameters."""
    return {
        "schema": spec.schema,
        "algorithm": spec.clusterer,
        "rule": spec.rule,
        "seed": spec.seed,
        **asdict(spec.preprocessing),
        **spec.hyperparameters,
    }


def _verdict(found: Evaluation) -> dict[str, str]:
    return {
        "feasible": "yes" if found.feasible else "no",
        "reason": "; ".join(found.infeasible),
        "segments": str(found.n_segments),
        "score": f"{found.score:.3f}",
        "stability": f"{found.stability:.3f}",
        "rung": f"{found.rows}",
    }


def _seconds(found: Evaluation) -> dict[str, float]:
    return {f"seconds_{step}": value for step, value in found.seconds.items()}


def _params(values: Mapping[str, Any]) -> list[Param]:
    return [Param(key, str(value)) for key, value in values.items()]


def _tags(values: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(key, value) for key, value in values.items()]
