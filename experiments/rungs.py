"""Many cheap trials on a sample, the promising ones on more, the few best on everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import optuna
import pandas as pd

from experiments.candidates import Candidate, promising, recall_rung, remember_rung
from segmentation.assignment import FloatArray
from segmentation.errors import TooLargeError
from segmentation.evaluation import Guards
from segmentation.features.columns import customer_matrix
from segmentation.judging import Judge
from segmentation.reference import ReferenceSpace
from segmentation.schema import TableSchema
from segmentation.segmenter import canonical_order


@dataclass(frozen=True)
class Rung:
    """One stage of a search.

    Parameters
    ----------
    rows
        Most customers judged on.
    most
        Most candidates that get there.
    """

    rows: int
    most: int


# 2,000 customers rank recipes as all do (rank correlation .9); see experiments/README.md.
RUNGS = (Rung(2_000, 1_000_000), Rung(4_000, 20), Rung(20_000, 7))


class Ladder:
    """Samples of one table, each judged in the same reference space.

    Parameters
    ----------
    customers
        All validated customers, shape (n, d).
    schema
        Their table.
    guards
        What makes a candidate infeasible.
    seed
        Of samples, splits and trees.
    rungs
        From few customers to many.
    """

    def __init__(
        self,
        customers: pd.DataFrame | FloatArray,
        schema: TableSchema,
        guards: Guards,
        seed: int,
        rungs: Sequence[Rung] = RUNGS,
    ) -> None:
        self.schema, self.guards, self.seed = schema, guards, seed
        self._matrix = customer_matrix(customers, schema.column_names)
        self._order = canonical_order(self._matrix, seed)
        largest = self._order[: rungs[-1].rows]
        self.reference = ReferenceSpace(schema).fit(self._matrix[largest])
        needed = [rung for rung in rungs[:-1] if rung.rows < len(self._matrix)]
        last = replace(rungs[-1], most=rungs[-1].most if needed else rungs[0].most)
        self.rungs = (*needed, last)

    def judge_of(self, rung: Rung) -> Judge:
        """Return the judge of a rung; its neighbour graph is computed here, once."""
        sample = self._matrix[self._order[: rung.rows]]
        return Judge(
            sample, self.schema, guards=self.guards, seed=self.seed, reference=self.reference
        )

    def climb(self, study: optuna.Study, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
        """Judge the promising candidates on more customers, rung by rung.

        Yields
        ------
        Candidate
            Each with its judgement on a higher rung, also those judged in an earlier session.
        """
        standing = list(candidates)
        for rung in self.rungs[1:]:
            standing = list(self._on(rung, study, promising(standing, rung.most)))
            yield from standing

    def _on(
        self, rung: Rung, study: optuna.Study, candidates: Sequence[Candidate]
    ) -> Iterator[Candidate]:
        judge: Judge | None = None
        for candidate in candidates:
            found = recall_rung(study, rung.rows, candidate)
            if found is None:
                judge = judge or self.judge_of(rung)
                try:
                    found = judge.judge(candidate.spec).evaluation
                except TooLargeError:
                    continue  # what cannot be fitted on that many cannot be served for them
                remember_rung(study, rung.rows, candidate, found)
            yield replace(candidate, evaluation=found)
