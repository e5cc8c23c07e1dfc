"""One scoring server for one version: checked, started, tried out, watched, stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, UnixConnector

from experiments.registry.client import ENVELOPES, EXAMPLE, RegistryError, servable
from segmentation.errors import SegmentationError
from serve.gateway.joining import SHORT, Envelopes, Joined, Joiner, Reply, Request, Tables
from serve.processes import Service, ServiceError, ServiceGroup, ask, listen_at

START_SECONDS = 90.0
EXAMPLE_SECONDS, ANSWER_SECONDS = 30.0, 300.0
ANSWER_END = 200
# Uvicorn reads its options from the environment too: its socket is the standard input.
SOCKET_IS_STDIN = {"UVICORN_FD": "0"}
# The file that MLflow reads, as it was registered; see `experiments.scoring_model`.
REGISTERED = "MLmodel.registered"
# What MLflow hands on as it is: a list of texts, checked by the model's own code.
PASSED_ON = {
    "signature": {"inputs": json.dumps([{"type": "string", "required": True}])},
    "is_signature_from_type_hint": True,
}


class Backend:
    """``mlflow models serve`` for one version, at a socket of its own.

    MLflow serves the very files that were checked, from a folder that only this user may enter
    and that is deleted with the server. Given a version, it would download them once more. Its
    socket is a file in such a folder, which this process opens, hands over and keeps open:
    whatever answers there is this server, and no page of a browser reaches it.
    """

    def __init__(
        self, mlflow: str, name: str, version: str, log_folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name, self.version = name, version
        self.url = "http://localhost"
        self.socket: Path | None = None
        self.in_flight = 0
        self.example = ""
        self.columns: tuple[str, ...] = ()
        self.joiner: Joiner = Tables((), (), self.answered)
        self._mlflow = mlflow
        self._group = ServiceGroup(log_folder, {**environment, **SOCKET_IS_STDIN})
        self._resources = ExitStack()
        self._session: ClientSession | None = None

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
            self._take_envelopes(folder)
            private = self._resources.enter_context(TemporaryDirectory(prefix="scoring-"))
            self.socket = Path(private) / "http"
            listener = self._resources.enter_context(listen_at(self.socket))
            service = self._service(folder, self.socket)
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

    @property
    def session(self) -> ClientSession:
        """Connections to the server, opened with the first request; see :meth:`disconnect`."""
        if self._session is None:
            connector = UnixConnector(str(self.socket)) if self.socket else None
            timeout = ClientTimeout(total=ANSWER_SECONDS)
            self._session = ClientSession(
                connector=connector, timeout=timeout, cookie_jar=DummyCookieJar()
            )
        return self._session

    async def disconnect(self) -> None:
        """Close the connections; safe to call twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _take_envelopes(self, folder: Path) -> None:
        """Let the server take whole requests, where the version reads them.

        Its code does what MLflow does with columns, so here they are not in the signature.
        """
        file = folder / "MLmodel"
        model = yaml.safe_load(file.read_text(encoding="utf-8"))
        if (model.get("metadata") or {}).get(ENVELOPES) == 1:
            file.rename(folder / REGISTERED)
            text = yaml.safe_dump({**model, **PASSED_ON}, sort_keys=False)
            file.write_text(text, encoding="utf-8")
            self.joiner = Envelopes(self.version)

    def _service(self, folder: Path, path: Path) -> Service:
        model = ("--model-uri", str(folder), "--env-manager", "local")
        return Service(
            f"{path.parent.name}-{self.version}",
            (self._mlflow, "models", "serve", *model),
            f"{self.url}/ping",
            path,
        )

    def _ask(self, path: Path, requests: Sequence[Request]) -> Sequence[Reply]:
        """Return what the server answers to requests, put together where they can be."""
        joinable = all(map(self.joiner.takes, requests))
        joined = self.joiner.join(requests) if joinable else Joined(requests[0], requests)
        with closing(joined):
            one = joined.request
            headers = {"Content-Type": one.kind}
            status, content = ask(
                path, "POST", "/invocations", one.body, headers, timeout=EXAMPLE_SECONDS
            )
            split = self.joiner.split(content, joined) if joinable and status == 200 else None
            return split.replies if split else [Reply(status, content, one.kind)]

    def _try(self, service: str, folder: Path) -> None:
        """Let the server answer the model's own input example, alone and beside another."""
        assert self.socket is not None
        try:
            self.example = (folder / EXAMPLE).read_text(encoding="utf-8")
            table = json.loads(self.example)["dataframe_split"]
            self.columns = tuple(table["columns"])
            if isinstance(self.joiner, Tables):
                cells = zip(*table["data"], strict=True)
                texts = tuple(any(isinstance(v, str) for v in column) for column in cells)
                self.joiner = Tables(self.columns, texts, self.answered)
            request = Request(self.example.encode())
            (reply,) = self._ask(self.socket, [request])
            if reply.status >= 400:
                raise ServiceError(f"{service} refused its own example ({reply.status})")
            versions = {row["model_version"] for row in json.loads(reply.content)["predictions"]}
            beside = self._ask(self.socket, [request] * 2)
            if isinstance(self.joiner, Envelopes) and self.joiner.shares:
                long = Request(self.example.encode().ljust(SHORT + 1))
                if [r.content for r in self._ask(self.socket, [long])] != [reply.content]:
                    self.joiner = Envelopes(self.version, shares=False)
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise ServiceError(f"{service} did not answer its own example") from error
        if any(other.content != reply.content for other in beside):
            raise ServiceError(f"{service} answers its own example otherwise beside another")
        if versions != {self.version}:
            raise ServiceError(
                f"{service} answered its own example as version {', '.join(sorted(versions))}"
            )
