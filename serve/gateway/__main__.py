"""Serve the champion at a fixed address and follow its alias: ``python -m serve.gateway``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from experiments.registry.client import CHALLENGER as CHALLENGER_ALIAS
from experiments.registry.client import RegistryError, check_model_name
from segmentation.memory import hold_memory
from serve.gateway.backend import Backend
from serve.gateway.proxy import CHALLENGER, LEAVING, SUPERVISOR, create_front
from serve.gateway.supervisor import Supervisor
from serve.logs import begin_event_log
from serve.processes import DRAIN_SECONDS, add_workers, default_logs
from serve.web.settings import SettingError, Settings

CHALLENGER_IDLE_SECONDS = 600.0
# Once it is to stop, those whose connections are open learn it; then nobody new is let in.
LAST_SECONDS = 0.5
BIN = Path(sys.executable).parent


def main() -> None:
    """Run until stopped; every scoring server started is stopped too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--model-name", default="", help="SEGMENTATION_MODEL_NAME by default")
    add_workers(parser)
    parser.add_argument("--logs", type=Path, default=default_logs())
    options = parser.parse_args()
    try:
        settings = Settings.from_environment()
        name = check_model_name(options.model_name or settings.model_name)
    except (RegistryError, SettingError) as error:
        parser.error(str(error))
    environment = {
        # MLflow starts its server through the PATH.
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        # Its warnings name columns that were sent: a customer's values, if the header is missing.
        "MLFLOW_LOGGING_LEVEL": "ERROR",
    }

    def make(version: str) -> Backend:
        mlflow = str(BIN / "mlflow")
        return Backend(mlflow, name, version, options.logs, environment, workers=options.workers)

    begin_event_log()
    hold_memory()
    challenger = Supervisor(name, make, CHALLENGER_ALIAS, CHALLENGER_IDLE_SECONDS)
    hosts, secret = settings.gateway_hosts, settings.webhook_secret
    front = create_front(Supervisor(name, make), challenger, hosts, secret)
    asyncio.run(serve_until_stopped(front, options.host, options.port))


async def serve_until_stopped(app: web.Application, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; then answer what is under way, and end.

    From the signal on new requests are answered with 503 and Retry-After, their connections are
    closed, and the gateway is not ready.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app[LEAVING].set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        await app[LEAVING].wait()
        for supervisor in (app[SUPERVISOR], app[CHALLENGER]):
            supervisor.leave()
        if runner.server is not None and runner.server.connections:
            await asyncio.sleep(LAST_SECONDS)
            await site.stop()
            # Whoever was let in last is answered too.
            await asyncio.sleep(LAST_SECONDS)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
