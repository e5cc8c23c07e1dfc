"""How much memory processes take at most, and which files they write, read from the system."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import psutil

LOOK_SECONDS = 0.01
PROC = Path("/proc")


def megabytes(pid: int, what: str) -> float:
    """Return a line of a process's status: ``VmRSS``, or ``VmHWM``, its highest ever."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def forget_peak(pid: int) -> None:
    """Let ``VmHWM`` begin anew at what a process takes now."""
    (PROC / str(pid) / "clear_refs").write_text("5")


class Watch:
    """Follows the pages' process, and the processes in which files are scored.

    Parameters
    ----------
    pages, worker
        Ids of the leading processes.
    allowed
        Beginnings of the only paths at which they may write.
    """

    def __init__(self, pages: int, worker: int, *allowed: Path | str) -> None:
        self.pages = [child.pid for child in psutil.Process(pages).children()]
        self.worker, self.allowed = worker, tuple(map(str, allowed))
        self.elsewhere: set[str] = set()
        self.before = {pid: megabytes(pid, "VmRSS") for pid in self._running()}
        self.grown = {"pages": 0.0, "worker": 0.0}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _running(self) -> list[int]:
        below = psutil.Process(self.worker).children(recursive=True)
        return [*self.pages, self.worker, *(process.pid for process in below)]

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for pid in self._running():
                # It may have ended since.
                with suppress(OSError, psutil.Error):
                    self._note(pid)

    def _note(self, pid: int) -> None:
        peak = megabytes(pid, "VmHWM")
        # A new process is a copy of one that has imported everything: that much is no growth.
        before = self.before.setdefault(pid, min(megabytes(pid, "VmRSS"), peak))
        whose = "pages" if pid in self.pages else "worker"
        self.grown[whose] = max(self.grown[whose], peak - before)
        for handle in (PROC / str(pid) / "fd").iterdir():
            path = os.readlink(handle)
            if path.startswith("/") and self._writes(pid, handle.name):
                name = Path(path.removesuffix(" (deleted)")).name
                if not path.startswith((*self.allowed, "/dev/")) and "wgunicorn" not in name:
                    self.elsewhere.add(path)

    def _writes(self, pid: int, handle: str) -> bool:
        text = (PROC / str(pid) / "fdinfo" / handle).read_text()
        flags = next(line for line in text.splitlines() if line.startswith("flags:"))
        return int(flags.split()[1], 8) & (os.O_WRONLY | os.O_RDWR) != 0

    def __enter__(self) -> "Watch":
        for pid in self.pages:
            forget_peak(pid)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
