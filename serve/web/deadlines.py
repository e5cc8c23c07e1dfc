"""How long the pages' server waits for a client: threads for those who send, none for the idle.

Gunicorn's threaded worker waits without end for the rest of a head or a body, and five seconds in
a thread for the first byte of a connection.
"""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

from gunicorn.workers.gthread import _DEFER, ThreadWorker

# A head and a body must come within so long, plus a second for each so many bytes.
RECEIVE_SECONDS, BYTES_A_SECOND = 15.0, 10_000
SEND_SECONDS, LINGER_SECONDS = 60.0, 0.05


class DeadlineSocket:
    """A client's socket that gives up on one who sends or reads too slowly.

    It raises ConnectionResetError then, as where the client had left.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.restart()

    def __getattr__(self, name: str) -> Any:
        """Return what else a socket has."""
        return getattr(self._connection, name)

    def restart(self) -> None:
        """Begin to wait for a request."""
        self._deadline = time.monotonic() + RECEIVE_SECONDS

    def shutdown(self, how: int) -> None:
        """Say that nothing more is sent; what still comes is not waited for long.

        Gunicorn waits for it in the one thread that accepts connections.
        """
        self._deadline = time.monotonic() + LINGER_SECONDS
        self._connection.shutdown(how)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive bytes as a socket does."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _too_slow()
        received: bytes = self._within(left, self._connection.recv, size, flags)
        self._deadline += len(received) / BYTES_A_SECOND
        return received

    def send(self, content: bytes) -> int:
        """Send bytes as a socket does."""
        sent: int = self._within(SEND_SECONDS, self._connection.send, content)
        return sent

    def sendall(self, content: bytes) -> None:
        """Send all bytes as a socket does."""
        self._within(SEND_SECONDS, self._connection.sendall, content)

    def _within(self, seconds: float, call: Any, *arguments: Any) -> Any:
        before = self._connection.gettimeout()
        if before == 0:  # not to block
            return call(*arguments)
        # Gunicorn has a limit of its own for some.
        self._connection.settimeout(seconds if before is None else min(before, seconds))
        try:
            return call(*arguments)
        except TimeoutError as error:
            raise _too_slow() from error
        finally:
            self._connection.settimeout(before)


def _too_slow() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "the client is too slow")


class DeadlineWorker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's threaded worker with deadlines; a connection without a byte holds no thread."""

    def handle(self, conn: Any) -> Any:
        """Handle a request in a thread."""
        if isinstance(conn.sock, DeadlineSocket):
            conn.sock.restart()
        else:
            conn.sock = DeadlineSocket(conn.sock)
        if not conn.initialized and not conn.wait_for_data(0):
            return _DEFER
        return super().handle(conn)
