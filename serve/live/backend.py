"""One scoring server for one version: started, tried out, watched, stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import requests

from serve.processes import Service, ServiceError, ServiceGroup, free_port

START_SECONDS = 90.0
EXAMPLE_SECONDS = 30.0
FIRST_PORT = 5101


class Backend:
    """``mlflow models serve`` for one version, on a port of its own.

    Parameters
    ----------
    mlflow
        Path of the program.
    name, version
        Of the model.
    log_folder, environment
        As of :class:`serve.processes.ServiceGroup`.
    """

    def __init__(
        self, mlflow: str, name: str, version: str, log_folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.version = version
        port = free_port(FIRST_PORT)
        self.url = f"http://127.0.0.1:{port}"
        self.in_flight = 0
        self.example = ""
        self.columns: tuple[str, ...] = ()
        self._group = ServiceGroup(log_folder, environment)
        model = ("--model-uri", f"models:/{name}/{version}", "--env-manager", "local")
        where = ("--host", "127.0.0.1", "--port", str(port))
        self._service = Service(
            f"scoring-{version}-{port}",
            (mlflow, "models", "serve", *model, *where),
            f"{self.url}/ping",
        )

    def start(self, example: str) -> None:
        """Start the server and let it answer the model's own input example.

        Raises
        ------
        ServiceError
            When it does not come up, or does not answer; it is stopped then.
        """
        try:
            self._group.start(self._service)
            self._group.wait_until_ready(START_SECONDS)
            self._try(example)
        except ServiceError:
            self.stop()
            raise

    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._group.alive()

    def stop(self) -> None:
        """Stop the server; safe to call twice."""
        self._group.stop()

    def _try(self, example: str) -> None:
        try:
            reply = requests.post(
                f"{self.url}/invocations",
                data=example.encode(),
                headers={"Content-Type": "application/json"},
                timeout=EXAMPLE_SECONDS,
            )
            answered = reply.ok and len(reply.json()["predictions"]) > 0
            self.example = example
            self.columns = tuple(json.loads(example)["dataframe_split"]["columns"])
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise ServiceError(f"{self._service.name} did not answer its own example") from error
        if not answered:
            raise ServiceError(
                f"{self._service.name} refused its own example ({reply.status_code})"
            )
