"""Find the segments of a table: trials on a sample, the promising ones on more, then the pick."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from experiments.search.candidates import RUN, Candidate, recall, remember
from experiments.search.fidelity import Samples
from experiments.search.progress import Progress
from experiments.search.proposals import ProposalSampler
from experiments.search.ranking import Ranking, Standing, rank
from experiments.search.search_space import ALGORITHMS, Fixed, Space
from experiments.study.study import optimise, settled
from experiments.study.worker_pool import EvaluationError, Workers
from segmentation.clustering.segmenter import Segmenter
from segmentation.evaluation.triviality import column_flags
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.categorical import Formed, blocks_of
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema

if TYPE_CHECKING:
    from experiments.tracking.tracker import Tracker

# How much less a fit on everybody may agree than one on half of the evaluated customers.
LEEWAY = 0.1
# Drawing all four costs as much as evaluating on few customers: one picture of every trial, another
# of the best, all of the pick.
EVERY_TRIAL = ("map",)
THE_BEST = ("profile_heatmap",)


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search.

    Parameters
    ----------
    candidates
        Every evaluated trial, each with its evaluation at the highest fidelity level it reached.
    ranking
        Of the candidates that reached the highest fidelity level.
    pick
        The best feasible one, or the one with as many segments as requested; None where there
        is none.
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

    Parameters
    ----------
    study
        Holds what was tried before.
    space
        What may be tried.
    samples
        Samples and evaluators.
    workers
        Processes that evaluate.
    n_trials
        In all, those of earlier sessions included.
    timeout
        Seconds after which no new trial starts; 0 for no limit.
    tracker
        Records every trial in MLflow; None to record nothing.
    progress
        Shows every trial.
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
                tracker.evaluated(run_id, spec, outcome)
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
    """Judge the promising trials on more customers, and pick.

    Parameters
    ----------
    study, samples, workers, tracker, progress
        See :func:`try_all`.
    k
        Number of segments to pick; 0 for the best.
    """
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
    """Return what may be tried on these customers."""
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
    fit that agrees with these less than fits on halves of the evaluated customers do is given up
    for the fit that was evaluated; its rule assigns the others.
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
        f"Learned from the {len(evaluated):,} customers it was judged on, the others are assigned: "
        f"fitted on everybody, the recipe ends at other segments (agreement {agreed:.2f}).",
    )
    return segmenter


def build(candidate: Candidate, formed: Formed, samples: Samples) -> SegmentationModel:
    """Fit a candidate's recipe and make it servable."""
    segmenter = refitted(candidate, formed.customers, formed.schema, samples)
    return SegmentationModel.build(
        segmenter, formed.customers, candidate.evaluation, candidate.spec.seed, formed.table
    )
