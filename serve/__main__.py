"""Serve the champion and the pages until Ctrl-C: ``python -m serve``, or ``make serve``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from serve.demo import Addresses, pages_service, scoring_service, worker_service
from serve.processes import ServiceError, ServiceGroup

START_SECONDS = 150.0


def main() -> int:
    """Run the scoring server and the pages; return the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", default="http://127.0.0.1:8000", help="address of the pages")
    parser.add_argument("--scoring", default="http://127.0.0.1:5001", help="of the scoring server")
    options = parser.parse_args()
    addresses = Addresses(options.pages, "", options.scoring)
    uri = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    environment = {"MLFLOW_TRACKING_URI": uri, "SEGMENTATION_SCORING_URL": options.scoring}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ServiceGroup(Path("var/log"), environment) as group:
            pages = pages_service(addresses)
            for service in (scoring_service(addresses), pages, worker_service()):
                group.start(service)
            print("Starting the scoring server and the pages …", flush=True)
            group.wait_until_ready(START_SECONDS)
            print(f"Open {options.pages}. A promotion goes live by itself. Ctrl-C stops both.")
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
