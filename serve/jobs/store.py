"""Files that wait, are being scored or are ready: one folder each, deleted on time."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from filelock import FileLock

from segmentation.data.atomic import write_whole
from segmentation.schema import TableSchema

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
WAITING, READING, SCORING = "waiting", "reading", "scoring"
# "mending" is what files that are already kept say.
INVALID, DONE, FAILED = "mending", "done", "failed"
UNFINISHED = frozenset({WAITING, READING, SCORING})


@dataclass(frozen=True)
class Limits:
    """How many files of one person are here: not scored yet, of any state, and their bytes."""

    unfinished: int
    of_any_state: int
    total_bytes: int


@dataclass
class Job:
    """What is recorded of an uploaded file, in `job.json`.

    `token` is a secret of the session that sent the file. `counts` are customers by segment
    number, `names` the segments' names; `flows` are customers by champion's and challenger's
    segment, as ``1>2``, and `others` the challenger's names. A `total` of 0 is unknown.
    """

    token: str
    ending: str
    title: str
    schema: dict[str, Any]
    given_names: dict[str, str] = field(default_factory=dict)
    compare: bool = False
    anyway: bool = False  # whether good rows are scored though others are invalid
    state: str = WAITING
    done: int = 0
    total: int = 0
    attempts: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    flows: dict[str, int] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    unlike: int = 0  # customers unlike the training data
    notes: list[str] = field(default_factory=list)
    actions: dict[str, str] = field(default_factory=dict)  # what to do, by segment number
    preview: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, dict[str, str]] = field(default_factory=dict)  # of segments, by number
    # Problems of the whole file, of its cells, and how many cells are not listed.
    whole: list[str] = field(default_factory=list)
    cells: list[dict[str, Any]] = field(default_factory=list)
    more: int = 0
    failure: str = ""
    remedy: str = ""
    owner: str = ""  # who sent it; empty where nobody signs in

    @property
    def finished(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.state not in UNFINISHED

    @property
    def table(self) -> TableSchema:
        """The schema of the champion when the file came."""
        return TableSchema.from_dict(self.schema)


class Jobs:
    """The folder of all files of these pages; each is kept so long after its last change."""

    def __init__(self, folder: Path, keep_seconds: float) -> None:
        self.folder = folder
        self.keep_seconds = keep_seconds
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def refusal(self, owner: str, limits: Limits) -> str:
        """Return why a person may not send another file now; empty where they may."""
        files = [job for job in self._all() if job.owner == owner]
        if sum(not job.finished for job in files) >= limits.unfinished:
            return (
                f"{limits.unfinished} of your files are not scored yet. Send another one when one "
                "of them is ready."
            )
        if len(files) >= limits.of_any_state:
            return f"At most {limits.of_any_state} files an hour. Send another one later."
        if sum(map(self.size, files)) >= limits.total_bytes:
            return (
                f"Your files that are not scored take {limits.total_bytes >> 20:,} MB, the most "
                "that is kept. Send another one when they are deleted, after an hour."
            )
        return ""

    def ahead(self, job: Job) -> int:
        """Return how many other files of the same person wait or are being scored."""
        return sum(
            other.owner == job.owner and other.token != job.token and not other.finished
            for other in self._all()
        )

    def counting(self) -> FileLock:
        """Return the lock to hold from asking for a refusal until a new job is saved."""
        return FileLock(f"{self.folder}.lock", timeout=60, mode=0o600)

    def lock(self, token: str) -> FileLock:
        """Return the lock of whoever scores a file; it does not wait."""
        return FileLock(self.place(token) / "lock", timeout=0)

    def size(self, job: Job) -> int:
        """Return the bytes of the file that was sent; 0 where it is deleted."""
        try:
            return self.upload(job).stat().st_size
        except FileNotFoundError:
            return 0

    def discard(self, job: Job) -> None:
        """Delete a job and its files."""
        shutil.rmtree(self.place(job.token), ignore_errors=True)

    def new(self, ending: str, title: str, schema: TableSchema, names: dict[int, str]) -> Job:
        """Return a job with a folder of its own, not yet written down."""
        token = secrets.token_urlsafe(16)
        self.place(token).mkdir(mode=0o700)
        given_names = {str(number): name for number, name in names.items()}
        return Job(token, ending, title, schema.to_dict(), given_names)

    def place(self, token: str) -> Path:
        """Return the folder of a job."""
        return self.folder / token

    def upload(self, job: Job) -> Path:
        """Return where the file that was sent lies, until it is scored."""
        return self.place(job.token) / f"upload{job.ending}"

    def result(self, job: Job) -> Path:
        """Return where the scored file lies."""
        return self.place(job.token) / f"scored{job.ending}"

    def bad_rows(self, job: Job) -> Path:
        """Return where the rows lie that cannot be scored."""
        return self.place(job.token) / "bad_rows.csv"

    def save(self, job: Job) -> None:
        """Write a job down, whole or not at all."""
        file = self.place(job.token) / "job.json"
        write_whole(file, json.dumps(asdict(job)))

    def find(self, token: str) -> Job | None:
        """Return a job; None where there is none (any more)."""
        if not TOKEN.fullmatch(token):
            return None
        try:
            content = json.loads((self.place(token) / "job.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        names = {f.name for f in fields(Job)}
        return Job(**{name: value for name, value in content.items() if name in names})

    def unfinished(self) -> Iterator[str]:
        """Yield the tokens of jobs that are not finished."""
        return (job.token for job in self._all() if not job.finished)

    def _all(self) -> Iterator[Job]:
        for place in self.folder.iterdir():
            job = self.find(place.name)
            if job is not None:
                yield job

    def sweep(self) -> None:
        """Delete what is too old."""
        oldest = time.time() - self.keep_seconds
        for place in self.folder.iterdir():
            # A file that is being sent lies here too, and is gone when it has arrived.
            with suppress(FileNotFoundError):
                changed = [file.stat().st_mtime for file in place.glob("*")]
                if max(changed, default=place.stat().st_mtime) <= oldest:
                    shutil.rmtree(place, ignore_errors=True)
