"""Scored files waiting for their download: one folder, random names, deleted on time."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from flask import current_app, session

from segmentation.safe_csv import harmless

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
SESSION_KEY = "results"


@dataclass(frozen=True)
class Kept:
    """A scored table's file, and what to know about the file it came from."""

    table: Path
    notes: list[str]


class Results:
    """Scored files of this server; a token opens a file only in the session that made it.

    Parameters
    ----------
    folder
        Where they lie.
    keep_seconds
        How long.
    """

    def __init__(self, folder: Path, keep_seconds: float) -> None:
        self.folder = folder
        self.keep_seconds = keep_seconds

    @classmethod
    def open(cls, keep_seconds: float) -> Results:
        """Open the folder of the running application and delete what is too old."""
        results = cls(Path(current_app.instance_path) / "results", keep_seconds)
        results.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        results.sweep()
        return results

    def sweep(self) -> None:
        """Delete what is too old."""
        oldest = time.time() - self.keep_seconds
        for file in self.folder.glob("*"):
            with suppress(FileNotFoundError):  # another thread may sweep too
                if file.stat().st_mtime <= oldest:
                    file.unlink()

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """Yield a path for an upload; the file is gone when the block ends."""
        path = self.folder / f"{secrets.token_urlsafe(16)}.csv"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, scored: pd.DataFrame, notes: Sequence[str]) -> str:
        """Keep a scored table as a CSV file that is safe to open, and notes; return its token."""
        token = secrets.token_urlsafe(16)
        safe = scored.copy()
        safe[safe.columns[0]] = safe.iloc[:, 0].map(harmless)
        self._notes(token).write_text(json.dumps(list(notes)), encoding="utf-8")
        safe.to_csv(self._table(token), index=False)
        # Also where nobody comes back: the next visit is no good moment to keep a promise.
        timer = threading.Timer(self.keep_seconds + 1, self.sweep)
        timer.daemon = True
        timer.start()
        session[SESSION_KEY] = [*session.get(SESSION_KEY, [])[-9:], token]
        return token

    def find(self, token: str) -> Kept | None:
        """Return what is behind a token of this session, None where nothing is (any more)."""
        if not TOKEN.fullmatch(token) or token not in session.get(SESSION_KEY, []):
            return None
        table, notes = self._table(token), self._notes(token)
        if not (table.is_file() and notes.is_file()):
            return None
        return Kept(table, json.loads(notes.read_text(encoding="utf-8")))

    def _table(self, token: str) -> Path:
        return self.folder / f"{token}.csv"

    def _notes(self, token: str) -> Path:
        return self.folder / f"{token}.json"
