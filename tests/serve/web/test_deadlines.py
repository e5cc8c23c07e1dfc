"""Clients who send half a request or nothing do not keep the others waiting."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from serve.demo import Addresses, pages_service
from serve.processes import ServiceGroup, free_port
from serve.web import deadlines
from serve.web.deadlines import DeadlineSocket

HEAD = b"POST /customer HTTP/1.1\r\nHost: localhost\r\n"
SLOW = {
    "half a head": (HEAD, 8),
    "half a body": (HEAD + b"Content-Length: 9000\r\n\r\nBALANCE=1", 200),
    "nothing": (b"", 600),
    "a whole request, and stay": (b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n", 50),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the pages as `make serve` does."""
    folder: Path = tmp_path_factory.mktemp("pages")
    address = f"http://127.0.0.1:{free_port(18811)}"
    with ServiceGroup(folder, {"SEGMENTATION_INSTANCE": str(folder / "instance")}) as group:
        group.start(pages_service(Addresses(address, "", "")))
        group.wait_until_ready(60)
        yield address


@contextmanager
def held_open(pages: str, kind: str) -> Iterator[None]:
    """Keep connections open that have sent what they send."""
    content, count = SLOW[kind]
    port = int(pages.rpartition(":")[2])
    with ExitStack() as connections:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            connections.callback(connection.close)
            connection.sendall(content)
        yield


@pytest.mark.parametrize("kind", SLOW)
def test_clients_who_wait_keep_nobody_waiting(pages: str, kind: str) -> None:
    """While they are open, others are answered at once."""
    with held_open(pages, kind):
        for _ in range(3):
            assert requests.get(f"{pages}/healthz", timeout=8).ok


def test_a_client_who_sends_too_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not prolong the wait; what came in time was read."""
    monkeypatch.setattr(deadlines, "RECEIVE_SECONDS", 0.3)
    client, server = socket.socketpair()
    with client, server:
        patient, start = DeadlineSocket(server), time.monotonic()
        client.sendall(b"G")
        assert patient.recv(100) == b"G"
        client.sendall(b"E" * 50)
        with pytest.raises(ConnectionResetError, match="too slow"):
            list(iter(lambda: patient.recv(1), b""))
        assert 0.2 < time.monotonic() - start < 5
        patient.restart()
        client.sendall(b"T")
        assert patient.recv(1) == b"T"


def test_a_client_who_sends_steadily_may_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file over a slow line is received to its end."""
    monkeypatch.setattr(deadlines, "RECEIVE_SECONDS", 0.2)
    monkeypatch.setattr(deadlines, "BYTES_A_SECOND", 100)
    client, server = socket.socketpair()
    with client, server:
        patient = DeadlineSocket(server)
        for _ in range(6):
            client.sendall(bytes(10))
            assert patient.recv(100) == bytes(10)
            time.sleep(0.08)


def test_a_client_who_reads_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that is not fetched holds no thread for ever."""
    monkeypatch.setattr(deadlines, "SEND_SECONDS", 0.1)
    client, server = socket.socketpair()
    with client, server, pytest.raises(ConnectionResetError, match="too slow"):
        DeadlineSocket(server).sendall(bytes(50_000_000))
