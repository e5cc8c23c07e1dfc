"""Requests per second of the served model, behind the gateway too, beside a stock pipeline."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from sklearn.cluster import KMeans
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.benchmark import bare
from experiments.benchmark.servers import BIN, Server, megabytes, running
from experiments.registry import packaging, registration
from experiments.registry.client import CHAMPION
from experiments.scoring_bodies import CSV, JSON, PARQUET
from experiments.tracking.event_run import registry_experiment
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.evaluation.evaluator import Evaluator
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import load_schema

NAME, CARDS = "serving-benchmark", "cc_general"
SEGMENTS = 6
TRAINED_ON, LARGEST = 9_000, 50_000
OURS, STOCK, GATEWAY, BARE = "ours", "stock", "gateway", "bare"
FORMATS = {JSON: "JSON", CSV: "CSV", PARQUET: "Parquet"}
# Requests a second over those of the stock pipeline, asked in the same way.
TARGETS = {
    "gateway_1_ratio": 1.3,
    "gateway_4_ratio": 2.0,
    "gateway_32_ratio": 6.0,
    "json_1000_ratio": 2.0,
    "json_50000_ratio": 1.5,
    "csv_50000_ratio": 1.0,
    "parquet_50000_ratio": 1.0,
    "parquet_full_ratio": 0.3,
}
# The slowest of a hundred behind the gateway takes no longer than the stock pipeline's median.
MOST = {"gateway_32_p99_over_stock_median": 1.0}


@dataclass(frozen=True)
class Work:
    """What is asked of a server again and again.

    Parameters
    ----------
    rows
        Customers in a request.
    connections
        That ask at the same time, without pause.
    content
        Type of the body.
    detail
        What is asked of ours; the stock pipeline always answers with a number per customer.
    """

    rows: int
    connections: int
    content: str = JSON
    detail: str = "basic"

    def __str__(self) -> str:
        return f"{self.rows:6,} {self.connections:5} {FORMATS[self.content]:>8} {self.detail:>6}"


ONE, FOUR, MANY = (Work(1, connections, detail="full") for connections in (1, 4, 32))
# Figures are of what `make serve` runs: the gateway with MLflow's server behind it.
NAMES = {
    ONE: "gateway_1_ratio",
    FOUR: "gateway_4_ratio",
    MANY: "gateway_32_ratio",
    Work(1_000, 1): "json_1000_ratio",
    Work(LARGEST, 1): "json_50000_ratio",
    Work(LARGEST, 1, CSV): "csv_50000_ratio",
    Work(LARGEST, 1, PARQUET): "parquet_50000_ratio",
    Work(LARGEST, 1, PARQUET, "full"): "parquet_full_ratio",
}
WORKS = (*NAMES, Work(1_000, 4), Work(LARGEST, 4), Work(LARGEST, 1, CSV, "full"))


@dataclass(frozen=True)
class Measured:
    """Answers of one server in one round.

    Parameters
    ----------
    per_second
        Requests answered a second.
    seconds
        That each took.
    """

    per_second: float
    seconds: list[float]


@dataclass(frozen=True)
class ServingRow:
    """One kind of work on every server that does it; `ratios` are over the stock pipeline's.

    The least of the rounds, their median, the largest.
    """

    work: Work
    measured: dict[str, Measured]
    ratios: dict[str, tuple[float, float, float]]


def run_serving(
    rounds: int, seconds: float, port: int, logs: Path, only: str = ""
) -> tuple[list[ServingRow], dict[str, Any]]:
    """Measure the servers in turn; return a row per kind of work, and the report.

    Parameters
    ----------
    rounds
        Each server is asked so often, in turn; a ratio is the median over rounds.
    seconds
        Each time; at least two requests are made.
    port
        Of the first server; the others take the next ones.
    logs
        Folder for the servers' logs.
    only
        A regular expression for the works to measure, such as ``50,000 .* CSV``.
    """
    works = [work for work in WORKS if re.search(only, str(work))]
    customers = generate(LARGEST, seed=3)[list(load_schema(CARDS).column_names)].astype(float)
    uris = {OURS: _our_model(), STOCK: _stock_model()}
    names = (OURS, STOCK, GATEWAY, BARE)
    urls = {name: f"http://127.0.0.1:{port + i}" for i, name in enumerate(names)}
    environment = {
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
        bare.MODEL: uris[STOCK],
    }
    with running(_servers(uris, urls, logs), logs, environment) as processes:
        rows = [_measure(work, urls, customers, rounds, seconds) for work in works]
        memory = {name: megabytes(process) for name, process in processes.items()}
    inside = {name: _in_process(uri, customers) for name, uri in uris.items()}
    return rows, {**_ratios(rows), "memory_mb": memory, "in_process_ms": inside}


def serving_table(rows: list[ServingRow], report: dict[str, Any]) -> str:
    """Return what a person reads: a line per kind of work, memory, the floor in the process."""
    lines = [
        f"{'rows':>6} {'conn.':>5} {'format':>8} {'detail':>6} {'server':>8} | {'per s':>8} "
        f"{'p50 ms':>8} {'p99 ms':>8} | {'over stock':>10} (spread)"
    ]
    for row in rows:
        for name, one in row.measured.items():
            least, median, most = row.ratios[name]
            lines.append(
                f"{row.work} {name:>8} | {one.per_second:8.1f} {_ms(one, 50):8.1f} "
                f"{_ms(one, 99):8.1f} | {median:10.2f} ({least:.2f}-{most:.2f})"
            )
    for name in (OURS, STOCK):
        floor = report["in_process_ms"][name]
        lines.append(
            f"{name}: {report['memory_mb'][name]:.0f} MB; in process one row "
            f"{floor['one_row']:.1f} ms, {LARGEST:,} rows {floor['rows_50000']:.0f} ms"
        )
    floor = report["in_process_ms"][OURS]
    millions = LARGEST / floor["rows_50000_without_mlflow"] / 1e3
    lines.append(
        f"{OURS} without MLflow: one row {floor['one_row_without_mlflow']:.2f} ms, full; "
        f"{millions:.1f} million rows a second, basic, on one core"
    )
    figures = {name: value for name, value in report.items() if isinstance(value, float)}
    return "\n".join([*lines, *(f"{name}: {value:.2f}" for name, value in figures.items())])


def too_slow(report: dict[str, Any]) -> list[str]:
    """Return a sentence for each target that was measured and not met."""
    low = [
        f"{name} is {report[name]:.2f}, at least {least:g} wanted"
        for name, least in TARGETS.items()
        if round(report.get(name, least), 2) < least
    ]
    return low + [
        f"{name} is {report[name]:.2f}, at most {most:g} wanted"
        for name, most in MOST.items()
        if round(report.get(name, most), 2) > most
    ]


def _ratios(rows: list[ServingRow]) -> dict[str, Any]:
    """Return the figures with a target, of the works that were measured."""
    figures: dict[str, Any] = {}
    measured: dict[str, ServingRow] = {}
    for row in rows:
        name = NAMES.get(row.work)
        if name:
            measured[name] = row
            figures[name] = row.ratios[GATEWAY][1]
            figures[f"{name}_spread"] = row.ratios[GATEWAY][::2]
            figures[f"{name}_without_gateway"] = row.ratios[OURS][1]
        if row.work == MANY:
            stock = _ms(row.measured[STOCK], 50)
            figures["gateway_32_p99_over_stock_median"] = _ms(row.measured[GATEWAY], 99) / stock
    if {"json_50000_ratio", "parquet_50000_ratio"} <= measured.keys():
        best = measured["parquet_50000_ratio"].measured[GATEWAY].per_second
        figures["file_rows_per_second"] = best * LARGEST
        stock = measured["json_50000_ratio"].measured[STOCK].per_second
        figures["best_format_ratio"] = best / stock
    return figures


def _our_model() -> str:
    schema, client = load_schema(CARDS), MlflowClient()
    customers = generate(TRAINED_ON, seed=2).set_index("CUST_ID")[list(schema.column_names)]
    spec = SegmenterSpec(CARDS, Preprocessing(), "k_means", {"n_clusters": SEGMENTS})
    evaluated = Evaluator(customers.astype(float), schema).evaluate(spec)
    model = SegmentationModel.build(evaluated.segmenter, customers, evaluated.evaluation, 0)
    run_id = client.create_run(registry_experiment(client, NAME)).info.run_id
    uri = packaging.log_model(client, run_id, model)
    client.set_terminated(run_id)
    version = registration.register(client, NAME, uri, run_id=run_id, description="", tags={})
    client.set_registered_model_alias(NAME, CHAMPION, version)
    return uri


def _stock_model() -> str:
    """Log what the tutorials show, with the input example they recommend."""
    columns = list(load_schema(CARDS).column_names)
    customers = generate(TRAINED_ON, seed=2)[columns].astype(float)
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    pipeline = make_pipeline(scaled, KMeans(SEGMENTS, random_state=0)).fit(customers)
    with mlflow.start_run(experiment_id=registry_experiment(MlflowClient(), NAME)):
        logged = mlflow.sklearn.log_model(
            pipeline,
            name="stock",
            input_example=customers.head(3),
            skops_trusted_types=["numpy.dtype"],
            pip_requirements=["mlflow", "scikit-learn"],
        )
    return str(logged.model_uri)


def _servers(uris: dict[str, str], urls: dict[str, str], logs: Path) -> dict[str, Server]:
    """Return the servers by name.

    ``mlflow models serve`` for each model, the gateway for the champion, and an application that
    does nothing but call the stock pipeline.
    """
    program = (str(BIN / "mlflow"), "models", "serve", "--env-manager", "local")
    ports = {name: url.rpartition(":")[2] for name, url in urls.items()}
    commands: dict[str, tuple[str, ...]] = {
        name: (*program, "--model-uri", uri, "--port", ports[name]) for name, uri in uris.items()
    }
    gateway = (sys.executable, "-m", "serve.gateway", "--model-name", NAME, "--logs", str(logs))
    commands[GATEWAY] = (*gateway, "--port", ports[GATEWAY])
    floor = ("uvicorn", "experiments.benchmark.bare:application", "--log-level", "warning")
    commands[BARE] = (sys.executable, "-m", *floor, "--port", ports[BARE])
    return {name: Server(command, f"{urls[name]}/ping") for name, command in commands.items()}


def _measure(
    work: Work, urls: dict[str, str], customers: pd.DataFrame, rounds: int, seconds: float
) -> ServingRow:
    measurements: dict[str, list[Measured]] = {name: [] for name in urls}
    bodies = {ours: _body(work, customers.head(work.rows), ours=ours) for ours in (True, False)}
    for number in range(rounds + 1):
        for name, url in urls.items():
            body = bodies[name in {OURS, GATEWAY}]
            measured = asyncio.run(_ask(url, body, work, seconds if number else 0.0))
            if number:  # the first round warms them up
                measurements[name].append(measured)
    ratios = {}
    for name, rounds_of in measurements.items():
        pairs = zip(rounds_of, measurements[STOCK], strict=True)
        ratio = [own.per_second / stock.per_second for own, stock in pairs]
        ratios[name] = (min(ratio), float(np.median(ratio)), max(ratio))
    return ServingRow(work, {n: _together(m) for n, m in measurements.items()}, ratios)


def _body(work: Work, customers: pd.DataFrame, *, ours: bool) -> bytes:
    if work.content == JSON:
        split = customers.astype(object).where(customers.notna(), None).to_dict("split")
        content = {"dataframe_split": {k: split[k] for k in ("columns", "data")}}
        return json.dumps(
            {**content, "params": {"detail": work.detail}} if ours else content
        ).encode()
    batch = customers.assign(detail=work.detail) if ours else customers
    if work.content == CSV:
        return batch.to_csv(index=False).encode()
    stream = io.BytesIO()
    batch.to_parquet(stream, index=False)
    return stream.getvalue()


async def _ask(url: str, body: bytes, work: Work, seconds: float) -> Measured:
    """Ask on all connections until the time is over."""
    # MLflow answers in JSON whatever is accepted.
    address, headers = f"{url}/invocations", dict.fromkeys(("Content-Type", "Accept"), work.content)
    took: list[float] = []
    start = time.perf_counter()

    async def one(session: aiohttp.ClientSession) -> None:
        while True:
            started = time.perf_counter()
            async with session.post(address, data=io.BytesIO(body), headers=headers) as reply:
                await reply.read()
                reply.raise_for_status()
            took.append(time.perf_counter() - started)
            if time.perf_counter() - start > seconds:
                return

    connector = aiohttp.TCPConnector(limit=work.connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(one(session) for _ in range(work.connections)))
    return Measured(len(took) / (time.perf_counter() - start), took)


def _together(rounds: list[Measured]) -> Measured:
    took = [seconds for measured in rounds for seconds in measured.seconds]
    return Measured(float(np.median([measured.per_second for measured in rounds])), took)


def _ms(measured: Measured, percentile: float) -> float:
    return float(1_000 * np.percentile(measured.seconds, percentile))


def _in_process(uri: str, customers: pd.DataFrame) -> dict[str, float]:
    """Return milliseconds of a prediction without a server: the floor of a served one."""
    model = mlflow.pyfunc.load_model(uri)
    ours = bool(model.metadata.get_params_schema())
    options = {"params": {"detail": "basic"}} if ours else {}
    took = {
        "one_row": _typical(lambda: model.predict(customers.head(1)), 50),
        "rows_50000": _typical(lambda: model.predict(customers, **options), 3),
    }
    if ours:
        # Without what MLflow does with a table before.
        inner, matrix = model._model_impl.model, customers.to_numpy()
        took["one_row_without_mlflow"] = _typical(lambda: inner.answers(matrix[:1]), 200)
        took["rows_50000_without_mlflow"] = _typical(lambda: inner.basic(matrix), 5)
    return took


def _typical(call: Callable[[], object], times: int) -> float:
    """Return the median time of a call, in milliseconds, after one to warm up."""
    call()
    took = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return float(1_000 * np.median(took))
