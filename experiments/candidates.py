"""A judged recipe, as a search compares them, and how the best are judged again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial

from segmentation.evaluation import Evaluation
from segmentation.restatement import RESTATES
from segmentation.spec import SegmenterSpec

SPEC, EVALUATION, RUN = "spec", "evaluation", "run_id"


@dataclass(frozen=True)
class Candidate:
    """One recipe and its latest judgement.

    Parameters
    ----------
    number
        Of its trial.
    spec
        The recipe.
    evaluation
        The judgement on the most customers so far.
    run_id
        Its MLflow run; empty where nothing is tracked.
    """

    number: int
    spec: SegmenterSpec
    evaluation: Evaluation
    run_id: str = ""

    @property
    def restates(self) -> bool:
        """Whether two yes/no facts say most of the partition: true, stable, and trivial."""
        return self.evaluation.further.get("restatement", 0.0) >= RESTATES

    @property
    def order(self) -> tuple[int, bool, float, int, int]:
        """Sort key: judged on more customers first, no restatement, score, few segments, age."""
        judged = self.evaluation
        return (-judged.rows, self.restates, -judged.score, judged.n_segments, self.number)


def remember(trial: optuna.Trial, spec: SegmenterSpec, evaluation: Evaluation) -> None:
    """Keep recipe and judgement with the trial, and tell the sampler which guards broke."""
    trial.set_user_attr(SPEC, spec.to_json())
    trial.set_user_attr(EVALUATION, evaluation.to_dict())
    for guard, excess in evaluation.excess.items():
        trial.set_constraint(guard, excess)


def recall(trials: Iterable[FrozenTrial]) -> list[Candidate]:
    """Return the candidates that trials remember."""
    return [
        Candidate(
            trial.number,
            SegmenterSpec.from_json(trial.user_attrs[SPEC]),
            Evaluation.from_dict(trial.user_attrs[EVALUATION]),
            str(trial.user_attrs.get(RUN, "")),
        )
        for trial in trials
        if EVALUATION in trial.user_attrs
    ]


def promising(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Return the feasible candidates worth judging on more customers.

    The best of every number of segments comes first, so that the ladder over k rests on the
    same evidence as the winner; then the best of all. A recipe tried twice counts once.

    Parameters
    ----------
    candidates
        Judged.
    most
        How many to return at most, unless there are more numbers of segments than that.
    """
    feasible = sorted((c for c in candidates if c.evaluation.feasible), key=lambda c: c.order)
    distinct: dict[SegmenterSpec, Candidate] = {}
    for candidate in feasible:
        distinct.setdefault(candidate.spec, candidate)
    leaders = ladder(distinct.values())
    others = [candidate for candidate in distinct.values() if candidate not in leaders]
    return [*leaders, *others[: max(0, most - len(leaders))]]


def ladder(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the best feasible candidate of every number of segments, fewest first."""
    best: dict[int, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.order):
        if candidate.evaluation.feasible:
            best.setdefault(candidate.evaluation.n_segments, candidate)
    return [best[k] for k in sorted(best)]


def rung_key(rows: int, number: int) -> str:
    """Return the study attribute that keeps a trial's judgement on a number of customers."""
    return f"rung:{rows}:{number}"


def recall_rung(study: optuna.Study, rows: int, candidate: Candidate) -> Evaluation | None:
    """Return what an earlier session found on that many customers, or None."""
    kept = study.user_attrs.get(rung_key(rows, candidate.number))
    return Evaluation.from_dict(json.loads(kept)) if kept else None


def remember_rung(study: optuna.Study, rows: int, candidate: Candidate, judged: Evaluation) -> None:
    """Keep a judgement on a higher rung with the study."""
    study.set_user_attr(rung_key(rows, candidate.number), json.dumps(judged.to_dict()))
