"""Evaluate one spec and draw it: what the processes of a worker pool do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from time import perf_counter

import joblib
import matplotlib

from experiments.search.candidates import as_text
from experiments.study.worker_pool import Outcome
from experiments.tracking.pictures import drawn
from segmentation.clustering.spec import SegmenterSpec
from segmentation.evaluation.evaluator import Evaluator
from segmentation.reports.figures import FigureData

# A map can do without the names of segments.
MAP_ALONE = ("map",)


def outcome(evaluator: Evaluator, spec: SegmenterSpec, draw: Sequence[str] = ()) -> Outcome:
    """Evaluate a spec and draw its pictures."""
    start = perf_counter()
    evaluated = evaluator.evaluate(spec)
    done = perf_counter()
    pictures: dict[str, bytes] = {}
    if draw:
        data = FigureData.of(evaluator, evaluated, named=tuple(draw) != MAP_ALONE)
        pictures = drawn(data, draw)
    seconds = {"judge": done - start, "draw": perf_counter() - done}
    return Outcome(evaluated.evaluation, as_text(evaluated.segment), pictures, seconds)


def save(evaluator: Evaluator, path: Path) -> None:
    """Write an evaluator for processes to open."""
    joblib.dump(evaluator, path)


@lru_cache(2)
def load(path: Path) -> Evaluator:
    """Open an evaluator once; all processes share the pages of its arrays, none can change them."""
    # In a folder that only this user may enter, written by our own parent.
    evaluator: Evaluator = joblib.load(path, mmap_mode="r")
    return evaluator


def outcome_of(path: Path, spec: SegmenterSpec, draw: Sequence[str]) -> Outcome:
    """Evaluate a spec by a saved evaluator, and draw its pictures."""
    return outcome(load(path), spec, draw)


def draw_fast() -> None:
    """Leave out the hinting of letters, a fifth of a picture's time."""
    matplotlib.rcParams["text.hinting"] = "none"
