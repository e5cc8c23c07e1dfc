"""What arrives of a file waits beside the others: never in a folder that anybody may read."""

from __future__ import annotations

from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from flask import Request, current_app

from serve.jobs.queue import FOLDER

IN_MEMORY_BYTES = 512 * 1024


class PageRequest(Request):
    """A request whose files are kept in the folder of uploads while they arrive."""

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002 - Werkzeug passes them
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        folder = Path(current_app.instance_path) / FOLDER
        return cast(IO[bytes], SpooledTemporaryFile(max_size=IN_MEMORY_BYTES, dir=str(folder)))
