"""Pages, files and the gateway: what people and systems use of a model."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

# A bar for every file that is fetched from the registry would fill the logs.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

# Programs that moved, and where their code is: `python -m OLD` says the new name and runs it.
MOVED = {
    "serve.live": ("serve.gateway", "gateway/__main__.py"),
    "serve.worker": ("serve.jobs.worker", "jobs/worker.py"),
    "serve.access": ("serve.web.auth", "web/auth/__main__.py"),
}


class _MovedPrograms:
    """Finds a program under its former name."""

    @staticmethod
    def find_spec(fullname: str, path: object, target: object = None) -> ModuleSpec | None:  # noqa: ARG004 - the import system passes them
        if fullname not in MOVED:
            return None
        name, file = MOVED[fullname]
        print(f"{fullname} is now called {name}: please type python -m {name}", file=sys.stderr)
        return spec_from_file_location(fullname, Path(__file__).parent / file)


sys.meta_path.append(_MovedPrograms)
