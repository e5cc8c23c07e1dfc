"""Large tables in a scoring server, on the cores that are free."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np

Part = TypeVar("Part")
Result = TypeVar("Result")
# More threads would wait for Python more often than they compute.
MOST_THREADS = 4
# Fewer bytes or customers are done before a thread has begun.
LEAST_BYTES, LEAST_ROWS = 256 * 1024, 4_096


# The cores this process may use, none where the system does not tell, as it began: later it may
# keep to one of them.
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def each(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Return what some work returns for each part, several at a time.

    It gains where the work is done outside Python: in numpy, or in pandas' and Arrow's readers.
    """
    if len(parts) == 1:
        return [work(parts[0])]
    return list(_pool().map(work, parts))


def row_ranges(rows: int) -> list[slice]:
    """Return the rows of a table in parts for :func:`each`, in order."""
    ends = np.linspace(0, rows, _count(rows, LEAST_ROWS) + 1).astype(int).tolist()
    return [slice(start, end) for start, end in pairwise(ends)]


def csv_files(content: bytes) -> list[bytes]:
    """Return a CSV file in parts for :func:`each`, in order, every one with the header.

    With a quotation mark in it, it stays whole: there may be line breaks in a cell.
    """
    count = _count(len(content), LEAST_BYTES)
    header = content.find(b"\n") + 1
    if count == 1 or not header or b'"' in content:
        return [content]
    ends = [header]
    for number in range(1, count):
        ends.append(content.find(b"\n", max(ends[-1], number * len(content) // count)) + 1)
    if 0 in ends:
        return [content]
    pairs = zip(ends, [*ends[1:], len(content)], strict=True)
    return [content[:header] + content[start:end] for start, end in pairs]


def _count(size: int, least: int) -> int:
    return max(1, min(MOST_THREADS, len(CORES), size // least))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(MOST_THREADS, len(CORES)), "table", _on_any_core)


def _on_any_core() -> None:
    os.sched_setaffinity(0, CORES)
