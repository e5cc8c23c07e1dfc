"""Tell a person how a search is going: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import Any, Self

from tqdm import tqdm

from experiments.search.candidates import Candidate
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.spec import SegmenterSpec
from segmentation.evaluation.result import Evaluation


class Progress:
    """Shows trials as they end, with the best so far.

    Parameters
    ----------
    wanted
        Trials wanted in all.
    done
        Trials of earlier sessions.
    study
        Name of the study.
    """

    def __init__(self, wanted: int, done: int, study: str) -> None:
        self.wanted, self.done = wanted, done
        self.best: Evaluation | None = None
        self._bar: tqdm[Any] | None = None
        self._say(self._opening(study))
        if sys.stderr.isatty() and done < wanted:
            self._bar = tqdm(total=wanted, initial=done, unit="trial", leave=False)

    def trial(self, number: int, spec: SegmenterSpec, found: Evaluation) -> None:
        """Show a judged trial."""
        self.done += 1
        if found.feasible and (self.best is None or found.score > self.best.score):
            self.best = found
        if self._bar is not None:
            self._bar.update()
            self._bar.set_postfix_str(self._best())
            return
        verdict = f"score {found.score:.3f}" if found.feasible else found.infeasible[0]
        title = CLUSTERERS[spec.clusterer].title
        self._say(
            f"trial {number:3d} ({self.done}/{self.wanted})  {title}, "
            f"{found.n_segments} segments: {verdict}  [{self._best()}]"
        )

    def failed(self, number: int, spec: SegmenterSpec, reason: str) -> None:
        """Show a trial that could not be judged."""
        self.done += 1
        if self._bar is not None:
            self._bar.update()
        title = CLUSTERERS[spec.clusterer].title
        self._say(f"trial {number:3d} ({self.done}/{self.wanted})  {title} failed: {reason}")

    def reevaluated(self, candidate: Candidate) -> None:
        """Show a candidate judged on more customers."""
        found = candidate.evaluation
        self._say(
            f"trial {candidate.number:3d} on {found.rows:,} customers: "
            f"{found.n_segments} segments, score {found.score:.3f}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()

    def _opening(self, study: str) -> str:
        if self.done >= self.wanted:
            return (
                f"Study {study} is finished: {self.done} of {self.wanted} trials are done. "
                "Ask for more with n_trials, or begin again with new_study=true."
            )
        if self.done:
            return f"Study {study} continues: {self.done} of {self.wanted} trials are done."
        return f"Study {study} begins: {self.wanted} trials."

    def _best(self) -> str:
        if self.best is None:
            return "no feasible trial yet"
        return f"best {self.best.score:.3f} with {self.best.n_segments} segments"

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)
