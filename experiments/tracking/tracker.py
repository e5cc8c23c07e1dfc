"""What a search leaves in MLflow: a parent run for the study, a nested run for every trial."""

from __future__ import annotations

import json
import posixpath
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from math import isnan
from pathlib import Path
from threading import Lock
from time import perf_counter, time
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import (
    DatasetInput,
    LifecycleStage,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunStatus,
    RunTag,
    SourceType,
)
from mlflow.exceptions import MlflowException
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import (
    MLFLOW_GIT_COMMIT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)
from tenacity import retry, retry_if_exception_message, stop_after_attempt

from experiments.registry.promotion_log import user
from experiments.search.candidates import Candidate
from experiments.search.ranking import Ranking
from experiments.study.study import WORKER, worker
from experiments.study.worker_pool import EvaluationError, Outcome
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.spec import SegmenterSpec
from segmentation.evaluation.result import Evaluation
from segmentation.interpretation.formatting import percent, with_noun

LONGEST_TAG, LONGEST_KEY = 4_000, 250
# SQLite's and PostgreSQL's texts for a data set that another process recorded a moment ago.
DUPLICATE_DATASET = r"(?s).*(UNIQUE constraint failed: datasets\.|dataset_pk)"
STAR = "★ "
ILLEGAL_IN_METRICS = re.compile(r"[^\w.\- :/]")


class Tracker:
    """Records one study through MLflow's client, with a few calls for each run.

    `parent` is the id of the study's run. `dataset`, recorded in every run, has the digest, schema
    and profile of the data, but no rows.
    """

    def __init__(
        self, client: MlflowClient, experiment_id: str, parent: str, dataset: DatasetInput
    ) -> None:
        self.client = client
        self.experiment_id = experiment_id
        self.parent = parent
        self.dataset = dataset
        self._gone: set[str] = set()
        self._spent: Counter[str] = Counter()
        self._opened: dict[str, float] = {}
        self._lock = Lock()

    @contextmanager
    def trial(self, number: int, spec: SegmenterSpec) -> Iterator[str]:
        """Open the run of a trial and yield its id; the run ends with the block.

        A failed evaluation makes it a failed run. Every other exception ends the search: see
        :func:`experiments.study.recovery.close_orphans`.
        """
        start = perf_counter()
        tags = {
            **origin("experiments.search"),
            MLFLOW_PARENT_RUN_ID: self.parent,
            "trial": str(number),
            WORKER: worker(),
            "algorithm": CLUSTERERS[spec.clusterer].title,
        }
        run = self.client.create_run(
            self.experiment_id, tags=tags, run_name=run_name(f"#{number:03d}", spec)
        )
        run_id: str = run.info.run_id
        self.inputs(run_id)
        self.client.log_batch(run_id, params=params_of(flat(spec)))
        self._opened[run_id] = perf_counter() - start
        try:
            yield run_id
        except EvaluationError as error:
            reason = str(error)[:LONGEST_TAG]
            tags = {"feasible": "failed", "reason": reason, MLFLOW_RUN_NOTE: f"Failed. {reason}"}
            self.client.log_batch(run_id, tags=tags_of(tags))
            self.client.set_terminated(run_id, RunStatus.to_string(RunStatus.FAILED))
            raise
        start = perf_counter()
        self.client.set_terminated(run_id)
        self._account({"log": perf_counter() - start})

    def adopt(self, run_id: str) -> None:
        """Hang a trial's run under the study's run; nothing more is recorded in a deleted one."""
        try:
            active = self.client.get_run(run_id).info.lifecycle_stage == LifecycleStage.ACTIVE
        except MlflowException as error:
            # A server with sign-in answers the second where there is no such run.
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED"}:
                raise
            active = False
        if active:
            self.tags(run_id, {MLFLOW_PARENT_RUN_ID: self.parent})
        else:
            self._gone.add(run_id)

    @retry(
        retry=retry_if_exception_message(match=DUPLICATE_DATASET),
        stop=stop_after_attempt(2),
        reraise=True,
    )
    def inputs(self, run_id: str) -> None:
        """Record which data a run used.

        Of several processes that record new data at the same moment MLflow refuses all but one;
        the others succeed when they try again.
        """
        self.client.log_inputs(run_id, [self.dataset])

    def evaluated(self, number: int, run_id: str, spec: SegmenterSpec, outcome: Outcome) -> None:
        """Record an evaluation: name, metrics, reasons, spec, pictures, and the seconds it took."""
        evaluation = outcome.evaluation
        note = trial_note(spec, evaluation)
        name = run_name(f"#{number:03d}", spec, evaluation)
        tags = {**_verdict(evaluation), "fidelity": "0", MLFLOW_RUN_NOTE: note}
        tags[MLFLOW_RUN_NAME] = name
        self._record(run_id, spec, outcome, evaluation.metrics(), tags)

    def reevaluated(self, candidate: Candidate, outcome: Outcome | None) -> None:
        """Record a candidate's evaluation on more customers in the trial's own run.

        `outcome` has the same evaluation; it is None if an earlier session made it.
        """
        evaluation, run_id = candidate.evaluation, candidate.run_id
        if run_id in self._gone:
            return
        values = {**evaluation.metrics(), "fidelity": float(candidate.fidelity)}
        note, level = trial_note(candidate.spec, evaluation), str(candidate.fidelity)
        tags = {**_verdict(evaluation), "fidelity": level, MLFLOW_RUN_NOTE: note}
        tags[MLFLOW_RUN_NAME] = run_name(f"#{candidate.number:03d}", candidate.spec, evaluation)
        if outcome:
            self._record(run_id, candidate.spec, outcome, values, tags)
        else:
            self.metrics(run_id, values, step=evaluation.rows, tags=tags)

    def _record(
        self,
        run_id: str,
        spec: SegmenterSpec,
        outcome: Outcome,
        values: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> None:
        start, evaluation = perf_counter(), outcome.evaluation
        texts = {"spec.json": spec.to_json(), "evaluation.json": json.dumps(evaluation.to_dict())}
        self.files(run_id, texts, outcome.pictures)
        opened = self._opened.pop(run_id, 0.0)
        steps = {**evaluation.seconds, **outcome.seconds, "log": opened + perf_counter() - start}
        seconds = {f"seconds_{step}": value for step, value in steps.items()}
        self.metrics(run_id, {**values, **seconds}, step=evaluation.rows, tags=tags)
        fit = evaluation.seconds["fit"]
        evaluate, draw = outcome.seconds["judge"] - fit, outcome.seconds["draw"]
        # The seconds of the last call are in the study's account only, not in the trial's run.
        log = opened + perf_counter() - start
        self._account({"fit": fit, "judge": evaluate, "draw": draw, "log": log})

    def _account(self, steps: Mapping[str, float]) -> None:
        with self._lock:
            self._spent.update(steps)

    def costs(self) -> dict[str, float]:
        """Return this session's seconds by step, and the share of tracking in them."""
        total = sum(self._spent.values())
        if not total:
            return {}
        seconds = {f"total_seconds_{step}": value for step, value in self._spent.items()}
        return {**seconds, "tracking_share": (self._spent["draw"] + self._spent["log"]) / total}

    def registered(self, run_id: str, model_id: str, version: str) -> None:
        """Link the trial that was picked, and the study, to the logged model and its version."""
        for one in {self.parent, run_id} - self._gone - {""}:
            self.tags(one, {"registered": version})
        if run_id not in self._gone:
            self.client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])

    def picked(self, candidate: Candidate | None) -> None:
        """Mark the run of the trial that was picked, and no other of the study."""
        pick = candidate.run_id if candidate else ""
        query = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self.parent}' and tags.pick = 'yes'"
        for run in self.client.search_runs([self.experiment_id], query):
            if run.info.run_id != pick:
                name = run.info.run_name.removeprefix(STAR)
                self.tags(run.info.run_id, {"pick": "no", MLFLOW_RUN_NAME: name})
        if candidate and pick not in self._gone:
            start = f"{STAR}#{candidate.number:03d}"
            name = run_name(start, candidate.spec, candidate.evaluation)
            self.tags(pick, {"pick": "yes", MLFLOW_RUN_NAME: name})

    def standings(self, ranking: Ranking) -> None:
        """Record vote and place in the runs of the trials at the highest fidelity level."""
        for place, standing in enumerate(ranking.standings, start=1):
            candidate = standing.candidate
            if candidate.run_id in self._gone:
                continue
            values = {"vote": standing.vote, "place": float(place)}
            tags = {"place": str(place)}
            self.metrics(candidate.run_id, values, step=candidate.evaluation.rows, tags=tags)

    def metrics(
        self,
        run_id: str,
        values: Mapping[str, float],
        step: int = 0,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record metrics, without those that are NaN, and tags with them."""
        self.client.log_batch(run_id, metrics=metrics_of(values, step), tags=tags_of(tags or {}))

    def tags(self, run_id: str, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.client.log_batch(run_id, tags=tags_of(values))

    def files(self, run_id: str, texts: Mapping[str, str], pictures: Mapping[str, bytes]) -> None:
        """Upload texts, and PNG pictures into the folder ``plots``, in one call."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, text in texts.items():
                (folder / file).write_text(text, encoding="utf-8")
            (folder / "plots").mkdir()
            for file, picture in pictures.items():
                (folder / "plots" / f"{file}.png").write_bytes(picture)
            self.client.log_artifacts(run_id, name)

    def finish(self, status: int = RunStatus.FINISHED) -> None:
        """End the study's run."""
        self.client.set_terminated(self.parent, RunStatus.to_string(status))

    def nested(self) -> Iterator[Run]:
        """Yield the runs of all trials."""
        query, token = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self.parent}'", None
        while True:
            page = self.client.search_runs([self.experiment_id], query, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def run_name(start: str, spec: SegmenterSpec, evaluation: Evaluation | None = None) -> str:
    """Return a name in the run table, for example ``CC GENERAL · 6 segments · k-means``."""
    segments = [with_noun(evaluation.n_segments, "segment")] if evaluation else []
    return " · ".join([start, *segments, CLUSTERERS[spec.clusterer].title])


@cache
def origin(program: str) -> Mapping[str, str]:
    """Return the tags by which MLflow's run table knows person, program and commit."""
    commit = resolve_tags().get(MLFLOW_GIT_COMMIT)
    return {
        MLFLOW_USER: user(),
        MLFLOW_SOURCE_NAME: program,
        MLFLOW_SOURCE_TYPE: SourceType.to_string(SourceType.LOCAL),
        **({MLFLOW_GIT_COMMIT: commit} if commit else {}),
    }


def trial_note(spec: SegmenterSpec, evaluation: Evaluation) -> str:
    """Return a few sentences about a trial, in Markdown."""
    title = CLUSTERERS[spec.clusterer].title
    head = (
        f"**{title}, {with_noun(evaluation.n_segments, 'segment')}**, evaluated on "
        f"{evaluation.rows:,} customers: score {evaluation.score:.3f} = "
        f"stability {evaluation.stability:.3f} + separation {evaluation.separation:.3f} + "
        "preference for more segments."
    )
    smallest, largest = evaluation.smallest_share, evaluation.largest_share
    sizes = f"Segments hold {percent(smallest)} to {percent(largest)} of customers."
    reasons = [f"Infeasible: {reason}." for reason in evaluation.infeasible]
    return "\n\n".join([head, sizes, *reasons, *evaluation.notes])


def flat(spec: SegmenterSpec) -> dict[str, Any]:
    """Return a spec as flat run parameters."""
    return {
        "schema": spec.schema,
        "algorithm": spec.clusterer,
        "rule": spec.rule,
        "seed": spec.seed,
        **spec.preprocessing.to_dict(),
        **spec.hyperparameters,
    }


def _verdict(evaluation: Evaluation) -> dict[str, str]:
    return {
        "feasible": "yes" if evaluation.feasible else "no",
        "reason": "; ".join(evaluation.infeasible),
        "segments": str(evaluation.n_segments),
        "score": f"{evaluation.score:.3f}",
        "stability": f"{evaluation.stability:.3f}",
        "customers": f"{evaluation.rows}",
    }


def params_of(values: Mapping[str, Any]) -> list[Param]:
    """Return values as MLflow's parameters."""
    return [Param(key, str(value)) for key, value in values.items()]


def tags_of(values: Mapping[str, str]) -> list[RunTag]:
    """Return values as MLflow's tags."""
    return [RunTag(key, value) for key, value in values.items()]


def metrics_of(values: Mapping[str, float], step: int = 0) -> list[Metric]:
    """Return values as MLflow's metrics, without those that are NaN.

    A key that MLflow refuses gets ``_`` for each of its illegal characters, and a number where
    another key has become the same: ``psi_Annual Income (k$)`` is ``psi_Annual Income _k__``.
    """
    now, metrics = int(time() * 1000), dict[str, Metric]()
    legal_first = sorted(values, key=lambda key: key != _legal(key))
    for key in legal_first:
        name, number = _legal(key), 2
        while name in metrics:
            suffix = f"_{number}"
            name, number = _legal(key)[: LONGEST_KEY - len(suffix)] + suffix, number + 1
        metrics[name] = Metric(name, values[key], now, step)
    return [metric for metric in metrics.values() if not isnan(metric.value)]


def _legal(key: str) -> str:
    legal = ILLEGAL_IN_METRICS.sub("_", key)[:LONGEST_KEY]
    unique = legal == posixpath.normpath(legal) and not legal.startswith((".", "/"))
    return legal if unique else legal.replace("/", "_").replace(".", "_")
