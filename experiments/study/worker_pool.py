"""Evaluate specs in processes of their own, as many as there are cores, each within limits."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path
from queue import Queue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Self

import psutil
from loky import ProcessPoolExecutor
from loky.process_executor import BrokenProcessPool

from experiments.study.pause import Pause, held_back, ignore_signals
from segmentation.errors import SegmentationError

if TYPE_CHECKING:
    from segmentation.clustering.spec import SegmenterSpec
    from segmentation.evaluation.evaluator import Evaluator
    from segmentation.evaluation.result import Evaluation

ROOT = Path(__file__).resolve().parents[2]
# One thread a process: threads of linear algebra would fight for the same cores.
CAPPED = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
GIGABYTE = 1024**3
# What a process imports by itself: a command starts processes first, and all import side by side.
WORK = "experiments.study.evaluating"
# How soon a pause is noticed while an evaluation is waited for.
POLL_SECONDS = 0.1


class EvaluationError(SegmentationError):
    """A spec could not be evaluated; the message says why, and which limit was reached."""


class _EndedError(Exception):
    """The process that evaluated is dead, or has to be."""


@dataclass(frozen=True)
class Limits:
    """What evaluating one spec may take.

    Seconds are wall-clock time; gigabytes (2³⁰ bytes) are memory for data, at most the process's
    share of the machine's. 0 is no limit. Memory is limited where the operating system has
    ``RLIMIT_DATA`` (Linux does).
    """

    seconds: float = 0.0
    gigabytes: float = 0.0

    def share(self, jobs: int) -> float:
        """Return the gigabytes of one of several processes."""
        machine: float = psutil.virtual_memory().total / GIGABYTE
        return min(self.gigabytes, machine / jobs)


@dataclass(frozen=True)
class Outcome:
    """The result of evaluating one spec.

    The partition is of the customers evaluated, see :func:`experiments.search.candidates.as_text`;
    pictures are PNG files by name; seconds are those of ``judge`` and ``draw``.
    """

    evaluation: Evaluation
    partition: str
    pictures: Mapping[str, bytes]
    seconds: Mapping[str, float]


class Workers:
    """Processes that evaluate; with one job and no limits, this process itself.

    A process that crashes, hangs or runs out of memory is ended and replaced: it takes one
    spec with it and nothing else. A signal that asks this process to end ends all evaluations with
    :class:`experiments.study.pause.PausedError`, which is no result of theirs.

    The limits are of one spec. 0 jobs are as many as there are cores.
    """

    def __init__(self, jobs: int, limits: Limits | None = None) -> None:
        self.jobs, self.limits = jobs or os.cpu_count() or 1, limits or Limits()
        self._stack = ExitStack()
        self._pause = Pause()
        self._evaluators: list[tuple[Evaluator, Path]] = []
        self._lock = Lock()
        self._idle: Queue[ProcessPoolExecutor] = Queue()
        self._own = self.jobs > 1 or self.limits != Limits()
        if self._own:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            for _ in range(self.jobs):
                self._idle.put(self._process())

    def __enter__(self) -> Self:
        self._stack.enter_context(self._pause.on_signals())
        return self

    def __exit__(self, *_: object) -> None:
        while not self._idle.empty():
            self._idle.get().shutdown(kill_workers=True)
        self._stack.close()

    def evaluate(
        self, evaluator: Evaluator, spec: SegmenterSpec, *, draw: Sequence[str] = ()
    ) -> Outcome:
        """Evaluate one spec and wait for it; threads may call this at the same time.

        `draw` names the :data:`segmentation.reports.figures.FIGURES` to draw.

        Raises
        ------
        EvaluationError
            When the evaluation raised an error, crashed, or reached a limit.
        PausedError
            When this process was asked to end.
        """
        if not self._own:
            try:
                result: Outcome = _work().outcome(evaluator, spec, draw)
                return result
            except Exception as error:
                raise EvaluationError(_described(error)) from error
        path, process = self._file_of(evaluator), self._idle.get()
        try:
            self._pause.check()
            return self._result(process.submit(_work().outcome_of, path, spec, draw))
        except _EndedError as ended:
            process.shutdown(kill_workers=True)
            self._pause.check()
            process = self._process()
            raise EvaluationError(str(ended)) from ended
        finally:
            self._idle.put(process)

    def evaluate_all(
        self, evaluator: Evaluator, specs: Sequence[SegmenterSpec], *, draw: Sequence[str] = ()
    ) -> Iterator[Outcome | EvaluationError]:
        """Evaluate many specs; yield outcomes in order, or why there is none."""

        def evaluated(spec: SegmenterSpec) -> Outcome | EvaluationError:
            try:
                return self.evaluate(evaluator, spec, draw=draw)
            except EvaluationError as error:
                return error

        if not self._own:
            yield from map(evaluated, specs)
            return
        with ThreadPoolExecutor(self.jobs) as threads:
            yield from threads.map(evaluated, specs)

    def _result(self, future: Future[Outcome]) -> Outcome:
        share = f"{self.limits.share(self.jobs):.3g} GB of memory for a trial (trial_gigabytes)"
        deadline = time.monotonic() + (self.limits.seconds or float("inf"))
        while not future.done():
            self._pause.check()
            if time.monotonic() > deadline:
                raise _EndedError(
                    f"it was ended after {self.limits.seconds:g} s, the limit of a trial "
                    "(trial_seconds)"
                )
            wait([future], POLL_SECONDS)
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            raise _EndedError(
                f"its process ended by itself: native code crashed, perhaps at the limit of {share}"
            )
        if isinstance(error, MemoryError):
            raise EvaluationError(f"{_described(error)}; the limit is {share}") from error
        if error is not None:
            raise EvaluationError(_described(error)) from error
        return future.result()

    def _process(self) -> ProcessPoolExecutor:
        share = self.limits.share(self.jobs)
        arguments = (share, os.getpid())
        with self._lock, _our_code_first():
            with held_back():
                ensure_running()  # a helper of multiprocessing: its start lets signals through
            with held_back():
                process = ProcessPoolExecutor(1, env=CAPPED, initializer=_begin, initargs=arguments)
                process.submit(_warm)
        return process

    def _file_of(self, evaluator: Evaluator) -> Path:
        """Return the file that hands an evaluator to the processes, written once."""
        with self._lock:
            for written, path in self._evaluators:
                if written is evaluator:
                    return path
            path = self._folder / f"{len(self._evaluators)}.evaluator"
            _work().save(evaluator, path)
            self._evaluators.append((evaluator, path))
            return path


@contextmanager
def _our_code_first() -> Iterator[None]:
    """Let new processes import this code: a model loaded by MLflow puts its own copy first."""
    sys.path.insert(0, str(ROOT))
    try:
        yield
    finally:
        sys.path.remove(str(ROOT))


def _work() -> Any:
    """Return what evaluates; importing it takes seconds."""
    return import_module(WORK)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _begin(gigabytes: float, parent: int) -> None:
    """Import what evaluates; let this process have so much memory, and live as its parent wants."""
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    ignore_signals()
    _work().draw_fast()
    if gigabytes and sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has none

        most = int(gigabytes * GIGABYTE)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _end_with(parent: int) -> None:
    """Watch the parent: a process gets no signal when its parent is killed."""
    while os.getppid() == parent and psutil.pid_exists(parent):
        time.sleep(1)
    os._exit(1)


def _warm() -> None:
    """Start the process, while the caller is still busy importing and reading the table."""
