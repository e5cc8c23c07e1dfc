"""What a study tries: good specs first, then neighbours of the best, and samples."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from experiments.search.candidates import recall
from experiments.search.ranking import rank
from experiments.search.search_space import Parameters, Space
from experiments.study.study import PLACE, BatchSampler, history
from segmentation.clustering.spec import SegmenterSpec

BATCH = 4
STARTUP_TRIALS = 12


class ProposalSampler(BatchSampler):
    """Proposes the trials of a study in batches, the same for the same history.

    The first batch is :meth:`Space.first`; every later one has four trials. What a trial tries
    depends on its place and on the settled trials of earlier batches only, so that neither the
    number of processes nor an interruption changes it. For that reason Optuna's own sampler is
    asked about a study of those trials: the live study also has trials of the same batch, as many
    as happen to have ended.

    The space's seed seeds it.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._batches: dict[int, list[Parameters]] = {}
        self._lock = Lock()

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Return none: every parameter is looked up by itself."""
        return {}

    def sample_relative(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> Parameters:
        """Return none, see :meth:`infer_relative_search_space`."""
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        """Return a parameter of what is proposed for the trial's place."""
        places = self._places(trial.user_attrs[PLACE])
        with self._lock:
            if places.start not in self._batches:
                self._batches[places.start] = self.propose(history(study, places.start), places)
        return self._batches[places.start][places.index(trial.user_attrs[PLACE])][param_name]

    @cached_property
    def first(self) -> list[Parameters]:
        """The trials that need no history."""
        return self.space.first()

    def batch(self, start: int) -> range:
        """Return the places of the batch that begins at `start`."""
        return range(start, max(start + BATCH, len(self.first)) if start == 0 else start + BATCH)

    def propose(self, before: Sequence[FrozenTrial], places: range) -> list[Parameters]:
        """Return complete parameters for every place of a batch.

        Every other trial is a neighbour of the best so far; the others are sampled by a
        tree-structured Parzen estimator that knows scores and violated constraints.

        `before` are the settled trials of all earlier batches, in the order of their places.
        """
        first = self.first[places.start : places.stop]
        count = len(places) - len(first)
        if not count:
            return first
        near = list(self._near(before, (count + 1) // 2))
        return [*first, *near, *self._sampled(before, count - len(near), places.start)]

    def _places(self, place: int) -> range:
        """Return the batch that a place is in."""
        places = self.batch(0)
        while place not in places:
            places = self.batch(places.stop)
        return places

    def _near(self, before: Sequence[FrozenTrial], most: int) -> Iterator[Parameters]:
        """Yield untried neighbours of the best, in the order of the ranking."""
        candidates = recall(before)
        tried: set[SegmenterSpec] = {candidate.spec for candidate in candidates}
        for standing in rank(candidates).standings:
            for parameters in self.space.near(standing.candidate.spec, standing.k):
                spec = self.space.spec_of(parameters)
                if most and spec not in tried:
                    tried.add(spec)
                    most -= 1
                    yield parameters
            if not most:
                return

    def _sampled(
        self, before: Sequence[FrozenTrial], count: int, start: int
    ) -> Iterator[Parameters]:
        """Yield what Optuna's sampler proposes, seeded by the place of the batch."""
        with warnings.catch_warnings():
            # Grouped and multivariate sampling are called experimental; the version is pinned.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = TPESampler(
                seed=self.space.seed * 1_000_003 + start,
                n_startup_trials=STARTUP_TRIALS,
                multivariate=True,
                group=True,
            )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(before)
        for _ in range(count):
            trial = study.ask()
            self.space.propose(trial)
            yield dict(trial.params)
