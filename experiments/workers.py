"""Judge recipes in processes of their own, as many as there are cores."""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Self

from loky import ProcessPoolExecutor
from matplotlib.figure import Figure

from experiments.candidates import as_text
from segmentation.errors import TooLargeError
from segmentation.evaluation import Evaluation
from segmentation.figures import FIGURES, FigureData
from segmentation.judging import Judge
from segmentation.spec import SegmenterSpec

ROOT = Path(__file__).resolve().parents[1]
DPI = 110
# One thread a process: threads of linear algebra would fight for the same cores.
CAPPED = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


@dataclass(frozen=True)
class Outcome:
    """What judging one recipe gave.

    Parameters
    ----------
    evaluation
        The judgement.
    partition
        Of the customers judged on, see :func:`experiments.candidates.as_text`.
    pictures
        PNG files by name; empty where none were asked for.
    seconds
        Spent on ``judge`` and ``draw``.
    """

    evaluation: Evaluation
    partition: str
    pictures: Mapping[str, bytes]
    seconds: Mapping[str, float]


class Workers:
    """Processes that judge; with one job, this process itself.

    Parameters
    ----------
    jobs
        Number of processes.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._stack = ExitStack()
        self._judges: list[tuple[Judge, Path]] = []
        self._lock = Lock()
        self._pool: ProcessPoolExecutor | None = None
        if jobs > 1:
            self._pool = ProcessPoolExecutor(jobs, env=CAPPED)
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            with _our_code_first():
                for _ in range(jobs):
                    self._pool.submit(_warm)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(kill_workers=True)
        self._stack.close()

    def judge(self, judge: Judge, spec: SegmenterSpec, *, draw: bool = False) -> Outcome:
        """Judge one recipe and wait for it; threads may call this at the same time.

        Raises
        ------
        Exception
            What judging raised.
        """
        if self._pool is None:
            return outcome(judge, spec, draw)
        found: Outcome = self._pool.submit(_outcome, self._kept(judge), spec, draw).result()
        return found

    def judge_all(
        self, judge: Judge, specs: Sequence[SegmenterSpec]
    ) -> Iterator[Outcome | TooLargeError]:
        """Judge many recipes; yield outcomes in order, or why one takes no such table."""
        if self._pool is None:
            yield from (_or_too_large(judge, spec) for spec in specs)
            return
        path = self._kept(judge)
        futures = [self._pool.submit(_kept_or_too_large, path, spec) for spec in specs]
        for future in futures:
            yield future.result()

    def _kept(self, judge: Judge) -> Path:
        """Return the file that hands a judge to the processes, written once."""
        with self._lock:
            for known, path in self._judges:
                if known is judge:
                    return path
            path = self._folder / f"{len(self._judges)}.judge"
            path.write_bytes(pickle.dumps(judge))
            self._judges.append((judge, path))
            return path


@contextmanager
def _our_code_first() -> Iterator[None]:
    """Let new processes import this code: a model loaded by MLflow puts its own copy first."""
    sys.path.insert(0, str(ROOT))
    try:
        yield
    finally:
        sys.path.remove(str(ROOT))


def outcome(judge: Judge, spec: SegmenterSpec, draw: bool) -> Outcome:
    """Judge a recipe and draw its pictures."""
    start = perf_counter()
    judged = judge.judge(spec)
    done = perf_counter()
    pictures: dict[str, bytes] = {}
    if draw:
        data = FigureData.of(judge, judged)
        pictures = {name: as_png(draw_figure(data)) for name, draw_figure in FIGURES.items()}
    seconds = {"judge": done - start, "draw": perf_counter() - done}
    return Outcome(judged.evaluation, as_text(judged.segment), pictures, seconds)


def as_png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    file = BytesIO()
    # The least compression writes four times as fast and a third more.
    figure.savefig(file, dpi=DPI, format="png", pil_kwargs={"compress_level": 1})
    return file.getvalue()


def _or_too_large(judge: Judge, spec: SegmenterSpec) -> Outcome | TooLargeError:
    try:
        return outcome(judge, spec, False)
    except TooLargeError as error:
        return error


def _warm() -> None:
    """Import what judging needs, while the caller is still busy reading the table."""


@lru_cache(2)
def _load(path: Path) -> Judge:
    judge: Judge = pickle.loads(path.read_bytes())  # noqa: S301 - written by our own parent
    return judge


def _outcome(path: Path, spec: SegmenterSpec, draw: bool) -> Outcome:
    return outcome(_load(path), spec, draw)


def _kept_or_too_large(path: Path, spec: SegmenterSpec) -> Outcome | TooLargeError:
    return _or_too_large(_load(path), spec)
