"""Write every table into a folder: ``python -m tests.tables FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.tables.banks import BANKS
from tests.tables.services import SERVICES
from tests.tables.shops import SHOPS

SHAPES = (*SHOPS, *BANKS, *SERVICES)


def main(folder: Path) -> None:
    """Write them all; say what is what."""
    folder.mkdir(parents=True, exist_ok=True)
    for shape in SHAPES:
        print(f"{shape.name:15s} {shape.written(folder)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.tables FOLDER")
    main(Path(sys.argv[1]))
