"""Serve the champion and the pages until Ctrl-C: ``python -m serve``, or ``make serve``."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from serve.demo import Addresses, pages_service, scoring_service, worker_service
from serve.processes import ServiceError, ServiceGroup, add_workers, default_logs
from serve.web.settings import SettingError, Settings

START_SECONDS = 150.0


def main() -> int:
    """Run the scoring server and the pages; return the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", default="http://127.0.0.1:8000", help="address of the pages")
    parser.add_argument("--scoring", default="http://127.0.0.1:5001", help="of the scoring server")
    add_workers(parser)
    options = parser.parse_args()
    try:
        every = Settings.of_every_model()
    except SettingError as error:
        parser.error(str(error))
    several = every[0].models
    # Each model has a scoring server at its own address; one alone at that of the option.
    servers = {one.model_name if several else "": one.scoring_url for one in every}
    addresses = {
        name: Addresses(options.pages, "", url if several else options.scoring)
        for name, url in servers.items()
    }
    uri = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    environment = {"MLFLOW_TRACKING_URI": uri, "SEGMENTATION_SCORING_URL": options.scoring}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ServiceGroup(default_logs(), environment) as group:
            for name, one in addresses.items():
                group.start(scoring_service(one, name, options.workers))
            group.start(pages_service(Addresses(options.pages, "", options.scoring)))
            group.start(worker_service())
            print("Starting the scoring server and the pages …", flush=True)
            group.wait_until_ready(START_SECONDS)
            pages = f"{options.pages}{every[0].prefix}"
            print(f"Open {pages}. A promotion goes live by itself. Ctrl-C stops both.")
            sys.stdout.flush()
            group.wait()
    except ServiceError as error:
        print(f"Serving stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nBoth are stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
