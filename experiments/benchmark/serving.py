"""Requests per second of the served model, behind the gateway too, beside a stock pipeline."""

from __future__ import annotations

import asyncio
import io
import json
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

from experiments.benchmark.servers import BIN, Server, megabytes, running
from experiments.registry import packaging, registration
from experiments.registry.client import CHAMPION
from experiments.tracking.event_run import registry_experiment
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.evaluation.evaluator import Evaluator
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import load_schema

NAME, CARDS = "serving-benchmark", "cc_general"
SEGMENTS = 6
TRAINED_ON, LARGEST = 9_000, 50_000
OURS, STOCK, GATEWAY = "ours", "stock", "gateway"
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
FORMATS = {JSON: "JSON", CSV: "CSV", PARQUET: "Parquet"}
# Requests a second over those of the stock pipeline, asked in the same way.
TARGETS = {
    "gateway_1_ratio": 1.3,
    "gateway_4_ratio": 2.0,
    "gateway_32_ratio": 6.0,
    "one_row_ratio": 1.0,
    "json_1000_ratio": 2.0,
    "json_50000_ratio": 1.5,
    "csv_50000_ratio": 1.0,
    "parquet_50000_ratio": 1.0,
    "parquet_full_ratio": 0.3,
    "best_format_ratio": 3.0,
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


WORKS = (
    Work(1, 1, detail="full"),
    Work(1, 4, detail="full"),
    Work(1, 32, detail="full"),
    Work(1_000, 1),
    Work(1_000, 4),
    Work(LARGEST, 1),
    Work(LARGEST, 4),
    Work(LARGEST, 1, CSV),
    Work(LARGEST, 1, PARQUET),
    Work(LARGEST, 1, PARQUET, "full"),
)


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
    """One kind of work on every server that does it; `ratios` are over the stock pipeline's."""

    work: Work
    measured: dict[str, Measured]
    ratios: dict[str, float]


def run_serving(
    rounds: int, seconds: float, port: int, logs: Path
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
    """
    customers = generate(LARGEST, seed=3)[list(load_schema(CARDS).column_names)].astype(float)
    uris = {OURS: _our_model(), STOCK: _stock_model()}
    names = (OURS, STOCK, GATEWAY)
    urls = {name: f"http://127.0.0.1:{port + i}" for i, name in enumerate(names)}
    environment = {"OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    with running(_servers(uris, urls, logs), logs, environment) as processes:
        rows = [_measure(work, urls, customers, rounds, seconds) for work in WORKS]
        memory = {name: megabytes(process) for name, process in processes.items()}
    inside = {name: _in_process(uri, customers) for name, uri in uris.items()}
    return rows, {**_ratios(rows), "memory_mb": memory, "in_process_ms": inside}


def serving_table(rows: list[ServingRow], report: dict[str, Any]) -> str:
    """Return what a person reads: a line per kind of work, memory, the floor in the process."""
    lines = [
        f"{'rows':>6} {'conn.':>5} {'format':>8} {'detail':>6} {'server':>8} | {'per s':>8} "
        f"{'p50 ms':>8} {'p99 ms':>8} | {'over stock':>10}"
    ]
    for row in rows:
        work = row.work
        for name, one in row.measured.items():
            lines.append(
                f"{work.rows:6,} {work.connections:5} {FORMATS[work.content]:>8} "
                f"{work.detail if name != STOCK else '':>6} {name:>8} | {one.per_second:8.1f} "
                f"{_ms(one, 50):8.1f} {_ms(one, 99):8.1f} | {row.ratios[name]:10.2f}"
            )
    for name in (OURS, STOCK):
        floor = report["in_process_ms"][name]
        served = _ms(rows[0].measured[name], 50)
        lines.append(
            f"{name}: {report['memory_mb'][name]:.0f} MB; one row in process "
            f"{floor['one_row']:.1f} ms, served {served:.1f} ms ({served / floor['one_row']:.1f} "
            f"times); {LARGEST:,} rows in process {floor['rows_50000']:.0f} ms"
        )
    figures = {name: value for name, value in report.items() if isinstance(value, float)}
    return "\n".join([*lines, *(f"{name}: {value:.2f}" for name, value in figures.items())])


def too_slow(report: dict[str, Any]) -> list[str]:
    """Return a sentence for each target that was not met."""
    low = [
        f"{name} is {report[name]:.2f}, at least {least:g} wanted"
        for name, least in TARGETS.items()
        if round(report[name], 2) < least
    ]
    return low + [
        f"{name} is {report[name]:.2f}, at most {most:g} wanted"
        for name, most in MOST.items()
        if round(report[name], 2) > most
    ]


def _ratios(rows: list[ServingRow]) -> dict[str, Any]:
    of = {(r.work.rows, r.work.connections, r.work.content, r.work.detail): r for r in rows}
    one, four, many = (of[1, connections, JSON, "full"] for connections in (1, 4, 32))
    thousand, json_, csv, parquet, full = (
        of[1_000, 1, JSON, "basic"],
        *(of[LARGEST, 1, kind, "basic"] for kind in (JSON, CSV, PARQUET)),
        of[LARGEST, 1, PARQUET, "full"],
    )
    stock = _ms(many.measured[STOCK], 50)
    largest = parquet.measured[OURS].per_second
    return {
        "gateway_1_ratio": one.ratios[GATEWAY],
        "gateway_4_ratio": four.ratios[GATEWAY],
        "gateway_32_ratio": many.ratios[GATEWAY],
        "gateway_32_p99_over_stock_median": _ms(many.measured[GATEWAY], 99) / stock,
        "one_row_ratio": one.ratios[OURS],
        "json_1000_ratio": thousand.ratios[OURS],
        "json_50000_ratio": json_.ratios[OURS],
        "csv_50000_ratio": csv.ratios[OURS],
        "parquet_50000_ratio": parquet.ratios[OURS],
        "parquet_full_ratio": full.ratios[OURS],
        "best_format_ratio": largest / json_.measured[STOCK].per_second,
        "file_rows_per_second": largest * LARGEST,
    }


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
    """Return ``mlflow models serve`` for every model, and the gateway for the champion, by name."""
    program = (str(BIN / "mlflow"), "models", "serve", "--env-manager", "local")
    ports = {name: url.rpartition(":")[2] for name, url in urls.items()}
    servers = {
        name: Server(
            (*program, "--model-uri", uri, "--port", ports[name]),
            f"{urls[name]}/ping",
        )
        for name, uri in uris.items()
    }
    gateway = (sys.executable, "-m", "serve.gateway", "--model-name", NAME, "--logs", str(logs))
    ready = f"{urls[GATEWAY]}/ping"
    return {**servers, GATEWAY: Server((*gateway, "--port", ports[GATEWAY]), ready)}


def _measure(
    work: Work, urls: dict[str, str], customers: pd.DataFrame, rounds: int, seconds: float
) -> ServingRow:
    # Many customers in a request are not joined with others: the gateway hands them on.
    servers = {n: url for n, url in urls.items() if n != GATEWAY or work.rows == 1}
    measurements: dict[str, list[Measured]] = {name: [] for name in servers}
    for number in range(rounds + 1):
        for name, url in servers.items():
            body = _body(work, customers.head(work.rows), ours=name != STOCK)
            measured = asyncio.run(_ask(url, body, work, seconds if number else 0.0))
            if number:  # the first round warms them up
                measurements[name].append(measured)
    ratios = {
        name: float(
            np.median(
                [
                    own.per_second / stock.per_second
                    for own, stock in zip(rounds_of, measurements[STOCK], strict=True)
                ]
            )
        )
        for name, rounds_of in measurements.items()
    }
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
    address, headers = f"{url}/invocations", {"Content-Type": work.content}
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
    options = {"params": {"detail": "basic"}} if model.metadata.get_params_schema() else {}
    return {
        "one_row": _typical(lambda: model.predict(customers.head(1)), 50),
        "rows_50000": _typical(lambda: model.predict(customers, **options), 3),
    }


def _typical(call: Callable[[], object], times: int) -> float:
    """Return the median time of a call, in milliseconds, after one to warm up."""
    call()
    took = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return float(1_000 * np.median(took))
