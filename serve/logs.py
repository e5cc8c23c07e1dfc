"""Logs without customers: an error's kind and place, never its text, which may repeat a value."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)s %(message)s"
MOST_PLACES = 6


class Brief(logging.Filter):
    """Puts the kind of an error and the places it passed in the place of text and trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record; every one is kept."""
        kind, error, trace = record.exc_info or (None, None, None)
        if kind is not None and error is not None:
            frames = traceback.extract_tb(trace)[-MOST_PLACES:]
            places = " > ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames)
            record.msg, record.args = f"{record.getMessage()}: {kind.__name__} at {places}", ()
            record.exc_info = record.exc_text = None
        return True


BRIEF = Brief()


def begin_log() -> None:
    """Write what matters of this process to its standard error, briefly."""
    logging.basicConfig(level=logging.WARNING, format=FORMAT)
    for handler in logging.getLogger().handlers:
        handler.addFilter(BRIEF)
