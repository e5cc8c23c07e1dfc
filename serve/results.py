"""Scored files waiting for their download: one folder, random names, deleted on time."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from flask import current_app, session

from segmentation.safe_csv import harmless

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
SESSION_KEY = "results"


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
        results.folder.mkdir(parents=True, exist_ok=True)
        oldest = time.time() - keep_seconds
        for file in results.folder.iterdir():
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)
        return results

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """Yield a path for an upload; the file is gone when the block ends."""
        path = self.folder / f"{secrets.token_urlsafe(16)}.csv"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, scored: pd.DataFrame) -> str:
        """Keep a scored table as a CSV file that is safe to open; return its token."""
        token = secrets.token_urlsafe(16)
        safe = scored.copy()
        safe[safe.columns[0]] = safe.iloc[:, 0].map(harmless)
        safe.to_csv(self.folder / f"{token}.csv", index=False)
        session[SESSION_KEY] = [*session.get(SESSION_KEY, [])[-9:], token]
        return token

    def find(self, token: str) -> Path | None:
        """Return the file behind a token of this session, None where there is none (any more)."""
        if not TOKEN.fullmatch(token) or token not in session.get(SESSION_KEY, []):
            return None
        path = self.folder / f"{token}.csv"
        return path if path.is_file() else None
