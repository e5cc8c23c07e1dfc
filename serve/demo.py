"""The main job end to end on the embedded data: search, register, serve, ask, show where.

With ``--data transactions`` it begins with generated transactions and monthly statements: collect,
search, register, score into a database, RFM groups; then the same.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import requests

from serve.processes import (
    DRAIN_SECONDS,
    STOP_SECONDS,
    Service,
    ServiceError,
    ServiceGroup,
    default_logs,
    free_port,
)

CUSTOMERS, TRANSACTIONS = "customers", "transactions"
DATA = "embedded:5000"
TRIALS = 24
MODEL = "customer-segmentation"
# Fewer, as these customers have three times the columns.
TRANSACTION_CUSTOMERS, TRANSACTION_TRIALS = 3_000, 12
AS_OF = "2025-01-01"
FOLDER = Path("var/demo")
REPORT = FOLDER / "rfm.html"
SEGMENTS = f"duckdb:///{FOLDER}/bank.db?table=segments"
START_SECONDS = 90.0
BIN = Path(sys.executable).parent
INPUT = re.compile(r"<input\b[^>]*>")
ATTRIBUTE = re.compile(r'\b(name|value|type)="([^"]*)"')
# An example of the schema, or a segment's typical customer where it has none.
START = re.compile(r'href="([^"]*\?(?:example|like)=[^"]+)"')
NAME = re.compile(r'id="answer-title">([^<]+)<')
SURE = re.compile(r"<strong>([^<]+)</strong>, (\d+)%")


class DemoError(Exception):
    """A step of the demo did not do what it should; the message says which."""


@dataclass(frozen=True)
class Addresses:
    """Where to click."""

    pages: str
    mlflow: str
    scoring: str


@dataclass(frozen=True)
class Demo:
    """What a demo shows: its steps before the servers start, and where to look besides."""

    model: str
    steps: tuple[tuple[str, ...], ...]
    settings: Mapping[str, str]
    more: str = ""


def main() -> int:
    """Run the demo; return the process's exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--once", action="store_true", help="check every address, then exit")
    parser.add_argument("--data", choices=(CUSTOMERS, TRANSACTIONS), default=CUSTOMERS)
    options = parser.parse_args()
    demo = of_transactions() if options.data == TRANSACTIONS else of_customers()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ports = [free_port(preferred) for preferred in (8000, 5000, 5001)]
    addresses = Addresses(*(f"http://127.0.0.1:{port}" for port in ports))
    environment = {**_environment(addresses), **demo.settings}
    try:
        prepare(demo, environment)
        with ServiceGroup(default_logs(), environment) as group:
            for service in services(addresses, environment["MLFLOW_TRACKING_URI"]):
                group.start(service)
            print("Starting the servers …", flush=True)
            group.wait_until_ready(START_SECONDS)
            _show(addresses, sample_answer(addresses.pages), demo.more)
            if options.once:
                return 0
            print("Ctrl-C stops everything.", flush=True)
            group.wait()
    except (DemoError, ServiceError, requests.RequestException) as error:
        print(f"The demo stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEverything is stopped.")
    return 0


def services(addresses: Addresses, tracking: str) -> tuple[Service, ...]:
    """Return MLflow's UI, the scoring server, the pages and the worker that scores files."""
    mlflow = str(BIN / "mlflow")
    store = ("--backend-store-uri", tracking, "--workers", "1")
    return (
        Service(
            "mlflow",
            (mlflow, "server", *store, *_listen(addresses.mlflow)),
            f"{addresses.mlflow}/health",
        ),
        scoring_service(addresses),
        replace(pages_service(addresses), ready_url=f"{addresses.pages}/readyz"),
        worker_service(),
    )


def scoring_service(addresses: Addresses, model: str = "", workers: int = 1) -> Service:
    """Return the gateway that follows the champion, of the settings' model by default."""
    own = ("--model-name", model, "--logs", str(default_logs() / model)) if model else ()
    options = (*own, "--workers", str(workers), *_listen(addresses.scoring))
    command = (sys.executable, "-m", "serve.gateway", *options)
    name = f"scoring {model}" if model else "scoring"
    # It answers what it was asked, then stops servers of its own, which nobody else would stop.
    seconds = DRAIN_SECONDS + 2 * STOP_SECONDS
    return Service(name, command, f"{addresses.scoring}/ping", stop_seconds=seconds)


def pages_service(addresses: Addresses) -> Service:
    """Return the pages under gunicorn."""
    # Clients who send slowly hold a thread each, for seconds; the rest of a thread is cheap.
    workers = ("--workers", "1", "--threads", "256", "--worker-connections", "900")
    worker = ("--worker-class", "serve.web.deadlines.DeadlineWorker", "--keep-alive", "5")
    # Gunicorn's warnings repeat requests it could not read.
    bind = ("--bind", addresses.pages.removeprefix("http://"), "--log-level", "error")
    command = (
        # What a proxy says is for the pages to believe, by SEGMENTATION_PROXIES.
        *(str(BIN / "gunicorn"), "--no-control-socket", "--forwarded-allow-ips", ""),
        *(*workers, *worker, *bind, "serve.app:create_site()"),
    )
    return Service("pages", command, f"{addresses.pages}/healthz")


def worker_service() -> Service:
    """Return the process that scores uploaded files; it has no address."""
    return Service("worker", (sys.executable, "-m", "serve.jobs.worker"), "")


def sample_answer(pages: str) -> str:
    """Ask for a sample customer as a browser would: take a customer that the form offers, send it.

    Raises
    ------
    DemoError
        When a page is not what it should be.
    """
    session = requests.Session()
    links = START.findall(_get(session, f"{pages}/customer"))
    if not links:
        raise DemoError(f"{pages}/customer offers no customer to start from")
    page = _get(session, pages + unescape(links[0]))
    reply = session.post(f"{pages}/customer", data=form_values(page), timeout=30)
    name, how_sure = NAME.search(reply.text), SURE.search(reply.text)
    if not reply.ok or name is None or how_sure is None:
        raise DemoError(f"{pages}/customer gave no segment (status {reply.status_code})")
    return f"{unescape(name[1])} ({how_sure[1].lower()}, {how_sure[2]}%)"


def form_values(page: str) -> dict[str, str]:
    """Return what a browser would send back from the inputs of a page."""
    fields = [dict(ATTRIBUTE.findall(tag)) for tag in INPUT.findall(page)]
    return {field["name"]: unescape(field.get("value", "")) for field in fields if "name" in field}


def of_customers() -> Demo:
    """Return the demo on the embedded table of customers."""
    parameters = ("-P", f"data={DATA}", "-P", f"n_trials={TRIALS}")
    return Demo(MODEL, (_databases(), _search(MODEL, parameters)), {})


def of_transactions() -> Demo:
    """Return the demo on embedded transactions and statements, with a model of its own name."""
    model, table = f"{MODEL}-{TRANSACTIONS}", FOLDER / "customers.parquet"
    sources = (
        *("--data", f"embedded-transactions:{TRANSACTION_CUSTOMERS}"),
        *("--statements", f"embedded-statements:{TRANSACTION_CUSTOMERS}", "--as-of", AS_OF),
    )
    words = (
        *(f"data={table}", f"schema={table.with_suffix('.yaml')}"),
        *(f"n_trials={TRANSACTION_TRIALS}", f"model_name={model}", f"experiment_name={model}"),
    )
    parameters = tuple(part for word in words for part in ("-P", word))
    own = (*sources, "--model-name", model)
    steps = (
        _command("collect", *sources, "--out", str(table)),
        _databases(),
        _search(model, parameters),
        _command("score", *own, "--collect", "--out", SEGMENTS),
        _command("rfm", *own, "--out", str(REPORT.with_suffix(".csv"))),
    )
    lists = {"SEGMENTATION_MODEL_NAME": model, "SEGMENTATION_SCORED": f"{SEGMENTS}_current"}
    return Demo(model, steps, lists, f"  {REPORT}   the usual RFM groups beside the segments\n")


def prepare(demo: Demo, environment: Mapping[str, str]) -> None:
    """Run the steps before the servers start, one after another.

    Raises
    ------
    DemoError
        When one of them fails.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    for step in demo.steps:
        status = subprocess.run(step, env=environment, check=False).returncode  # noqa: S603
        if status:
            raise DemoError(f"{' '.join(step[1:])} ended with exit code {status}")


def _command(*words: str) -> tuple[str, ...]:
    return (str(BIN / "python"), "-m", "experiments", *words)


def _databases() -> tuple[str, ...]:
    return (str(BIN / "python"), "-m", "experiments.study.databases")


def _search(experiment: str, parameters: tuple[str, ...]) -> tuple[str, ...]:
    run = (str(BIN / "mlflow"), "run", ".", "--env-manager", "local")
    return (*run, "--experiment-name", experiment, *parameters)


def _environment(addresses: Addresses) -> dict[str, str]:
    return {
        **os.environ,
        "MLFLOW_TRACKING_URI": os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "SEGMENTATION_SCORING_URL": addresses.scoring,
        "SEGMENTATION_MLFLOW_URL": addresses.mlflow,
        # One model at the addresses that are printed.
        "SEGMENTATION_MODELS": "",
        "SEGMENTATION_PREFIX": "",
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _show(addresses: Addresses, sample: str, more: str) -> None:
    for address in (addresses.pages, addresses.mlflow, f"{addresses.scoring}/version"):
        _get(requests.Session(), address)
    print(
        f"A sample customer: {sample}.\n\nOpen\n"
        f"  {addresses.pages}   the pages: segments, one customer, a file\n"
        f"  {addresses.mlflow}   MLflow: every trial, the registered model\n"
        f"  {addresses.scoring}/docs   the scoring server's interface\n{more}",
        flush=True,
    )


def _get(session: requests.Session, address: str) -> str:
    reply = session.get(address, timeout=30)
    if not reply.ok:
        raise DemoError(f"{address} answered {reply.status_code}")
    return reply.text


def _listen(address: str) -> tuple[str, ...]:
    return ("--host", "127.0.0.1", "--port", address.rpartition(":")[2])


if __name__ == "__main__":
    sys.exit(main())
