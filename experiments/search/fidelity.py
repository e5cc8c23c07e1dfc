"""Many cheap trials on a sample, the promising ones on more, the few best on everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import optuna
import pandas as pd

from experiments.search.candidates import Candidate, recall_at, remember_at
from experiments.search.ranking import promising, rank
from experiments.study.worker_pool import EvaluationError, Outcome, Workers
from segmentation.evaluation.constraints import Constraints
from segmentation.evaluation.evaluator import Evaluator
from segmentation.evaluation.reference_space import ReferenceSpace
from segmentation.interpretation.profiles import profile_segments
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.cache import canonical_order
from segmentation.preprocessing.columns import customer_matrix
from segmentation.reports.figures import FigureData
from segmentation.schema import TableSchema
from segmentation.types import FloatArray, IntArray


@dataclass(frozen=True)
class Fidelity:
    """One stage of a search: the best `most` candidates, each on at most `rows` customers."""

    rows: int
    most: int
    n_splits: int = 2  # random splits behind every stability


@dataclass(frozen=True)
class Reevaluated:
    """A candidate at a higher fidelity level; no outcome where an earlier session evaluated it."""

    candidate: Candidate
    outcome: Outcome | None


# The best spec on all is among the best twenty on 2,000 customers; see experiments/SCALE.md.
FIDELITIES = (Fidelity(2_000, 1_000_000), Fidelity(4_000, 20), Fidelity(20_000, 12, n_splits=5))


class Samples:
    """Samples of one table, each evaluated in the same reference space.

    `customers` are all validated ones, shape (n, d); the fidelity levels go from few to many.
    The seed is that of samples, splits and trees.
    """

    def __init__(
        self,
        customers: pd.DataFrame | FloatArray,
        schema: TableSchema,
        constraints: Constraints,
        seed: int,
        *,
        fidelities: Sequence[Fidelity] = FIDELITIES,
        weights: Sequence[tuple[str, float]] = (),
    ) -> None:
        self.schema, self.constraints, self.seed = schema, constraints, seed
        self._matrix = customer_matrix(customers, schema.column_names)
        self._order = canonical_order(self._matrix, seed)
        largest = self._order[: fidelities[-1].rows]
        self.reference = ReferenceSpace(schema, weights).fit(self._matrix[largest])
        self.fidelities = (
            fidelities[0],
            *(fidelity for fidelity in fidelities[1:-1] if fidelity.rows < len(self._matrix)),
            fidelities[-1],
        )

    def positions(self, fidelity: int) -> IntArray:
        """Return the rows evaluated at a fidelity level, in the order of its partitions."""
        return self._order[: self.fidelities[fidelity].rows]

    def pictured(self, model: SegmentationModel) -> FigureData:
        """Return what pictures of a fitted model are drawn from: the largest sample."""
        matrix = self._matrix[self.positions(-1)]
        segment = model.segmenter.assign(matrix).segment
        profiles = profile_segments(matrix, segment, self.schema, rules=False)
        named = zip(profiles, model.numbering.numbers, model.numbering.names, strict=True)
        return FigureData(
            coordinates=self.reference.transform(matrix),
            segment=segment,
            columns=self.schema.column_names,
            labels=tuple(column.label for column in self.schema.columns),
            profiles=tuple(replace(p, number=number, name=name) for p, number, name in named),
            seed=self.seed,
            customers=self.schema.customers,
        )

    def coordinates(self, most: int) -> FloatArray:
        """Return at most `most` customers in the reference space, the first of every partition."""
        return self.reference.transform(self._matrix[self.positions(-1)[:most]])

    def matrix(self, most: int) -> FloatArray:
        """Return the same customers in the columns of the schema."""
        return self._matrix[self.positions(-1)[:most]]

    def evaluator_of(self, fidelity: Fidelity) -> Evaluator:
        """Return the evaluator of a fidelity level; its neighbour graph is computed here, once."""
        sample = self._matrix[self._order[: fidelity.rows]]
        return Evaluator(
            sample,
            self.schema,
            constraints=self.constraints,
            seed=self.seed,
            n_splits=fidelity.n_splits,
            reference=self.reference,
        )

    def reevaluate(
        self,
        study: optuna.Study,
        candidates: Sequence[Candidate],
        workers: Workers,
        *,
        draw: Sequence[str] = (),
    ) -> Iterator[Reevaluated]:
        """Evaluate the promising candidates on more customers, level by level.

        The study remembers evaluations of earlier sessions. The figures named in `draw` are drawn
        for those at the highest level.
        """
        standing = list(candidates)
        for number, fidelity in enumerate(self.fidelities[1:], start=1):
            chosen = promising(rank(standing), fidelity.most)
            figures = draw if number == len(self.fidelities) - 1 else ()
            standing = []
            for reevaluated in self._on(number, study, chosen, workers, draw=figures):
                standing.append(reevaluated.candidate)
                yield reevaluated

    def _on(
        self,
        number: int,
        study: optuna.Study,
        candidates: Sequence[Candidate],
        workers: Workers,
        *,
        draw: Sequence[str],
    ) -> Iterator[Reevaluated]:
        previous = {c.number: recall_at(study, number, c.number) for c in candidates}
        fresh = [c for c in candidates if previous[c.number] is None]
        evaluator = self.evaluator_of(self.fidelities[number]) if fresh else None
        specs = [c.spec for c in fresh]
        outcomes = workers.evaluate_all(evaluator, specs, draw=draw) if evaluator else iter(())
        for candidate in candidates:
            stored, evaluated = previous[candidate.number], None
            if stored is not None:
                evaluation, partition = stored
            else:
                outcome = next(outcomes)
                if isinstance(outcome, EvaluationError):
                    continue  # what cannot be fitted on that many cannot be served for them
                evaluation, partition, evaluated = outcome.evaluation, outcome.partition, outcome
            reevaluated = replace(
                candidate, evaluation=evaluation, partition=partition, fidelity=number
            )
            if evaluated:
                remember_at(study, reevaluated)
            yield Reevaluated(reevaluated, evaluated)
