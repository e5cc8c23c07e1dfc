"""Score each file in a process of its own: what it swallows, breaks or stalls is only its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing import forkserver

import psutil
from filelock import Timeout

from serve.jobs.store import Jobs
from serve.jobs.task import MOST_ATTEMPTS, give_up, score_job
from serve.logs import begin_log
from serve.web.scoring_client import ScoringClient

# Reading in pieces takes about half of it, whatever the size of a file.
MOST_MEGABYTES = 150
# A small file is scored in seconds; a large one has longer.
MOST_SECONDS, SECONDS, SECONDS_A_MEGABYTE = 1_800.0, 120.0, 60.0


def score_in_sandbox(
    token: str, jobs: Jobs, scoring: ScoringClient, challenger: ScoringClient
) -> None:
    """Score a file in a process with little memory; begin again where that process died.

    A file that another worker scores at this moment is left to it.
    """
    with suppress(Timeout), jobs.lock(token):
        _score_locked(token, jobs, scoring, challenger)


def most_seconds(size: int) -> float:
    """Return how long a file of `size` bytes may take."""
    return min(MOST_SECONDS, SECONDS + SECONDS_A_MEGABYTE * size / 1024**2)


def _score_locked(
    token: str, jobs: Jobs, scoring: ScoringClient, challenger: ScoringClient
) -> None:
    job = jobs.find(token)
    if job is None or job.finished:
        return
    seconds = most_seconds(jobs.size(job))
    context = multiprocessing.get_context("forkserver")
    for _ in range(MOST_ATTEMPTS + 1):
        process = context.Process(
            target=_score, args=(token, jobs, scoring, challenger), daemon=True
        )
        process.start()
        process.join(seconds)
        late = process.exitcode is None
        if late:
            process.kill()
            process.join()
        job = jobs.find(token)
        if job is None or job.finished:
            return
        if late:  # once is enough: others wait
            break
    if job is not None:
        give_up(job)
        jobs.save(job)


def prepare() -> None:
    """Start the process whose copies score files; it imports once what all of them need."""
    # Arrow's own allocator reserves a gigabyte at once, which would count as taken.
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    multiprocessing.set_forkserver_preload(["serve.jobs.sandbox"])
    forkserver.ensure_running()


def _score(token: str, jobs: Jobs, scoring: ScoringClient, challenger: ScoringClient) -> None:
    begin_log()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # What a library writes beside the result is a customer's too: it goes with the job.
    tempfile.tempdir = str(jobs.place(token))
    limit_memory(MOST_MEGABYTES)
    score_job(token, jobs, scoring, challenger)


def limit_memory(megabytes: int) -> None:
    """Let this process take so much more memory for data; beyond it a MemoryError is raised.

    Linux only: other systems do not count what ``RLIMIT_DATA`` limits.
    """
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not everywhere

        most = psutil.Process().memory_info().data + megabytes * 1024**2
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _end_with_parent() -> None:
    """Leave a job to the next worker where this one was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
