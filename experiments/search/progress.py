"""Tell a person how a search is going: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Self

from optuna.trial import FrozenTrial
from tqdm import tqdm

from experiments.search.candidates import Candidate, recall
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.spec import SegmenterSpec
from segmentation.evaluation.result import Evaluation


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
            self._say(self._opening(study))
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
        self._say(
            f"trial {number:3d} ({self.done}/{self.n_trials})  {title}, "
            f"{evaluation.n_segments} segments: {verdict}  [{self._best()}]"
        )

    def failed(self, number: int, spec: SegmenterSpec, reason: str) -> None:
        """Show a trial that could not be evaluated."""
        self.done += 1
        if self._bar is not None:
            self._bar.update()
        title = CLUSTERERS[spec.clusterer].title
        self._say(f"trial {number:3d} ({self.done}/{self.n_trials})  {title} failed: {reason}")

    def reevaluated(self, candidate: Candidate) -> None:
        """Show a candidate evaluated on more customers."""
        evaluation = candidate.evaluation
        self._say(
            f"trial {candidate.number:3d} on {evaluation.rows:,} customers: "
            f"{evaluation.n_segments} segments, score {evaluation.score:.3f}"
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

    def _say(self, text: str) -> None:
        if self.silent:
            return
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)
