"""What a search leaves in MLflow: a parent run for the study, a nested run for every trial."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from math import isnan
from pathlib import Path
from threading import Lock
from time import perf_counter, time
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import DatasetInput, Metric, Param, Run, RunStatus, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
from tenacity import retry, retry_if_exception_message, stop_after_attempt

from experiments.search.candidates import Candidate
from experiments.search.ranking import Ranking
from experiments.study.study import WORKER, worker
from experiments.study.worker_pool import EvaluationError, Outcome
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.spec import SegmenterSpec
from segmentation.evaluation.result import Evaluation

MOST_TAG = 4_000
# What SQLite and PostgreSQL say of a data set that became known a moment ago.
KNOWN = r"(?s).*(UNIQUE constraint failed: datasets\.|dataset_pk)"


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
        self.spent: Counter[str] = Counter()
        self._opened: dict[str, float] = {}
        self._lock = Lock()

    @contextmanager
    def trial(self, number: int, spec: SegmenterSpec) -> Iterator[str]:
        """Open the run of a trial; the end of the block and a failed evaluation end it.

        What else may end the block ends the search: see
        :func:`experiments.study.recovery.close_orphans`.

        Yields
        ------
        str
            The run's id.
        """
        start = perf_counter()
        tags = {
            MLFLOW_PARENT_RUN_ID: self.parent,
            "trial": str(number),
            WORKER: worker(),
            "algorithm": CLUSTERERS[spec.clusterer].title,
        }
        run = self.client.create_run(
            self.experiment_id, tags=tags, run_name=trial_name(number, spec)
        )
        run_id: str = run.info.run_id
        self.inputs(run_id)
        self.client.log_batch(run_id, params=params_of(flat(spec)))
        self._opened[run_id] = perf_counter() - start
        try:
            yield run_id
        except EvaluationError as error:
            reason = str(error)[:MOST_TAG]
            tags = {"feasible": "failed", "reason": reason, MLFLOW_RUN_NOTE: f"Failed. {reason}"}
            self.client.log_batch(run_id, tags=tags_of(tags))
            self.client.set_terminated(run_id, RunStatus.to_string(RunStatus.FAILED))
            raise
        start = perf_counter()
        self.client.set_terminated(run_id)
        self._account({"log": perf_counter() - start})

    @retry(retry=retry_if_exception_message(match=KNOWN), stop=stop_after_attempt(2), reraise=True)
    def inputs(self, run_id: str) -> None:
        """Record what a run's data were.

        Of processes that record the same data for the first time at the same moment MLflow lets
        in one; the others find them known when they ask again.
        """
        self.client.log_inputs(run_id, [self.dataset])

    def evaluated(self, run_id: str, spec: SegmenterSpec, outcome: Outcome) -> None:
        """Record an evaluation: numbers, reasons, recipe and pictures, and what that cost.

        Parameters
        ----------
        run_id
            The trial's run.
        spec
            What was judged.
        outcome
            What came out; the time of recording is recorded beside those of judging and drawing.
        """
        found = outcome.evaluation
        tags = {**_verdict(found), "fidelity": "0", MLFLOW_RUN_NOTE: trial_note(spec, found)}
        self._record(run_id, spec, outcome, found.metrics(), tags)

    def reevaluated(self, candidate: Candidate, outcome: Outcome | None) -> None:
        """Record that a trial was judged again on more customers, in the trial's own run.

        Parameters
        ----------
        candidate
            With the latest evaluation.
        outcome
            What came out just now; None where an earlier session judged it.
        """
        found, run_id = candidate.evaluation, candidate.run_id
        numbers = {**found.metrics(), "fidelity": float(candidate.fidelity)}
        note = trial_note(candidate.spec, found)
        tags = {**_verdict(found), "fidelity": str(candidate.fidelity), MLFLOW_RUN_NOTE: note}
        if outcome:
            self._record(run_id, candidate.spec, outcome, numbers, tags)
        else:
            self.metrics(run_id, numbers, step=found.rows, tags=tags)

    def _record(
        self,
        run_id: str,
        spec: SegmenterSpec,
        outcome: Outcome,
        numbers: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> None:
        """Record an evaluation and what it cost; the last call is only in the study's account."""
        start, found = perf_counter(), outcome.evaluation
        self.files(run_id, _texts(spec, found), outcome.pictures)
        opened = self._opened.pop(run_id, 0.0)
        seconds = {**_seconds(outcome), "seconds_log": opened + perf_counter() - start}
        self.metrics(run_id, {**numbers, **seconds}, step=found.rows, tags=tags)
        fit, logging = found.seconds["fit"], opened + perf_counter() - start
        steps = {"fit": fit, "judge": outcome.seconds["judge"] - fit}
        self._account({**steps, "draw": outcome.seconds["draw"], "log": logging})

    def _account(self, steps: Mapping[str, float]) -> None:
        with self._lock:
            self.spent.update(steps)

    def costs(self) -> dict[str, float]:
        """Return where this session's time went: seconds by step, and the share of tracking."""
        total = sum(self.spent.values())
        if not total:
            return {}
        seconds = {f"total_seconds_{step}": value for step, value in self.spent.items()}
        return {**seconds, "tracking_share": (self.spent["draw"] + self.spent["log"]) / total}

    def standings(self, ranking: Ranking) -> None:
        """Record in the runs of the highest fidelity level what was settled when all were known."""
        for place, standing in enumerate(ranking.standings, start=1):
            settled = {"vote": standing.vote, "place": float(place)}
            rows = standing.candidate.evaluation.rows
            self.metrics(standing.candidate.run_id, settled, step=rows)
            self.tags(standing.candidate.run_id, {"place": str(place)})

    def metrics(
        self,
        run_id: str,
        values: Mapping[str, float],
        step: int = 0,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record numbers, and tags with them; what is undefined (NaN) is left out."""
        now = int(time() * 1000)
        known = [Metric(k, v, now, step) for k, v in values.items() if not isnan(v)]
        self.client.log_batch(run_id, metrics=known, tags=tags_of(tags or {}))

    def tags(self, run_id: str, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.client.log_batch(run_id, tags=tags_of(values))

    def files(self, run_id: str, texts: Mapping[str, str], pictures: Mapping[str, bytes]) -> None:
        """Upload texts and pictures in one call."""
        with tempfile.TemporaryDirectory() as name:
            save(Path(name), texts, pictures)
            self.client.log_artifacts(run_id, name)

    def finish(self, failed: bool = False) -> None:
        """End the study's run."""
        status = RunStatus.FAILED if failed else RunStatus.FINISHED
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


def save(folder: Path, texts: Mapping[str, str], pictures: Mapping[str, bytes]) -> None:
    """Write texts into a folder and PNG pictures into its folder ``plots``."""
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    (folder / "plots").mkdir()
    for file, picture in pictures.items():
        (folder / "plots" / f"{file}.png").write_bytes(picture)


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
        f"score {found.score:.3f} = stability {found.stability:.3f} + separation "
        f"{found.separation:.3f} + preference for more segments."
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
        "customers": f"{found.rows}",
    }


def _seconds(outcome: Outcome) -> dict[str, float]:
    steps = {**outcome.evaluation.seconds, **outcome.seconds}
    return {f"seconds_{step}": value for step, value in steps.items()}


def _texts(spec: SegmenterSpec, found: Evaluation) -> dict[str, str]:
    return {"spec.json": spec.to_json(), "evaluation.json": json.dumps(found.to_dict())}


def params_of(values: Mapping[str, Any]) -> list[Param]:
    """Return values as MLflow's parameters."""
    return [Param(key, str(value)) for key, value in values.items()]


def tags_of(values: Mapping[str, str]) -> list[RunTag]:
    """Return values as MLflow's tags."""
    return [RunTag(key, value) for key, value in values.items()]
