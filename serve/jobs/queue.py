"""The queue of files to score: huey on a file of its own, no server needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from huey import SqliteHuey

from segmentation.data.atomic import make_private
from serve.jobs.store import Jobs
from serve.web.scoring_client import CHALLENGER_PATH, ScoringClient
from serve.web.settings import Settings

FOLDER = "files"


def file_queue(
    instance: Path, settings: Settings, *, at_once: bool = False
) -> tuple[SqliteHuey, Callable[[str], object]]:
    """Return the queue of an instance folder, and what puts a job's token into it.

    Pages and worker share the folder. With `at_once` files are scored in the calling process, for
    tests.
    """
    instance.mkdir(parents=True, exist_ok=True)
    make_private(instance / "queue.db")
    queue = SqliteHuey("files", filename=str(instance / "queue.db"), immediate=at_once)
    jobs = Jobs(instance / FOLDER, settings.keep_seconds)
    scoring, challenger = (
        ScoringClient(settings.scoring_url + path, settings.timeout, settings.file_timeout)
        for path in ("", CHALLENGER_PATH)
    )

    @queue.task(name="score_file")  # type: ignore[untyped-decorator]
    def score_file(token: str) -> None:
        # The pages only put files in; what reads and checks tables is the worker's.
        from serve.jobs import sandbox, task  # noqa: PLC0415

        score = task.score_job if at_once else sandbox.score_in_sandbox
        score(token, jobs, scoring, challenger)

    def put(token: str) -> object:
        # The more files of a person wait, the later their next one: others come between.
        job = jobs.find(token)
        return score_file(token, priority=-jobs.ahead(job) if job else 0)

    return queue, put
