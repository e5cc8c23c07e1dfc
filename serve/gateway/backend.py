"""The scoring servers of one version: checked, started, tried out, watched, stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPException
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from aiohttp import (
    ClientConnectionError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    UnixConnector,
)

from experiments.registry.client import ENVELOPES, EXAMPLE, RegistryError, servable
from segmentation.errors import SegmentationError
from serve.gateway.joining import SHORT, Envelopes, Joined, Joiner, Reply, Request, Tables
from serve.processes import Service, ServiceError, ServiceGroup, ask, listen_at

START_SECONDS = 90.0
EXAMPLE_SECONDS, ANSWER_SECONDS = 30.0, 300.0
ANSWER_END = 200
# Uvicorn reads its options from the environment too: its socket is the standard input.
SOCKET_IS_STDIN = {"UVICORN_FD": "0"}
# Where a server learns which of several it is; see `experiments.scoring_model`.
NUMBER, NUMBERS = "SEGMENTATION_SCORING_NUMBER", count()
# The file that MLflow reads, as it was registered; see `experiments.scoring_model`.
REGISTERED = "MLmodel.registered"
# What MLflow hands on as it is: a list of texts, checked by the model's own code.
PASSED_ON = {
    "signature": {"inputs": json.dumps([{"type": "string", "required": True}])},
    "is_signature_from_type_hint": True,
}


class Worker:
    """``mlflow models serve`` at a socket of its own.

    The socket is a file in a folder that only this user may enter. This process opens it, hands it
    over and keeps it open: whatever answers there is this server, and no page of a browser reaches
    it.
    """

    url = "http://localhost"

    def __init__(self, log_folder: Path, environment: Mapping[str, str]) -> None:
        self.in_flight = 0
        self.socket: Path | None = None
        self.usable = True  # false from its start until it was tried, and once it is stopped
        settings = {**environment, **SOCKET_IS_STDIN, NUMBER: str(next(NUMBERS))}
        self._group = ServiceGroup(log_folder, settings)
        self._resources = ExitStack()
        self._sessions: dict[Path | None, ClientSession] = {}

    def start(self, command: tuple[str, ...], version: str) -> str:
        """Start the server, wait until it answers, and return its name.

        Raises
        ------
        ServiceError
            When it does not come up.
        """
        self.usable = False
        private = self._resources.enter_context(TemporaryDirectory(prefix="scoring-"))
        self.socket = Path(private) / "http"
        listener = self._resources.enter_context(listen_at(self.socket))
        name = f"{self.socket.parent.name}-{version}"
        self._group.start(Service(name, command, f"{self.url}/ping", self.socket), listener)
        self._group.wait_until_ready(START_SECONDS)
        return name

    def alive(self) -> bool:
        """Tell whether the process runs and may be asked; true where it was never started."""
        return self.usable and self._group.alive()

    def stop(self) -> None:
        """Stop the server and delete its socket; safe to call twice."""
        self.usable = False
        self._group.stop()
        self._resources.close()

    def ask(self, request: Request) -> tuple[int, bytes]:
        """Return status and content of its answer, without an event loop."""
        if self.socket is None:
            raise ServiceError("The scoring server was not started.")
        headers = {"Content-Type": request.kind}
        target = "/invocations"
        return ask(self.socket, "POST", target, request.body, headers, timeout=EXAMPLE_SECONDS)

    @property
    def session(self) -> ClientSession:
        """Connections to the server, opened with the first request; see :meth:`disconnect`."""
        # Started again, it has another socket.
        if self.socket not in self._sessions:
            connector = UnixConnector(str(self.socket)) if self.socket else None
            timeout = ClientTimeout(total=ANSWER_SECONDS)
            self._sessions[self.socket] = ClientSession(
                connector=connector, timeout=timeout, cookie_jar=DummyCookieJar()
            )
        return self._sessions[self.socket]

    async def disconnect(self) -> None:
        """Close the connections; safe to call twice."""
        while self._sessions:
            await self._sessions.popitem()[1].close()


class Backend:
    """The scoring servers of one version.

    MLflow serves the very files that were checked, from a folder that only this user may enter
    and that is deleted with the servers. Given a version, it would download them once more.

    Parameters
    ----------
    mlflow
        The program.
    name, version
        Of the registered model.
    log_folder
        For the servers' output.
    environment
        Added to this process's for theirs.
    workers
        How many servers share the requests.
    """

    def __init__(
        self,
        mlflow: str,
        name: str,
        version: str,
        log_folder: Path,
        environment: Mapping[str, str],
        *,
        workers: int = 1,
    ) -> None:
        self.name, self.version = name, version
        self.workers = [Worker(log_folder, environment) for _ in range(workers)]
        self.in_flight = 0
        self.example = ""
        self.columns: tuple[str, ...] = ()
        self.joiner: Joiner = Tables((), (), self.answered)
        self._mlflow = mlflow
        self._folder = Path()
        self._resources = ExitStack()

    def start(self) -> None:
        """Check the files, start the servers, let each answer the model's own input example.

        Raises
        ------
        ModelFileError
            When a file is not as it was registered; nothing is started then.
        RegistryError
            When there is no such version, or the registry cannot be reached.
        ServiceError
            When one does not come up, or does not answer; all are stopped then.
        """
        try:
            self._folder = self._resources.enter_context(servable(self.name, self.version))
            self._take_envelopes()
            with ThreadPoolExecutor(len(self.workers)) as pool:
                list(pool.map(self._start, self.workers))
        except (RegistryError, SegmentationError, ServiceError):
            self.stop()
            raise

    def restart_ended(self) -> None:
        """Start the servers again that ended, beside those that run.

        Raises
        ------
        ServiceError
            When one does not come up; it is stopped then.
        """
        for worker in self.workers:
            if not worker.alive():
                worker.stop()
                try:
                    self._start(worker)
                except ServiceError:
                    worker.stop()
                    raise

    def choose(self) -> Worker:
        """Return the server that has the fewest requests.

        Raises
        ------
        ClientError
            When none runs.
        """
        running = [worker for worker in self.workers if worker.alive()]
        if not running:
            raise ClientConnectionError
        return min(running, key=lambda worker: worker.in_flight)

    def alive(self) -> bool:
        """Tell whether a server still runs."""
        return any(worker.alive() for worker in self.workers)

    def whole(self) -> bool:
        """Tell whether all of them do."""
        return all(worker.alive() for worker in self.workers)

    def stop(self) -> None:
        """Stop the servers and delete their files; safe to call twice."""
        for worker in self.workers:
            worker.stop()
        self._resources.close()

    async def disconnect(self) -> None:
        """Close the connections; safe to call twice."""
        for worker in self.workers:
            await worker.disconnect()

    def answered(self, content: bytes) -> bool:
        """Tell whether this version scored the customers, from the end of an answer.

        The version stands last in it. After an empty answer it is a key.
        """
        last = content[-ANSWER_END:].rpartition(b'"')[0].rpartition(b'"')[2]
        return last.decode(errors="replace") in {self.version, "model_version", "predictions"}

    def _take_envelopes(self) -> None:
        """Let the servers take whole requests, where the version reads them.

        Its code does what MLflow does with columns, so here they are not in the signature.
        """
        file = self._folder / "MLmodel"
        model = yaml.safe_load(file.read_text(encoding="utf-8"))
        if (model.get("metadata") or {}).get(ENVELOPES) == 1:
            file.rename(self._folder / REGISTERED)
            text = yaml.safe_dump({**model, **PASSED_ON}, sort_keys=False)
            file.write_text(text, encoding="utf-8")
            self.joiner = Envelopes(self.version)

    def _start(self, worker: Worker) -> None:
        model = ("--model-uri", str(self._folder), "--env-manager", "local")
        service = worker.start((self._mlflow, "models", "serve", *model), self.version)
        self._try(worker, service)
        worker.usable = True

    def _ask(self, worker: Worker, requests: Sequence[Request]) -> Sequence[Reply]:
        """Return what a server answers to requests, put together where they can be."""
        joinable = all(map(self.joiner.takes, requests))
        joined = self.joiner.join(requests) if joinable else Joined(requests[0], requests)
        with closing(joined):
            status, content = worker.ask(joined.request)
            split = self.joiner.split(content, joined) if joinable and status == 200 else None
            return split.replies if split else [Reply(status, content, joined.request.kind)]

    def _try(self, worker: Worker, service: str) -> None:
        """Let a server answer the model's own input example, alone and beside another."""
        try:
            self.example = (self._folder / EXAMPLE).read_text(encoding="utf-8")
            table = json.loads(self.example)["dataframe_split"]
            self.columns = tuple(table["columns"])
            if isinstance(self.joiner, Tables):
                cells = zip(*table["data"], strict=True)
                texts = tuple(any(isinstance(v, str) for v in column) for column in cells)
                self.joiner = Tables(self.columns, texts, self.answered)
            request = Request(self.example.encode())
            (reply,) = self._ask(worker, [request])
            if reply.status >= 400:
                raise ServiceError(f"{service} refused its own example ({reply.status})")
            versions = {row["model_version"] for row in json.loads(reply.content)["predictions"]}
            beside = self._ask(worker, [request] * 2)
            if isinstance(self.joiner, Envelopes) and self.joiner.shares:
                long = Request(self.example.encode().ljust(SHORT + 1))
                if [r.content for r in self._ask(worker, [long])] != [reply.content]:
                    self.joiner = Envelopes(self.version, shares=False)
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise ServiceError(f"{service} did not answer its own example") from error
        if any(other.content != reply.content for other in beside):
            raise ServiceError(f"{service} answers its own example otherwise beside another")
        if versions != {self.version}:
            raise ServiceError(
                f"{service} answered its own example as version {', '.join(sorted(versions))}"
            )
