"""Cells that no spreadsheet runs as a formula."""

from __future__ import annotations

import re

# A formula starts with one of these, or with blanks a spreadsheet drops before them.
FORMULA = re.compile(r"^\s*[=+\-@|\t\r]")


def harmless(value: object) -> object:
    """Return a cell with an apostrophe before what a spreadsheet would run; numbers stay."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
