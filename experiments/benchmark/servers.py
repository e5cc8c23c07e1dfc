"""Run the product's servers for a measurement, as people run them, and stop them again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
READY_SECONDS = 240.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Server:
    """A command, and the address that answers once it is ready; empty where nobody asks."""

    command: tuple[str, ...]
    ready_url: str = ""


@contextmanager
def running(
    servers: Mapping[str, Server], logs: Path, environment: Mapping[str, str]
) -> Iterator[dict[str, psutil.Popen]]:
    """Start servers, wait until they answer, yield their processes by name, stop them.

    Parameters
    ----------
    servers
        By name.
    logs
        Folder for their output.
    environment
        Added to this process's.
    """
    logs.mkdir(parents=True, exist_ok=True)
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    everything = {**os.environ, "PATH": path, **environment}
    processes: dict[str, psutil.Popen] = {}
    try:
        for name, server in servers.items():
            with (logs / f"{name}.log").open("wb") as log:
                processes[name] = psutil.Popen(
                    server.command, cwd=ROOT, env=everything, stdout=log, stderr=subprocess.STDOUT
                )
        for server in servers.values():
            if server.ready_url:
                until(lambda url=server.ready_url: answers(url), READY_SECONDS)  # type: ignore[misc]
        yield processes
    finally:
        families = [[p, *p.children(recursive=True)] for p in processes.values() if p.is_running()]
        for process in processes.values():
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, left = psutil.wait_procs([p for family in families for p in family], timeout=30)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=30)


def megabytes(process: psutil.Process) -> float:
    """Return the memory of a process and its children, what they share counted once.

    The proportional set size where the system tells it (Linux), else the resident set size.
    """
    total = 0.0
    for member in [process, *process.children(recursive=True)]:
        try:
            memory = member.memory_full_info()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        total += getattr(memory, "pss", memory.rss) / 1e6
    return total


@contextmanager
def memory_of(processes: Sequence[psutil.Process]) -> Iterator[list[float]]:
    """Note the memory of processes and their children together until the block ends.

    Yields
    ------
    list of float
        Megabytes, twice a second.
    """
    seen, stop = [0.0], threading.Event()

    def look() -> None:
        while not stop.wait(LOOK_SECONDS):
            seen.append(sum(megabytes(process) for process in processes))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def answers(url: str) -> bool:
    """Tell whether an address answers as it should."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def until(happened: Callable[[], bool], seconds: float) -> None:
    """Wait for something to happen.

    Raises
    ------
    TimeoutError
        When it does not in time.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing happened within {seconds:.0f} s")
        time.sleep(0.1)
