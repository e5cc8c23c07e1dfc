"""Start the servers a person needs side by side, know when they answer, stop them all."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

import psutil
import requests

LOGS_VARIABLE = "SEGMENTATION_LOGS"
MOST_WORKERS = 64
POLL_SECONDS = 0.2
STOP_SECONDS = 10.0
# So long a gateway that is to stop waits for the answers to what it was asked.
DRAIN_SECONDS = 20.0


class ServiceError(Exception):
    """A server did not start; the message names it, the reason and its log file."""


@dataclass(frozen=True)
class Service:
    """One server process: its name in messages and log files, and its command (no shell).

    `ready_url` answers with a status below 400 once the server can be used; it is empty for a
    process without an address. With a `socket`, a file, the server answers there and not at the
    address's port. It has `stop_seconds` to end by itself.
    """

    name: str
    command: tuple[str, ...]
    ready_url: str
    socket: Path | None = None
    stop_seconds: float = STOP_SECONDS


class ServiceGroup:
    """Servers that live and die together; use it as a context manager.

    Parameters
    ----------
    log_folder
        Each server's output goes to ``<log_folder>/<name>.log``.
    environment
        Added to this process's environment.
    """

    def __init__(self, log_folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log_folder = log_folder
        self.environment = {**os.environ, **(environment or {})}
        self._running: dict[Service, subprocess.Popen[bytes]] = {}

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Process ids of the servers started, in order."""
        return tuple(process.pid for process in self._running.values())

    def start(self, service: Service, listener: socket.socket | None = None) -> None:
        """Start `service`, or start it again after it ended, in a process group of its own.

        A `listener` becomes its standard input. It stays open here as long as the process lives,
        so that no other process can ever answer there, and is closed after it: then connections
        are refused.

        Raises
        ------
        ServiceError
            When another process listens on its port or writes its log, which stays as it is, or
            when there can be no log.
        """
        if service in self._running:
            self._running[service].wait()
            _end_group(self._running[service])
        if listener is None:
            _check_port(service)
        try:
            self.log_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ServiceError(
                f"{service.name}: {self.log_folder} cannot be made for logs ({error.strerror}). "
                f"Name a folder that can be written in {LOGS_VARIABLE}."
            ) from error
        with self._log(service).open("ab") as log:
            self._begin_log(service, log)
            process = subprocess.Popen(  # noqa: S603 - fixed programs, no shell
                service.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL if listener is None else listener.fileno(),
                env=self.environment,
                start_new_session=True,
            )
        self._running[service] = process
        if listener is not None:
            threading.Thread(target=_close_after, args=(process, listener), daemon=True).start()

    def _begin_log(self, service: Service, log: BinaryIO) -> None:
        """Empty a log, unless another process writes to it.

        The lock belongs to the open file, so that the server, which inherits it, keeps it.
        """
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceError(
                f"{service.name}: another process writes to {self._log(service)}. Stop it, or "
                "start this one in another folder."
            ) from error
        log.truncate(0)

    def wait_until_ready(self, seconds: float) -> None:
        """Return once every started server answers on a port of its own.

        Raises
        ------
        ServiceError
            When one ends early, or does not answer within `seconds`. An answer of another
            process on its port does not count.
        """
        deadline = time.monotonic() + seconds
        for service in self._running:
            while not self._ready(service):
                self._check_alive(service)
                if time.monotonic() > deadline:
                    raise ServiceError(
                        f"{service.name} did not answer at {service.ready_url} within "
                        f"{seconds:.0f} s; its log is {self._log(service)}"
                    )
                time.sleep(POLL_SECONDS)

    def _ready(self, service: Service) -> bool:
        """Tell whether a server answers, and not another process in its place."""
        if not service.ready_url:
            return True
        if service.socket is not None:
            with contextlib.suppress(OSError, HTTPException):
                return ask(service.socket, "GET", urlsplit(service.ready_url).path)[0] < 400
            return False
        port = urlsplit(service.ready_url).port
        return _answers(service.ready_url) and port in _listening(self._running[service].pid)

    def wait(self) -> None:
        """Block until a server ends by itself.

        Raises
        ------
        ServiceError
            Naming the server that ended.
        """
        while True:
            for service in self._running:
                self._check_alive(service)
            time.sleep(POLL_SECONDS)

    def alive(self) -> bool:
        """Tell whether every server started still runs."""
        return all(process.poll() is None for process in self._running.values())

    def stop(self) -> None:
        """Stop every server started here, politely first; safe to call twice."""
        for process in self._running.values():
            _signal_group(process, signal.SIGTERM)
        begun = time.monotonic()
        for service, process in self._running.items():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, begun + service.stop_seconds - time.monotonic()))
            # Workers may outlive their parent: whatever is left of the group goes too.
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._running.clear()

    def _check_alive(self, service: Service) -> None:
        code = self._running[service].poll()
        if code is not None:
            raise ServiceError(
                f"{service.name} ended with exit code {code}; its log is {self._log(service)}"
            )

    def _log(self, service: Service) -> Path:
        return self.log_folder / f"{service.name}.log"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def default_logs() -> Path:
    """Return the folder of logs: that of the environment, else ``var/log`` in this folder."""
    return Path(os.environ.get(LOGS_VARIABLE) or "var/log")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--workers``: how many scoring servers each version of a model has."""

    def number(text: str) -> int:
        if not (text.isdecimal() and 1 <= int(text) <= MOST_WORKERS):
            expected = f"expected a whole number from 1 to {MOST_WORKERS}, found {text!r}"
            raise argparse.ArgumentTypeError(expected)
        return int(text)

    what = "scoring servers for each version of a model, 1 by default: one for each core at most"
    parser.add_argument("--workers", type=number, default=1, metavar="N", help=what)


def free_port(preferred: int) -> int:
    """Return `preferred` where nothing listens there on loopback, else a free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listen_at(path: Path) -> socket.socket:
    """Return a socket that listens at a file, for :meth:`ServiceGroup.start`.

    Who may not enter the file's folder does not reach it, and no page of a browser does.

    Raises
    ------
    ServiceError
        When the file's name is longer than the system allows.
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise ServiceError(
            f"{path} cannot be listened at ({error}). Name a shorter folder in TMPDIR."
        ) from error
    listener.listen(2048)
    return listener


class _LocalConnection(HTTPConnection):
    """HTTP through a socket that is a file."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        """Connect to the file."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(
    path: Path,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float = 2.0,
) -> tuple[int, bytes]:
    """Return status and body of a server's answer at a socket that is a file.

    Raises
    ------
    OSError
        When nobody listens, or no answer comes in time.
    http.client.HTTPException
        When what comes is no answer.
    """
    with contextlib.closing(_LocalConnection(path, timeout)) as connection:
        connection.request(method, target, body, dict(headers or {}))
        reply = connection.getresponse()
        return reply.status, reply.read()


def _end_group(ended: subprocess.Popen[bytes]) -> None:
    """End what a server that ended left behind: it still writes the log."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == ended.pid:
                left.append(process)
    _signal_group(ended, signal.SIGKILL)
    psutil.wait_procs(left, timeout=STOP_SECONDS)


def _close_after(process: subprocess.Popen[bytes], listener: socket.socket) -> None:
    process.wait()
    listener.close()


def _check_port(service: Service) -> None:
    """Refuse a port on which another process listens already, and name it.

    Raises
    ------
    ServiceError
        Naming the port, and the process where this user may see it.
    """
    address = urlsplit(service.ready_url)
    if not address.port:
        return
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex((address.hostname or "127.0.0.1", address.port)):
            return
    raise ServiceError(
        f"{service.name}: port {address.port} is in use by {_owner(address.port)}. Stop it, or "
        "choose another port."
    )


def _owner(port: int) -> str:
    """Return which process listens on a port, in words."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return f"process {process.pid} ({process.name()})"
    return "another process"


def _listening(pid: int) -> set[int]:
    """Return the ports on which a process or a descendant of it listens."""
    ports: set[int] = set()
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                ports |= {
                    connection.laddr.port
                    for connection in process.net_connections("tcp")
                    if connection.status == psutil.CONN_LISTEN
                }
    return ports


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code < 400
    except requests.RequestException:
        return False


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
