"""An evaluated spec, and how an Optuna study stores it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from segmentation.clustering.spec import SegmenterSpec
from segmentation.evaluation.result import Evaluation
from segmentation.evaluation.triviality import RESTATES, RESTATES_CATEGORY
from segmentation.types import IntArray

SPEC, EVALUATION, PARTITION, RUN = "spec", "evaluation", "partition", "run_id"
MOST_SEGMENTS = 64
FIRST_LETTER = 48


@dataclass(frozen=True)
class Candidate:
    """One spec and its latest evaluation.

    The evaluation is of the highest fidelity level it reached (its index, from 0). The partition
    is of the customers evaluated there, see :func:`as_text`; empty where there are too many
    segments. `run_id` is empty where nothing is tracked.
    """

    number: int
    spec: SegmenterSpec
    evaluation: Evaluation
    partition: str = ""
    fidelity: int = 0
    run_id: str = ""

    @property
    def restates(self) -> bool:
        """Whether two yes/no facts, or one category, say the partition: true, stable, trivial."""
        further = self.evaluation.further
        return (
            further.get("restatement", 0.0) >= RESTATES
            or further.get("one_category", 0.0) >= RESTATES_CATEGORY
        )

    @property
    def changes(self) -> int:
        """Number of preprocessing choices that are not the plain ones."""
        plain = type(self.spec.preprocessing)()
        return sum(
            getattr(self.spec.preprocessing, name) != value for name, value in vars(plain).items()
        )

    @property
    def labels(self) -> IntArray:
        """The partition as integers, shape (customers evaluated,)."""
        return as_labels(self.partition)


def as_text(labels: IntArray) -> str:
    """Return a partition as one letter a customer; empty for more than 64 segments."""
    if labels.max() >= MOST_SEGMENTS:
        return ""
    return (labels + FIRST_LETTER).astype(np.uint8).tobytes().decode("ascii")


def as_labels(partition: str) -> IntArray:
    """Return the partition that :func:`as_text` wrote."""
    letters = np.frombuffer(partition.encode("ascii"), dtype=np.uint8)
    return letters.astype(np.int64) - FIRST_LETTER


def remember(
    trial: optuna.Trial, spec: SegmenterSpec, evaluation: Evaluation, partition: str
) -> None:
    """Store spec and evaluation with the trial; tell the sampler what constraints it violates."""
    trial.set_user_attr(SPEC, spec.to_json())
    trial.set_user_attr(EVALUATION, evaluation.to_dict())
    trial.set_user_attr(PARTITION, partition)
    # The sampler adds up what was exceeded, and every constraint is a call to the database.
    # The constraint keeps its first name, so that a study from before can be continued.
    trial.set_constraint("guards", sum(max(0.0, excess) for excess in evaluation.excess.values()))


def recall(trials: Iterable[FrozenTrial]) -> list[Candidate]:
    """Return the candidates that trials remember."""
    return [
        Candidate(
            trial.number,
            SegmenterSpec.from_json(trial.user_attrs[SPEC]),
            Evaluation.from_dict(trial.user_attrs[EVALUATION]),
            str(trial.user_attrs.get(PARTITION, "")),
            run_id=str(trial.user_attrs.get(RUN, "")),
        )
        for trial in trials
        if EVALUATION in trial.user_attrs
    ]


def fidelity_key(fidelity: int, number: int) -> str:
    """Return the study attribute that holds a trial's evaluation at a higher fidelity level."""
    return f"fidelity:{fidelity}:{number}"


def recall_at(study: optuna.Study, fidelity: int, number: int) -> tuple[Evaluation, str] | None:
    """Return evaluation and partition of an earlier session at a fidelity level, or None."""
    text = study.user_attrs.get(fidelity_key(fidelity, number))
    # Studies of earlier releases call a fidelity level a rung.
    text = text or study.user_attrs.get(f"rung:{fidelity}:{number}")
    if not text:
        return None
    raw = json.loads(text)
    return Evaluation.from_dict(raw[EVALUATION]), raw[PARTITION]


def remember_at(study: optuna.Study, candidate: Candidate) -> None:
    """Store the evaluation at a higher fidelity level with the study."""
    raw = {EVALUATION: candidate.evaluation.to_dict(), PARTITION: candidate.partition}
    study.set_user_attr(fidelity_key(candidate.fidelity, candidate.number), json.dumps(raw))
