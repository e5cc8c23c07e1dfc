"""What a study tries, in batches: good recipes first, then near the best, then by sampling."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import optuna
from optuna.trial import FrozenTrial

from experiments.search.candidates import recall
from experiments.search.ranking import rank
from experiments.search.search_space import Parameters, Space
from segmentation.clustering.spec import SegmenterSpec

BATCH = 4
STARTUP_TRIALS = 12


@dataclass(frozen=True)
class Plan:
    """Proposes the trials of a study, the same for the same history.

    Parameters
    ----------
    space
        What may be tried; its seed seeds the sampler.
    """

    space: Space

    @cached_property
    def first(self) -> list[Parameters]:
        """The trials that need no history, after which every batch has four."""
        return self.space.first()

    def batch(self, start: int) -> range:
        """Return the places of the batch that begins at `start`."""
        return range(start, max(start + BATCH, len(self.first)) if start == 0 else start + BATCH)

    def propose(self, history: Sequence[FrozenTrial], places: range) -> list[Parameters]:
        """Return complete parameters for every place of a batch.

        Every other trial is a neighbour of the best so far; the others are sampled by a
        tree-structured Parzen estimator that knows scores and violated constraints.

        Parameters
        ----------
        history
            Settled trials of all earlier batches, in the order of their places.
        places
            From :meth:`batch`.
        """
        first = self.first[places.start : places.stop]
        wanted = len(places) - len(first)
        if not wanted:
            return first
        near = list(self._near(history, (wanted + 1) // 2))
        return [*first, *near, *self._sampled(history, wanted - len(near), places.start)]

    def _near(self, history: Sequence[FrozenTrial], most: int) -> Iterator[Parameters]:
        """Yield untried neighbours of the best, in the order of the ranking."""
        candidates = recall(history)
        known: set[SegmenterSpec] = {candidate.spec for candidate in candidates}
        for standing in rank(candidates).standings:
            for parameters in self.space.near(standing.candidate.spec, standing.k):
                spec = self.space.spec_of(parameters)
                if most and spec not in known:
                    known.add(spec)
                    most -= 1
                    yield parameters
            if not most:
                return

    def _sampled(
        self, history: Sequence[FrozenTrial], count: int, start: int
    ) -> Iterator[Parameters]:
        """Yield what Optuna's sampler proposes, seeded by the place of the batch."""
        with warnings.catch_warnings():
            # Grouped and multivariate sampling are called experimental; the version is pinned.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                seed=self.space.seed * 1_000_003 + start,
                n_startup_trials=STARTUP_TRIALS,
                multivariate=True,
                group=True,
            )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(history)
        for _ in range(count):
            trial = study.ask()
            self.space.propose(trial)
            yield dict(trial.params)
