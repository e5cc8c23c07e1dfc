"""A hundred files no one would want: each is refused in words or scored, and nothing swells."""

import csv
import io
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from html import unescape
from pathlib import Path

import openpyxl
import pytest
import requests

from segmentation.data.files.table_file import LONGEST_CELL
from segmentation.data.writers import FORMULA
from serve.processes import free_port
from tests.soak.odd_files import TEXT, Write, odd_files, text
from tests.soak.searching import wait_until
from tests.soak.serving import Person, Product, Registry, front, product
from tests.soak.watching import Watch

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
MOST_MEGABYTES = 200
BOUNDARY = "odd-files-boundary"
CLEAR = (
    "correct the file first",
    "too large",
    "holders scored",
    "customers scored",
    "customer scored",
)


class Form:
    """A form with a file, read from the disk as it is sent."""

    def __init__(self, token: str, file: Path) -> None:
        field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'
        before = (
            f'{field}csrf_token"\r\n\r\n{token}\r\n{field}file"; filename="odd"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        after = f"\r\n--{BOUNDARY}--\r\n"
        self.size = len(before) + file.stat().st_size + len(after)
        self.parts = [io.BytesIO(before.encode()), file.open("rb"), io.BytesIO(after.encode())]

    def __len__(self) -> int:
        return self.size

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        while self.parts:
            if piece := self.parts[0].read(size):
                return piece
            self.parts.pop(0).close()
        return b""

    def close(self) -> None:
        """Let the file go, also where nobody read it to its end."""
        for part in self.parts:
            part.close()


class Sender:
    """Sends files one by one and keeps what became of each."""

    def __init__(self, running: Product) -> None:
        self.running, self.last = running, ""
        self.person = Person(running.pages)
        self.token = self.person.token()
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []

    def send(self, name: str, file: Path) -> None:
        """Send a file and read the page it leads to, and the result where there is one."""
        begun, form = time.monotonic(), Form(self.token, file)
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        try:
            reply = self.person.session.post(
                f"{self.running.pages}/file", data=form, headers=kind, timeout=300
            )
        except requests.RequestException as error:
            self.wrong.append(f"{name}: no answer, {error}")
            return
        finally:
            form.close()
        if reply.url.endswith("/file"):
            page = reply
        else:
            path = reply.url.removeprefix(self.running.pages)
            page = self._ended(path)
            if page.status_code == 200:
                self.wrong += [f"{name}: {text!r}" for text in self._formulas(path)]
        self.ends[f"{page.status_code}"] += 1
        content = unescape(page.text)
        if (
            page.status_code >= 500
            or "Traceback" in content
            or not any(c in content for c in CLEAR)
        ):
            self.wrong.append(f"{name}: {page.status_code}")
        self.last = f"{page.status_code} after {time.monotonic() - begun:.1f} s"

    def _ended(self, path: str) -> requests.Response:
        def finished() -> bool:
            return bool(self.person.get(f"{path}/state")[0].json()["finished"])

        wait_until(finished, 600, f"an end of {path}")
        return self.person.get(path, 60)[0]

    def _formulas(self, path: str) -> list[str]:
        """Return the cells of a result that a spreadsheet would run."""
        content = self.person.get(f"{path}/download", 60)[0].content
        if content.startswith(b"PAR1"):
            return []  # no spreadsheet runs what is in it
        if content.startswith(b"PK"):
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
            cells = [cell for row in book.worksheets[0].iter_rows() for cell in row]
            texts = [str(cell.value) for cell in cells if cell.data_type in {"f", "s"}]
            texts += ["="] * sum(cell.data_type == "f" for cell in cells)
        else:
            csv.field_size_limit(LONGEST_CELL)
            lines = io.StringIO(content.decode(), newline="")
            texts = [cell for row in csv.reader(lines) for cell in row]
        return [text[:40] for text in texts if FORMULA.match(text) and not text.startswith("'")]


def age(folder: Path) -> None:
    """Make everything in the folder of uploads two hours old."""
    old = time.time() - 7_200
    for file in [*folder.rglob("*"), folder]:
        with suppress(FileNotFoundError):  # the pages and the worker remove files meanwhile
            os.utime(file, (old, old))


def listing(folder: Path, but: Path | None = None) -> set[Path]:
    """Return every file below a folder, but not those below another or of developers' tools."""
    files = {file for file in folder.rglob("*") if but not in (file, *file.parents)}
    parts = {file: file.relative_to(folder).parts for file in files}
    return {f for f in files if not any(p.startswith((".", "__pycache__")) for p in parts[f])}


@pytest.mark.row("files no one would want")
def test_files_no_one_would_want(
    registry: Registry, tmp_path: Path, times: Times, figure: Figure
) -> None:
    """Real pages, a real worker, over HTTP: broken, lying, exploding files, a gigabyte of one."""
    step, factor = times(8, 1), times(2, 100) / 100
    url, temporary = f"http://127.0.0.1:{free_port(18640)}", tmp_path / "tmp"
    uploads, odd = tmp_path / "instance" / "files", tmp_path / "odd"
    temporary.mkdir()
    chosen: list[tuple[str, Write]] = list(odd_files())[::step]
    with product(registry, tmp_path, url, [front(url, tmp_path)], TMPDIR=str(temporary)) as running:
        text(TEXT)(odd, 1)
        Sender(running).send("one to warm up", odd)
        before = listing(Path.cwd()) | listing(tmp_path, uploads)
        store = registry.uri.removeprefix("sqlite:///")
        folders = (tmp_path / "instance", tmp_path / "log", store)
        sender, remaining = Sender(running), 0
        with Watch(running.pid("pages"), running.pid("worker"), *folders) as watch:
            for name, write in chosen:
                write(odd, factor)
                sender.send(name, odd)
                print(name, sender.last, watch.grown)
                # A person's files may take a gigabyte together: these are gone before the next.
                remaining += len(list(uploads.iterdir()))
                age(uploads)
        odd.unlink()
        after = listing(Path.cwd()) | listing(tmp_path, uploads)
        wait_until(lambda: not list(uploads.iterdir()), 60, "deletion of what is too old")
        logs = running.logs()
    new = {str(path) for path in after - before}
    figure(
        f"{len(chosen)} files: {len(chosen) - len(sender.wrong)} with a clear refusal or a result "
        f"({dict(sorted(sender.ends.items()))}); memory grew by at most {watch.grown['pages']:.0f} "
        f"MB in the pages' process and {watch.grown['worker']:.0f} MB in the worker's; "
        f"{len(new) + len(watch.elsewhere)} files written elsewhere; {remaining} kept uploads "
        "deleted on time"
    )
    assert sender.wrong == []
    assert (new, watch.elsewhere) == (set(), set())
    assert max(watch.grown.values()) < MOST_MEGABYTES
    assert "Traceback" not in logs
