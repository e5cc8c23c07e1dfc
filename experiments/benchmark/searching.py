"""A search beside the plain loop one would write, on the same customers with the same trials."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
import psutil
from mlflow import MlflowClient
from sklearn.metrics import adjusted_rand_score

from experiments.benchmark.servers import memory_of
from experiments.study.retry import SQLITE
from experiments.study.worker_pool import ROOT
from segmentation.clustering.spec import SegmenterSpec
from segmentation.data.readers import load_customers
from segmentation.data.synthetic import planted_segments
from segmentation.evaluation.evaluator import Evaluator
from segmentation.schema import load_schema

NAME = "benchmark"
SCHEMA = "cc_general"
LEAST_RATIO, LEAST_SPEEDUP, MOST_TRACKING = 10.0, 3.0, 0.15
STEPS = ("fit", "judge", "draw", "log")
Costs = Mapping[str, float]


@dataclass(frozen=True)
class SearchRow:
    """What one way of searching took and found.

    Parameters
    ----------
    way
        ``ours`` or ``plain loop``.
    trials
        Judged.
    trying
        Seconds from the start of the first trial to the end of the last, by their MLflow runs.
    seconds
        Of the whole command: start, promising trials on more customers and registration
        included, which the plain loop has not.
    ari
        Adjusted Rand of the pick against the planted segments, in [-1, 1].
    score
        Of the pick, judged by the same evaluator on all customers.
    """

    way: str
    trials: int
    trying: float
    seconds: float
    ari: float
    score: float

    @property
    def per_minute(self) -> float:
        """Trials a minute while trying."""
        return 60 * self.trials / self.trying


def run_search(rows: int, trials: int) -> tuple[SearchRow, SearchRow, Costs]:
    """Search generated customers both ways.

    Returns
    -------
    tuple
        Ours, the plain loop, and where our trials' time went.
    """
    data = f"embedded:{rows}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = search(folder, data, trials).seconds
        ours, costs = found_in(folder)
        paces = [(trying(folder, NAME), seconds)]
        plain_file = folder / "plain.json"
        same = f"{SQLITE}{folder / 'optuna.db'}"
        flags = ["--data", data, "--schema", SCHEMA, "--same-as", same]
        command = ["-m", "experiments.benchmark.plain", *flags, "--out", str(plain_file)]
        plain_seconds = run(folder / "plain", command).seconds
        paces.append((trying(folder / "plain", "plain"), plain_seconds))
        plain = SegmenterSpec.from_json(json.loads(plain_file.read_text(encoding="utf-8")))
    schema = load_schema(SCHEMA)
    evaluator = Evaluator(load_customers(data, schema).customers, schema, n_splits=5)
    truth = planted_segments(rows)
    table = []
    for way, spec, pace in zip(("ours", "plain loop"), (ours, plain), paces, strict=True):
        evaluated = evaluator.evaluate(spec)
        ari = float(adjusted_rand_score(truth, evaluated.segment))
        table.append(SearchRow(way, trials, *pace, ari, evaluated.evaluation.score))
    return table[0], table[1], costs


@dataclass(frozen=True)
class Took:
    """What a command took: seconds, and the most megabytes of all its processes together."""

    seconds: float
    megabytes: float


def search(folder: Path, data: str, trials: int) -> Took:
    """Run the search command with stores of its own in a folder."""
    flags = ["--data", data, "--n-trials", str(trials)]
    names = ["--experiment-name", NAME, "--model-name", NAME]
    return run(folder, ["-m", "experiments.search", *flags, *names])


def run(folder: Path, arguments: list[str]) -> Took:
    """Run a command of this project in a folder, with a SQLite tracking store in it.

    Raises
    ------
    RuntimeError
        When the command fails; with what it said last.
    """
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": str(ROOT),
    }
    start = time.perf_counter()
    with (folder / "said").open("w+") as output:
        process = psutil.Popen(
            [sys.executable, *arguments], cwd=folder, env=environment, stdout=output, stderr=output
        )
        with memory_of([process]) as seen:
            status = process.wait()
        seconds = time.perf_counter() - start
        if status:
            output.seek(0)
            raise RuntimeError(
                f"{' '.join(arguments)} ended with {status}: {output.read()[-2000:]}"
            )
    return Took(seconds, max(seen))


def found_in(folder: Path) -> tuple[SegmenterSpec, Costs]:
    """Return the champion's recipe, and the account of its study."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    version = client.get_model_version_by_alias(NAME, "champion")
    trial = client.get_run(version.tags["trial_run"])
    text = mlflow.artifacts.load_text(f"{trial.info.artifact_uri}/spec.json")
    parent = client.get_run(trial.data.tags["mlflow.parentRunId"])
    costs = {step: float(parent.data.metrics[f"total_seconds_{step}"]) for step in STEPS}
    return SegmenterSpec.from_json(text), costs


def trying(folder: Path, experiment: str) -> float:
    """Return the seconds from the first trial's start to the last one's end, by their runs."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    logged = client.get_experiment_by_name(experiment)
    if logged is None:
        raise RuntimeError(f"{folder} holds no experiment {experiment!r}: its command ended early")
    # Of ours the trials alone; the plain loop has no run for the study.
    query = "tags.trial != ''" if experiment == NAME else ""
    runs = [
        run.info for run in client.search_runs([logged.experiment_id], query, max_results=5_000)
    ]
    return float(max(run.end_time for run in runs) - min(run.start_time for run in runs)) / 1000


def tracking_share(costs: Costs) -> float:
    """Return the share of drawing and logging."""
    return (costs["draw"] + costs["log"]) / sum(costs.values())


def short_of(ours: SearchRow, plain: SearchRow, costs: Costs) -> list[str]:
    """Return a sentence for each target that was not met."""
    share = tracking_share(costs)
    ratio, speedup = ours.per_minute / plain.per_minute, plain.seconds / ours.seconds
    checks = {
        f"{ratio:.1f} times the trials a minute, at least {LEAST_RATIO:g} wanted": ratio
        < LEAST_RATIO,
        f"the whole command {speedup:.1f} times as fast, at least {LEAST_SPEEDUP:g} wanted": speedup
        < LEAST_SPEEDUP,
        f"a score of {ours.score:.3f}, at least the plain loop's {plain.score:.3f} wanted": (
            ours.score < plain.score
        ),
        f"drawing and logging take {share:.1%}, at most {MOST_TRACKING:.0%} wanted": (
            share > MOST_TRACKING
        ),
    }
    return [sentence for sentence, wrong in checks.items() if wrong]


def search_table(ours: SearchRow, plain: SearchRow, costs: Costs) -> str:
    """Return the comparison as text."""
    heads = f"{'trials':>7}{'trying s':>10}{'a minute':>10}{'command s':>11}{'ARI':>7}{'score':>8}"
    lines = [f"{'':<12}{heads}"]
    lines += [
        f"{row.way:<12}{row.trials:>7}{row.trying:>10.1f}{row.per_minute:>10.1f}"
        f"{row.seconds:>11.1f}{row.ari:>7.3f}{row.score:>8.3f}"
        for row in (ours, plain)
    ]
    lines += [
        f"trials a minute: {ours.per_minute / plain.per_minute:.1f} times as many; the whole "
        f"command: {plain.seconds / ours.seconds:.1f} times as fast",
        "our trials, seconds of all processes: "
        + ", ".join(f"{step} {costs[step]:.1f}" for step in STEPS)
        + f"; drawing and logging {tracking_share(costs):.1%}",
    ]
    return "\n".join(lines)
