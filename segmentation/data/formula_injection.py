"""Cells that no spreadsheet runs as a formula."""

from __future__ import annotations

import re

# A formula starts with one of these, also in their full-width form, or with what a spreadsheet
# drops before them: blanks, control characters, marks without width.
DROPPED = r"\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff"
FORMULA = re.compile(rf"^[{DROPPED}]*[=+\-@|＝＋－＠｜]|^[\t\r\n]")


def harmless(value: object) -> object:
    """Return a cell with an apostrophe before what a spreadsheet would run; numbers stay."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
