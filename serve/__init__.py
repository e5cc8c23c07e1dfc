"""Pages, files and the gateway: what people and systems use of a model."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

# Programs that moved: `python -m OLD` says the new name once and runs it.
MOVED = {
    "serve.live": "serve.gateway",
    "serve.worker": "serve.jobs.worker",
    "serve.access": "serve.web.auth",
}
PROGRAM = """
import runpy, sys
print("{old} is now called {new}: please type python -m {new}", file=sys.stderr)
if __name__ == "__main__":
    runpy.run_module({new!r}, run_name="__main__", alter_sys=True)
"""


class _MovedPrograms(MetaPathFinder, InspectLoader):
    """Finds a program under its former name."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the import system passes it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname in MOVED else None

    def get_source(self, fullname: str) -> str:
        return PROGRAM.format(old=fullname, new=MOVED[fullname])

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002
        return False


sys.meta_path.append(_MovedPrograms())
