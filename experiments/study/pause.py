"""Ctrl-C is a pause: a signal that ends a search is no result of the trial under way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, a service manager or container that stops, a terminal that closes; Windows lacks the last.
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
MESSAGE = (
    "Paused. Nothing recorded before is lost: run the same command again; it goes on where it "
    "stopped."
)


class PausedError(KeyboardInterrupt):
    """A signal asked this process to end; the same command continues the study."""

    def __init__(self, number: int) -> None:
        super().__init__(MESSAGE)
        self.number = number

    @property
    def exit_code(self) -> int:
        """The exit code by which a shell knows the signal."""
        return 128 + self.number


class Pause:
    """Whether this process was asked to end."""

    def __init__(self) -> None:
        self._number = 0

    def check(self) -> None:
        """Raise PausedError where this process was asked to end; any thread may call this."""
        if self._number:
            raise PausedError(self._number)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Raise PausedError in the main thread at the first signal; the second one ends at once.

        A signal that this process ignores, as under ``nohup``, stays ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may handle signals
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        def pause(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            self._number = number
            restore()
            raise PausedError(number)

        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, pause)
        try:
            yield
        finally:
            restore()


@contextmanager
def held_back() -> Iterator[None]:
    """Start processes that no signal of the terminal reaches; this one gets it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_signals() -> None:
    """Leave the decision to the parent: a terminal signals all processes of a command."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
