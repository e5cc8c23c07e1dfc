"""A scoring server that breaks off in the middle of an answer, on a real socket."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
HALF = HEAD + b'{"predictions": [{"segment": 1, '


def closes(connection: socket.socket, _: threading.Event) -> None:
    """Send half an answer, then close."""
    connection.sendall(HALF)


def says_nothing(connection: socket.socket, _: threading.Event) -> None:
    """Close before the first byte of an answer."""


def resets(connection: socket.socket, _: threading.Event) -> None:
    """Send half an answer, then reset the connection."""
    connection.sendall(HALF)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def hangs(connection: socket.socket, over: threading.Event) -> None:
    """Send half an answer, then nothing more."""
    connection.sendall(HALF)
    over.wait()


def drips(connection: socket.socket, over: threading.Event) -> None:
    """Send a byte now and then: a limit on each single byte would never be reached."""
    connection.sendall(HALF)
    while not over.wait(0.3):
        connection.sendall(b" ")


WAYS = (closes, says_nothing, resets, hangs, drips)


@contextmanager
def dying(port: int, way: Callable[[socket.socket, threading.Event], None]) -> Iterator[None]:
    """Answer every request on a port in one of the ways until the block ends."""
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            way(connection, over)

    def listen(server: socket.socket) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                connection, _ = server.accept()
                threads.append(threading.Thread(target=answer, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(0.1)
        threads = [threading.Thread(target=listen, args=(server,))]
        threads[0].start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
