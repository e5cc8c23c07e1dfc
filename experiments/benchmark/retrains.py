"""Whether segments keep number and name when a model is trained again on other customers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.benchmark.one import search_table
from experiments.benchmark.segments import read_table
from segmentation.clustering.segmenter import Segmenter
from segmentation.evaluation.constraints import Constraints
from segmentation.interpretation.profiles import profile_segments
from segmentation.model.segment_matching import Numbering, match_segments, new_numbering
from segmentation.schema import TableSchema

SHARE = 0.8


@dataclass(frozen=True)
class RetrainRow:
    """One retrain against the one before.

    Parameters
    ----------
    seed
        Of the sample and of the search.
    segments
        Found.
    preserved
        Of them, with the number and the name of the retrain before.
    overlap
        Mean Jaccard index of those preserved, in [0, 1].
    preserved_by_chance
        The same when the customers' earlier segments are shuffled.
    changes
        What was said of the others.
    """

    seed: int
    segments: int
    preserved: int
    overlap: float
    preserved_by_chance: int
    changes: str


def retrain_rows(path: Path, retrains: int, trials: int, jobs: int) -> Iterator[RetrainRow]:
    """Search a table, then search random four fifths of it again and again.

    Parameters
    ----------
    path
        The table.
    retrains
        How many; each is matched with the one before, as in a registry.
    trials, jobs
        Of every search.
    """
    customers, schema = read_table(path)
    before, names = _trained(customers, schema, trials, 0, jobs)
    numbering = new_numbering(names)
    for seed in range(1, retrains + 1):
        sample = customers.sample(frac=SHARE, random_state=seed)
        after, names = _trained(sample, schema, trials, seed, jobs)
        old, new = before.assign(sample).segment, after.assign(sample).segment
        shuffled = np.random.default_rng(seed).permutation(old)
        chance = match_segments(numbering, shuffled, new, names).n_matched
        matched = match_segments(numbering, old, new, names)
        yield _row(seed, numbering, matched, chance)
        before, numbering = after, matched


def _trained(
    customers: pd.DataFrame, schema: TableSchema, trials: int, seed: int, jobs: int
) -> tuple[Segmenter, tuple[str, ...]]:
    result, _ = search_table(
        customers, schema, Constraints(), name="retrains", trials=trials, seed=seed, jobs=jobs
    )
    if result.pick is None:
        raise ValueError("nothing feasible was found, so there is nothing to compare")
    segmenter = Segmenter(result.pick.candidate.spec, schema).fit_within(customers)
    profiles = profile_segments(customers, segmenter.assign(customers).segment, schema)
    return segmenter, tuple(profile.name for profile in profiles)


def _row(seed: int, previous: Numbering, numbering: Numbering, chance: int) -> RetrainRow:
    preserved = [
        overlap
        for number, name, overlap in zip(
            numbering.numbers, numbering.names, numbering.overlap, strict=True
        )
        if previous.name_of.get(number) == name
    ]
    return RetrainRow(
        seed,
        len(numbering.numbers),
        len(preserved),
        float(np.mean(preserved)) if preserved else 0.0,
        chance,
        " ".join(numbering.changes),
    )
