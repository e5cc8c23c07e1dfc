"""The main job end to end on the embedded data: search, register, serve, ask, show where."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import requests

from serve.processes import Service, ServiceError, ServiceGroup, free_port

DATA = "embedded:5000"
TRIALS = 24
MODEL = "customer-segmentation"
START_SECONDS = 90.0
BIN = Path(sys.executable).parent
INPUT = re.compile(r"<input\b[^>]*>")
ATTRIBUTE = re.compile(r'\b(name|value|type)="([^"]*)"')
EXAMPLE = re.compile(r'href="([^"]*\?example=[^"]+)"')
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


def main() -> int:
    """Run the demo; return the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="check every address, then exit")
    once = parser.parse_args().once
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ports = [free_port(preferred) for preferred in (8000, 5000, 5001)]
    addresses = Addresses(*(f"http://127.0.0.1:{port}" for port in ports))
    environment = _environment(addresses)
    try:
        _search(environment)
        with ServiceGroup(Path("var/log"), environment) as group:
            for service in services(addresses, environment["MLFLOW_TRACKING_URI"]):
                group.start(service)
            print("Starting the servers …", flush=True)
            group.wait_until_ready(START_SECONDS)
            _show(addresses, sample_answer(addresses.pages))
            if once:
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


def scoring_service(addresses: Addresses) -> Service:
    """Return the scoring server that follows the champion."""
    command = (sys.executable, "-m", "serve.gateway", *_listen(addresses.scoring))
    return Service("scoring", command, f"{addresses.scoring}/ping")


def pages_service(addresses: Addresses) -> Service:
    """Return the pages under gunicorn."""
    # Clients who send slowly hold a thread each, for seconds; the rest of a thread is cheap.
    workers = ("--workers", "1", "--threads", "256", "--worker-connections", "900")
    worker = ("--worker-class", "serve.web.deadlines.DeadlineWorker", "--keep-alive", "5")
    # Gunicorn's warnings repeat requests it could not read.
    bind = ("--bind", addresses.pages.removeprefix("http://"), "--log-level", "error")
    command = (
        *(str(BIN / "gunicorn"), "--no-control-socket"),
        *(*workers, *worker, *bind, "serve.app:create_app()"),
    )
    return Service("pages", command, f"{addresses.pages}/healthz")


def worker_service() -> Service:
    """Return the process that scores uploaded files; it has no address."""
    return Service("worker", (sys.executable, "-m", "serve.jobs.worker"), "")


def sample_answer(pages: str) -> str:
    """Ask for a sample customer as a browser would: take an example, send the form.

    Raises
    ------
    DemoError
        When a page is not what it should be.
    """
    session = requests.Session()
    links = EXAMPLE.findall(_get(session, f"{pages}/customer"))
    if not links:
        raise DemoError(f"{pages}/customer offers no example")
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


def _search(environment: dict[str, str]) -> None:
    python, mlflow = str(BIN / "python"), str(BIN / "mlflow")
    parameters = ("-P", f"data={DATA}", "-P", f"n_trials={TRIALS}")
    steps = (
        (python, "-m", "experiments.study.databases"),
        (mlflow, "run", ".", "--env-manager", "local", "--experiment-name", MODEL, *parameters),
    )
    for step in steps:
        status = subprocess.run(step, env=environment, check=False).returncode  # noqa: S603
        if status:
            raise DemoError(f"{' '.join(step[1:])} ended with exit code {status}")


def _environment(addresses: Addresses) -> dict[str, str]:
    return {
        **os.environ,
        "MLFLOW_TRACKING_URI": os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "SEGMENTATION_SCORING_URL": addresses.scoring,
        "SEGMENTATION_MLFLOW_URL": addresses.mlflow,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _show(addresses: Addresses, sample: str) -> None:
    for address in (addresses.pages, addresses.mlflow, f"{addresses.scoring}/version"):
        _get(requests.Session(), address)
    print(
        f"A sample customer: {sample}.\n\nOpen\n"
        f"  {addresses.pages}   the pages: segments, one customer, a file\n"
        f"  {addresses.mlflow}   MLflow: every trial, the registered model\n"
        f"  {addresses.scoring}/docs   the scoring server's interface\n",
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
