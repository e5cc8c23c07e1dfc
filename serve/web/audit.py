"""Who did what and when, a line of JSON each: no customer, no identifier, no free text."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import current_app

from serve.web.auth import who
from serve.web.context import settings

MOST_SHOWN = 50
# Enough bytes for these: a line is shorter than a kilobyte.
TAIL = MOST_SHOWN * 1024


def record(what: str, **facts: str | int | float | bool) -> bool:
    """Append one line to the file of the setting; True where there is none.

    Parameters
    ----------
    what
        What was done.
    facts
        Counts, and numbers of versions and segments: never what a person typed.

    Returns
    -------
    bool
        False where the line could not be written, which is logged.
    """
    path = settings().audit
    if not path:
        return True
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({"when": now, "who": who(), "what": what, **facts}, ensure_ascii=False)
    try:
        _append(Path(path), f"{line}\n".encode())
    except OSError as error:
        current_app.logger.error("%s: %s is not written down: %s", path, what, error.strerror)
        return False
    return True


def last(path: str) -> list[dict[str, Any]]:
    """Return the last fifty lines of an audit log, the newest first; none where there is no file.

    A line that is no JSON object, such as one cut short by a full disk, is left out.
    """
    try:
        with Path(path).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    entries = [entry for line in lines if (entry := _entry(line))]
    return entries[::-1][:MOST_SHOWN]


def check(path: str) -> None:
    """Make the file where it does not exist, for this user only.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    _append(Path(path), b"")


def _append(path: Path, line: bytes) -> None:
    """Write in one piece: processes that share the file never mix their lines."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        written = os.write(file, line)
    finally:
        os.close(file)
    if written < len(line):
        raise OSError(0, "the disk is full")


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"when", "who", "what"} <= entry.keys() else None
