"""Score uploaded files in the background: ``python -m serve.jobs.worker``."""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path

from huey.consumer import Consumer

from serve.jobs.store import Jobs
from serve.logs import begin_log
from serve.web.settings import Settings

SWEEP_SECONDS = 30.0
# One large file does not keep the small ones waiting.
WORKERS = 2


def main() -> None:
    """Run until stopped; what an earlier worker left unfinished is begun again."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    # What reads tables takes seconds to import; help comes without.
    from serve.jobs.queue import FOLDER, file_queue  # noqa: PLC0415
    from serve.jobs.sandbox import prepare  # noqa: PLC0415

    begin_log()
    instance = Path(os.environ.get("SEGMENTATION_INSTANCE", "var/instance")).resolve()
    every = Settings.of_every_model()
    prepare()
    consumers = []
    for settings in every:
        folder = settings.folder(instance)
        queue, put = file_queue(folder, settings)
        jobs = Jobs(folder / FOLDER, settings.keep_seconds)
        jobs.sweep()
        for token in jobs.unfinished():
            put(token)
        threading.Thread(target=_keep_time, args=(jobs,), daemon=True).start()
        wait = {"initial_delay": 0.1, "max_delay": 0.5}
        consumers.append(Consumer(queue, workers=WORKERS, periodic=False, **wait))
    first, *others = consumers
    # The first minds the signals that end this process; the threads of all of them end with it.
    for consumer in others:
        consumer.start()
    first.run()


def _keep_time(jobs: Jobs) -> None:
    """Delete files on time, also when no one returns to the pages."""
    waiting = threading.Event()
    while not waiting.wait(min(SWEEP_SECONDS, max(jobs.keep_seconds, 1.0))):
        jobs.sweep()


if __name__ == "__main__":
    main()
