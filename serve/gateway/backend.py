"""One scoring server for one version: checked, started, tried out, watched, stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import requests

from experiments.registry.client import EXAMPLE, RegistryError, servable
from segmentation.errors import SegmentationError
from serve.processes import Service, ServiceError, ServiceGroup, listen_on_loopback

START_SECONDS = 90.0
EXAMPLE_SECONDS = 30.0
ANSWER_END = 200
# Uvicorn reads its options from the environment too: its socket is the standard input.
SOCKET_IS_STDIN = {"UVICORN_FD": "0"}


class Backend:
    """``mlflow models serve`` for one version, on a port of its own.

    MLflow serves the very files that were checked, from a folder that only this user may enter
    and that is deleted with the server. Given a version, it would download them once more. Its
    port is a socket that this process opens, hands over and keeps open: whatever answers there
    is this server.
    """

    def __init__(
        self, mlflow: str, name: str, version: str, log_folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name, self.version = name, version
        self.url = ""
        self.in_flight = 0
        self.example = ""
        self.columns: tuple[str, ...] = ()
        self.texts: tuple[bool, ...] = ()  # which of the columns hold texts
        self._mlflow = mlflow
        self._group = ServiceGroup(log_folder, {**environment, **SOCKET_IS_STDIN})
        self._resources = ExitStack()

    def start(self) -> None:
        """Check the files, start the server, let it answer the model's own input example.

        Raises
        ------
        ModelFileError
            When a file is not as it was registered; nothing is started then.
        RegistryError
            When there is no such version, or the registry cannot be reached.
        ServiceError
            When it does not come up, or does not answer; it is stopped then.
        """
        try:
            folder = self._resources.enter_context(servable(self.name, self.version))
            listener = self._resources.enter_context(listen_on_loopback())
            port = listener.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            service = self._service(folder, port)
            self._group.start(service, listener)
            self._group.wait_until_ready(START_SECONDS)
            self._try(service.name, folder)
        except (RegistryError, SegmentationError, ServiceError):
            self.stop()
            raise

    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._group.alive()

    def stop(self) -> None:
        """Stop the server and delete its files; safe to call twice."""
        self._group.stop()
        self._resources.close()

    def answered(self, content: bytes) -> bool:
        """Tell whether this version scored the customers, from the end of an answer.

        The version stands last in it. After an empty answer it is a key.
        """
        last = content[-ANSWER_END:].rpartition(b'"')[0].rpartition(b'"')[2]
        return last.decode(errors="replace") in {self.version, "model_version", "predictions"}

    def _service(self, folder: Path, port: int) -> Service:
        model = ("--model-uri", str(folder), "--env-manager", "local")
        where = ("--host", "127.0.0.1", "--port", str(port))
        return Service(
            f"scoring-{self.version}-{port}",
            (self._mlflow, "models", "serve", *model, *where),
            f"{self.url}/ping",
        )

    def _try(self, service: str, folder: Path) -> None:
        try:
            example = (folder / EXAMPLE).read_text(encoding="utf-8")
            reply = requests.post(
                f"{self.url}/invocations",
                data=example.encode(),
                headers={"Content-Type": "application/json"},
                timeout=EXAMPLE_SECONDS,
            )
            if not reply.ok:
                raise ServiceError(f"{service} refused its own example ({reply.status_code})")
            versions = {row["model_version"] for row in reply.json()["predictions"]}
            self.example = example
            table = json.loads(example)["dataframe_split"]
            self.columns = tuple(table["columns"])
            cells = zip(*table["data"], strict=True)
            self.texts = tuple(any(isinstance(v, str) for v in column) for column in cells)
        except (OSError, ValueError, KeyError, TypeError) as error:
            # Requests' own errors are OSErrors.
            raise ServiceError(f"{service} did not answer its own example") from error
        if versions != {self.version}:
            raise ServiceError(
                f"{service} answered its own example as version {', '.join(sorted(versions))}"
            )
