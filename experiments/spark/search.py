"""A search on Spark: every task is one more process that joins the study."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace

from experiments.search.options import SearchOptions
from experiments.spark.session import ROOT, SparkError, session
from experiments.study.databases import prepare_tracking
from experiments.study.separate_databases import need_another_database
from experiments.study.storage import open_storage

SHARED = "postgresql"


def search_on_spark(options: SearchOptions, master: str) -> str:
    """Run a search in as many tasks as Spark has cores; return what the last of them printed.

    A task that dies is run again by Spark, joins the study as any process does, and repeats no
    settled trial. Study, tracking store, data and this code have to be within reach of every
    machine, the code on its Python path.

    Parameters
    ----------
    options
        Of the search; each task judges one trial at a time.
    master
        As :func:`experiments.spark.session.session` takes it.

    Raises
    ------
    SparkError
        When Spark cannot be used, a search failed, or the study is in a file.
    """
    if not options.storage.startswith(SHARED):
        raise SparkError(
            f"storage={options.storage!r}: found no database that machines share; expected "
            "postgresql://user:password@host/database. Create one, or use engine=process."
        )
    values = asdict(replace(options, n_jobs=1))
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    tracking = prepare_tracking()
    # Tasks that start at the same moment would all create the tables.
    need_another_database(options.storage, tracking)
    open_storage(options.storage).close()
    with session(master) as spark:
        tasks = spark.sparkContext.defaultParallelism
        numbers = spark.sparkContext.parallelize(range(tasks), tasks)
        said: list[str] = numbers.map(_joining(arguments, tracking)).collect()
    return said[-1]


def _joining(arguments: list[str], tracking: str) -> Callable[[int], str]:
    """Return what a task does; it imports nothing of ours, so that Spark sends all of it."""
    place, paths = os.getcwd(), os.pathsep.join([str(ROOT), *filter(None, sys.path)])

    def join(_: int) -> str:
        environment = {"MLFLOW_TRACKING_URI": tracking, "PYTHONPATH": paths}
        ended = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "experiments.search", *arguments],
            env={**os.environ, **environment},
            cwd=place if os.path.isdir(place) else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if not ended.stdout:
            raise RuntimeError(ended.stderr.strip().rpartition("\n")[2])
        return ended.stdout

    return join
