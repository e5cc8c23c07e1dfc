"""Who did what and when, a line of JSON each: no customer, no identifier, no free text."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import current_app

from segmentation.data.atomic import write_whole
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
        _append(Path(path), f"{line}\n".encode(), settings().audit_days)
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


def check(path: str, days: int = 0) -> None:
    """Make the file where it does not exist, for this user only; forget what is older than `days`.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    _append(Path(path), b"", days)


def _append(path: Path, line: bytes, days: int) -> None:
    """Write in one piece: processes that share the file never mix their lines."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if days:
                fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
                if not _is_at(file, path) or _forget(file, path, days):
                    continue
            written = os.write(file, line)
        finally:
            os.close(file)
        if written < len(line):
            raise OSError(0, "the disk is full")
        return


def _is_at(file: int, path: Path) -> bool:
    """Tell whether an open file is still the one at a path, and not one replaced meanwhile."""
    return os.path.samestat(os.fstat(file), path.stat())


def _forget(file: int, path: Path, days: int) -> bool:
    """Replace the file at a path by its newer lines; False where none is older than so many days.

    Whoever holds its lock may: all others wait, and then open the new one.
    """
    oldest = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    first = _entry(os.pread(file, 1024, 0).partition(b"\n")[0])
    if first is None or str(first["when"]) >= oldest:
        return False
    lines = os.pread(file, os.fstat(file).st_size, 0).splitlines(keepends=True)
    ages = [str(entry["when"]) if (entry := _entry(line)) else "" for line in lines]
    newer = [line for line, when in zip(lines, ages, strict=True) if when >= oldest]
    write_whole(path, b"".join(newer).decode(), private=True)
    return True


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"when", "who", "what"} <= entry.keys() else None
