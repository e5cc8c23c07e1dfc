"""Find the segments of a table: trials on a sample, the promising ones on more, then the pick."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import optuna
import pandas as pd
from optuna.trial import FrozenTrial
from sklearn.metrics import adjusted_rand_score
from tqdm import tqdm

from experiments.search.candidates import RUN, Candidate, recall, remember
from experiments.search.fidelity import Samples
from experiments.search.options import SearchOptions
from experiments.search.proposals import ProposalSampler
from experiments.search.ranking import Ranking, Standing, rank
from experiments.search.search_space import ALGORITHMS, Fixed, Space
from experiments.study.study import optimise, settled
from experiments.study.worker_pool import EvaluationError, Workers
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import SegmenterSpec
from segmentation.data.validation import Validated
from segmentation.errors import DataError, Problem
from segmentation.evaluation.result import Evaluation
from segmentation.evaluation.triviality import column_flags
from segmentation.interpretation.formatting import with_noun
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.categorical import PreparedTable, blocks_of, prepare_table
from segmentation.preprocessing.columns import customer_matrix, weights_of
from segmentation.schema import TableSchema

if TYPE_CHECKING:
    from experiments.tracking.tracker import Tracker

# What to do where nothing is feasible.
NEXT = "Raise n_trials, or widen the constraints: k_min, k_max, smallest_share, largest_share."
# How much less a fit on everybody may agree than one on half of the evaluated customers.
LEEWAY = 0.1
LEAST_FEATURES = 2
# Drawing all costs as much as evaluating on few customers: a map without names of every trial, two
# pictures of the best, all of the pick.
EVERY_TRIAL = ("map",)
THE_BEST = ("map", "profile_heatmap")


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search.

    Each candidate has its evaluation at the highest fidelity level it reached; the ranking is of
    those that reached the highest. The pick is the best feasible one, or the one with as many
    segments as requested; None where there is none.
    """

    candidates: tuple[Candidate, ...]
    ranking: Ranking
    pick: Standing | None

    @property
    def picked(self) -> Standing:
        """The pick; ValueError where there is none."""
        if self.pick is None:
            raise ValueError("no candidate is feasible")
        return self.pick


class Progress:
    """Shows trials as they end, with the best so far.

    `before` are the settled trials of earlier sessions; `bar` shows a bar instead of lines,
    `silent` nothing at all.
    """

    def __init__(
        self,
        n_trials: int,
        before: Sequence[FrozenTrial],
        study: str,
        *,
        bar: bool = False,
        silent: bool = False,
    ) -> None:
        self.n_trials, self.done, self.silent = n_trials, len(before), silent
        feasible = [c.evaluation for c in recall(before) if c.evaluation.feasible]
        self.best: Evaluation | None = max(feasible, key=lambda e: e.score, default=None)
        self._bar: tqdm[Any] | None = None
        if not bar:
            self._write(self._opening(study))
        if (bar or sys.stderr.isatty()) and not silent and self.done < n_trials:
            self._bar = tqdm(total=n_trials, initial=self.done, unit="trial", leave=False)

    def trial(self, number: int, spec: SegmenterSpec, evaluation: Evaluation) -> None:
        """Show an evaluated trial."""
        self.done += 1
        if evaluation.feasible and (self.best is None or evaluation.score > self.best.score):
            self.best = evaluation
        if self._bar is not None:
            self._bar.update()
            self._bar.set_postfix_str(self._best())
            return
        verdict = (
            f"score {evaluation.score:.3f}" if evaluation.feasible else evaluation.infeasible[0]
        )
        title = CLUSTERERS[spec.clusterer].title
        self._write(
            f"trial {number:3d} ({self.done}/{self.n_trials})  {title}, "
            f"{with_noun(evaluation.n_segments, 'segment')}: {verdict}  [{self._best()}]"
        )

    def failed(self, number: int, spec: SegmenterSpec, reason: str) -> None:
        """Show a trial that could not be evaluated."""
        self.done += 1
        if self._bar is not None:
            self._bar.update()
        title = CLUSTERERS[spec.clusterer].title
        self._write(f"trial {number:3d} ({self.done}/{self.n_trials})  {title} failed: {reason}")

    def reevaluated(self, candidate: Candidate) -> None:
        """Show a candidate evaluated on more customers."""
        evaluation = candidate.evaluation
        self._write(
            f"trial {candidate.number:3d} on {evaluation.rows:,} customers: "
            f"{with_noun(evaluation.n_segments, 'segment')}, score {evaluation.score:.3f}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()

    def _opening(self, study: str) -> str:
        if self.done >= self.n_trials:
            return (
                f"Study {study} is finished: {self.done} of {self.n_trials} trials are done. "
                "Ask for more with n_trials, or begin again with new_study=true."
            )
        if self.done:
            return f"Study {study} continues: {self.done} of {self.n_trials} trials are done."
        return f"Study {study} begins: {self.n_trials} trials."

    def _best(self) -> str:
        if self.best is None:
            return "no feasible trial yet"
        return f"best {self.best.score:.3f} with {self.best.n_segments} segments"

    def _write(self, text: str) -> None:
        if self.silent:
            return
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)


def find(
    study: optuna.Study,
    space: Space,
    samples: Samples,
    workers: Workers,
    *,
    n_trials: int,
    tracker: Tracker | None = None,
) -> SearchResult:
    """Try all, then choose: see :func:`try_all` and :func:`choose`."""
    try_all(study, space, samples, workers, n_trials=n_trials, tracker=tracker)
    return choose(study, samples, workers, tracker=tracker)


def try_all(
    study: optuna.Study,
    space: Space,
    samples: Samples,
    workers: Workers,
    *,
    n_trials: int,
    timeout: float = 0.0,
    tracker: Tracker | None = None,
    progress: Progress | None = None,
) -> None:
    """Run the trials that are missing, on the smallest sample.

    `n_trials` counts those of earlier sessions too. No new trial starts after `timeout` seconds; 0
    means no limit. The tracker records every trial in MLflow.
    """
    deadline = time.monotonic() + timeout if timeout else float("inf")
    evaluator = samples.evaluator_of(samples.fidelities[0])

    def objective(trial: optuna.Trial) -> float:
        spec = space.propose(trial)
        with tracker.trial(trial.number, spec) if tracker else nullcontext("") as run_id:
            trial.set_user_attr(RUN, run_id)
            try:
                outcome = workers.evaluate(evaluator, spec, draw=EVERY_TRIAL if tracker else ())
            except EvaluationError as error:
                if progress:
                    progress.failed(trial.number, spec, str(error))
                raise
            remember(trial, spec, outcome.evaluation, outcome.partition)
            if tracker:
                tracker.evaluated(trial.number, run_id, spec, outcome)
        if progress:
            progress.trial(trial.number, spec, outcome.evaluation)
        return outcome.evaluation.score

    jobs = min(workers.jobs, n_trials)
    optimise(
        study, objective, ProposalSampler(space), n_trials=n_trials, jobs=jobs, deadline=deadline
    )


def choose(
    study: optuna.Study,
    samples: Samples,
    workers: Workers,
    *,
    k: int = 0,
    tracker: Tracker | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Evaluate the promising trials on more customers; pick `k` segments, or the best for 0."""
    latest = {c.number: c for c in recall(settled(study))}
    draw = THE_BEST if tracker else ()
    for reevaluated in samples.reevaluate(study, list(latest.values()), workers, draw=draw):
        latest[reevaluated.candidate.number] = reevaluated.candidate
        if tracker:
            tracker.reevaluated(reevaluated.candidate, reevaluated.outcome)
        if progress:
            progress.reevaluated(reevaluated.candidate)
    result = _settled(list(latest.values()), k)
    if tracker:
        tracker.standings(result.ranking)
    return result


def _settled(candidates: Sequence[Candidate], k: int) -> SearchResult:
    highest = max((candidate.fidelity for candidate in candidates), default=0)
    ranking = rank(candidate for candidate in candidates if candidate.fidelity == highest)
    pick = ranking.pick(k)
    feasible = pick if pick and pick.candidate.evaluation.feasible else None
    return SearchResult(tuple(candidates), ranking, feasible)


def nothing_feasible(result: SearchResult, k: int = 0) -> str:
    """Say that nothing was picked, and what came closest; `k` is the number requested."""
    numbers = [str(s.k) for s in result.ranking.alternatives() if s.candidate.evaluation.feasible]
    trials = f"{len(result.candidates)} trial{'s' if len(result.candidates) != 1 else ''}"
    if numbers:
        return (
            f"No feasible segmentation with {k} segments in {trials}; "
            f"feasible numbers of segments: {', '.join(numbers)}."
        )
    head = f"No feasible segmentation in {trials}."
    if not result.candidates:
        return head
    closest = min(result.candidates, key=_violation)
    title = CLUSTERERS[closest.spec.clusterer].title
    segments = with_noun(closest.evaluation.n_segments, "segment")
    return (
        f"{head} Closest came trial {closest.number}, {title} with {segments}: "
        f"{'; '.join(closest.evaluation.infeasible)}."
    )


def _violation(candidate: Candidate) -> tuple[int, float, int]:
    """Return how many constraints a candidate violates, by how much in all, and its number.

    A stability that was not computed, because another constraint is violated, counts as none.
    """
    evaluation = candidate.evaluation
    over = {name: excess for name, excess in evaluation.excess.items() if excess > 0}
    if len(evaluation.infeasible) < len(over):
        del over["stability"]
    return len(over), sum(over.values()), candidate.number


def prepare_search(
    validated: Validated, table: TableSchema, options: SearchOptions
) -> tuple[PreparedTable, Space]:
    """Return customers as the features that form segments, and what may be tried on them.

    Raises
    ------
    DataError
        When they have one feature only.
    SpecError
        When a weight is that of a column that forms no segments.
    """
    fixed, constraints = options.fixed, options.constraints
    prepared = prepare_table(
        *(validated.customers, table),
        sensitive=options.sensitive,
        excluded=fixed.excluded,
        outcomes=validated.outcomes,
    )
    space = space_for(
        *(prepared.customers, prepared.schema, constraints.k_min, constraints.k_max, options.seed),
        algorithms=options.chosen_algorithms,
        fixed=fixed,
    )
    weights_of(prepared.schema, options.columns_weights)
    return prepared, replace(space, weights=options.columns_weights)


def space_for(
    customers: pd.DataFrame,
    schema: TableSchema,
    k_min: int,
    k_max: int,
    seed: int,
    *,
    algorithms: tuple[str, ...] = ALGORITHMS,
    fixed: Fixed | None = None,
) -> Space:
    """Return what may be tried on these customers.

    Raises
    ------
    DataError
        When they have one feature only.
    """
    features = list(dict.fromkeys(column.of or column.name for column in schema.columns))
    if len(features) < LEAST_FEATURES:
        expected = f"two or more features that form segments, found only {features[0]}"
        remedy = "Add a feature; bands of a single column need no search (explore describes it)."
        raise DataError([Problem(None, "too_few_features", expected, remedy)])
    flags = column_flags(customer_matrix(customers, schema.column_names))
    return Space(
        schema.name,
        k_min,
        k_max,
        seed,
        algorithms=algorithms,
        often_zero=len(flags.columns) > 1,
        mixed=bool(blocks_of(schema)),
        fixed=fixed or Fixed(),
    )


def refitted(
    candidate: Candidate, customers: pd.DataFrame, schema: TableSchema, samples: Samples
) -> Segmenter:
    """Fit a candidate's spec on all customers, or on those it was evaluated on.

    With more customers an algorithm may end at other segments than those that were evaluated. A
    fit that agrees with these less than fits on halves of the evaluated customers do is replaced
    by the fit that was evaluated; its rule assigns the others.
    """
    spec, evaluated = candidate.spec, samples.positions(candidate.fidelity)
    segmenter = Segmenter(spec, schema).fit_within(customers)
    if not candidate.partition:
        return segmenter
    agreed = adjusted_rand_score(candidate.labels, segmenter.assignment_.segment[evaluated])
    if agreed >= candidate.evaluation.stability - LEEWAY:
        return segmenter
    segmenter = Segmenter(spec, schema).fit_within(customers, len(evaluated))
    segmenter.notes_ += (
        f"Learned from the {len(evaluated):,} customers it was evaluated on, the others are "
        f"assigned: fitted on everybody, the spec ends at other segments (agreement {agreed:.2f}).",
    )
    return segmenter


def build(candidate: Candidate, prepared: PreparedTable, samples: Samples) -> SegmentationModel:
    """Fit a candidate's spec and make it servable."""
    segmenter = refitted(candidate, prepared.customers, prepared.schema, samples)
    return SegmentationModel.build(
        segmenter, prepared.customers, candidate.evaluation, candidate.spec.seed, prepared.table
    )
