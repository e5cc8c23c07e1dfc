"""Files and folders that appear whole or not at all; files for one user."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def appearing_whole(target: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield a path to write to; what is there at the end becomes `target`.

    The draft lies in a folder of its own beside `target`, which only this user may enter and
    which goes away on failure, with everything that a library leaves beside the draft.

    Parameters
    ----------
    target
        File or folder; its parent exists.
    overwrite
        Whether it replaces an existing file. If not, the first of several processes wins and
        the others' drafts go away; this needs a file.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".creating-") as folder:
        draft = Path(folder) / target.name
        yield draft
        if overwrite:
            draft.replace(target)
        else:
            with suppress(FileExistsError):
                os.link(draft, target)


def write_whole(target: Path, text: str, *, private: bool = False, overwrite: bool = True) -> None:
    """Write a text file whole or not at all, as UTF-8; `private` for this user only."""
    with appearing_whole(target, overwrite=overwrite) as draft:
        draft.touch(0o600 if private else 0o666)
        draft.write_text(text, encoding="utf-8")


def make_private(file: Path) -> None:
    """Let this user only read a file; made empty where there is none, for a database."""
    file.touch(0o600)
    file.chmod(0o600)
