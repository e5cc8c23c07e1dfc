"""Requests per second of the served model beside a stock scikit-learn pipeline, same command."""

from __future__ import annotations

import asyncio
import io
import json
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
from experiments.registry import packaging
from experiments.tracking.event_run import registry_experiment
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.evaluation.evaluator import Evaluator
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import load_schema

NAME, CARDS = "serving-benchmark", "cc_general"
SEGMENTS = 6
TRAINED_ON, LARGEST = 9_000, 50_000
OURS, STOCK = "ours", "stock"
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
FORMATS = {JSON: "JSON", CSV: "CSV", PARQUET: "Parquet"}
# At least as fast as stock, three times for many rows, and no slower for several at once.
NO_SLOWER = ("one_row_ratio", "rows_1000_ratio", "rows_50000_ratio", "four_over_one")
TARGETS = dict.fromkeys(NO_SLOWER, 1.0) | {"best_format_ratio": 3.0}


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
    """One kind of work on both servers; times in milliseconds."""

    work: Work
    ours: Measured
    stock: Measured
    ratio: float


def run_serving(
    rounds: int, seconds: float, port: int, logs: Path
) -> tuple[list[ServingRow], dict[str, Any]]:
    """Measure both servers in turn; return a row per kind of work, and the report.

    Parameters
    ----------
    rounds
        Each server is asked so often, in turn; a ratio is the median over rounds.
    seconds
        Each time; at least two requests are made.
    port
        Of the first server; the other takes the next one.
    logs
        Folder for the servers' logs.
    """
    customers = generate(LARGEST, seed=3)[list(load_schema(CARDS).column_names)].astype(float)
    uris = {OURS: _our_model(), STOCK: _stock_model()}
    urls = {name: f"http://127.0.0.1:{port + i}" for i, name in enumerate(uris)}
    with running(_servers(uris, urls), logs, {"OMP_NUM_THREADS": "1"}) as processes:
        rows = [_measure(work, urls, customers, rounds, seconds) for work in WORKS]
        memory = {name: megabytes(process) for name, process in processes.items()}
    inside = {name: _in_process(uri, customers) for name, uri in uris.items()}
    return rows, {**_ratios(rows), "memory_mb": memory, "in_process_ms": inside}


def serving_table(rows: list[ServingRow], report: dict[str, Any]) -> str:
    """Return what a person reads: a line per kind of work, memory, the floor in the process."""
    lines = [
        f"{'rows':>6} {'conn.':>5} {'format':>8} {'detail':>6} | {'ours/s':>8} {'p50 ms':>8} "
        f"{'p99 ms':>8} | {'stock/s':>8} {'p50 ms':>8} {'p99 ms':>8} | {'ours/stock':>10}"
    ]
    for row in rows:
        work, both = row.work, (row.ours, row.stock)
        cells = [f"{m.per_second:8.1f} {_ms(m, 50):8.1f} {_ms(m, 99):8.1f}" for m in both]
        lines.append(
            f"{work.rows:6,} {work.connections:5} {FORMATS[work.content]:>8} {work.detail:>6} | "
            f"{cells[0]} | {cells[1]} | {row.ratio:10.2f}"
        )
    for name in (OURS, STOCK):
        floor = report["in_process_ms"][name]
        served = _ms(getattr(rows[0], name), 50)
        lines.append(
            f"{name}: {report['memory_mb'][name]:.0f} MB; one row in process "
            f"{floor['one_row']:.1f} ms, served {served:.1f} ms ({served / floor['one_row']:.1f} "
            f"times); {LARGEST:,} rows in process {floor['rows_50000']:.0f} ms"
        )
    figures = {name: value for name, value in report.items() if isinstance(value, float)}
    return "\n".join([*lines, *(f"{name}: {value:.2f}" for name, value in figures.items())])


def too_slow(report: dict[str, Any]) -> list[str]:
    """Return a sentence for each target that was not met."""
    return [
        f"{name} is {report[name]:.2f}, at least {least:g} wanted"
        for name, least in TARGETS.items()
        if round(report[name], 2) < least
    ]


def _ratios(rows: list[ServingRow]) -> dict[str, Any]:
    by_work = {row.work: row for row in rows}
    one, four = (by_work[work] for work in WORKS[:2])
    parquet, stock_json = by_work[WORKS[7]], by_work[WORKS[4]].stock
    return {
        "one_row_ratio": one.ratio,
        "rows_1000_ratio": by_work[WORKS[2]].ratio,
        "rows_50000_ratio": by_work[WORKS[4]].ratio,
        "best_format_ratio": parquet.ours.per_second / stock_json.per_second,
        "four_over_one": four.ours.per_second / one.ours.per_second,
        "stock_four_over_one": four.stock.per_second / one.stock.per_second,
        "file_rows_per_second": parquet.ours.per_second * LARGEST,
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


def _servers(uris: dict[str, str], urls: dict[str, str]) -> dict[str, Server]:
    """Return ``mlflow models serve`` for every model, by name."""
    program = (str(BIN / "mlflow"), "models", "serve", "--env-manager", "local")
    return {
        name: Server(
            (*program, "--model-uri", uri, "--port", urls[name].rpartition(":")[2]),
            f"{urls[name]}/ping",
        )
        for name, uri in uris.items()
    }


def _measure(
    work: Work, urls: dict[str, str], customers: pd.DataFrame, rounds: int, seconds: float
) -> ServingRow:
    measurements: dict[str, list[Measured]] = {OURS: [], STOCK: []}
    for number in range(rounds + 1):
        for name, url in urls.items():
            body = _body(work, customers.head(work.rows), ours=name == OURS)
            measured = asyncio.run(_ask(url, body, work, seconds if number else 0.0))
            if number:  # the first round warms both up
                measurements[name].append(measured)
    pairs = zip(measurements[OURS], measurements[STOCK], strict=True)
    ratio = float(np.median([ours.per_second / stock.per_second for ours, stock in pairs]))
    return ServingRow(work, _together(measurements[OURS]), _together(measurements[STOCK]), ratio)


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
