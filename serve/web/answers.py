"""What the answer page shows: words, numbers with units, and bars drawn on the server."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from experiments.registry.client import ModelInfo
from segmentation.interpretation.formatting import quantity
from segmentation.schema import Column
from serve.web.scoring_client import Answer
from serve.web.wording import how_sure, sure

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Comparison:
    """One column of a customer beside the segment and the whole book.

    Parameters
    ----------
    label
        Of the column.
    customer, segment, book
        Values with units, as text.
    customer_at, segment_at, book_at
        Positions in [0, 100] on the bar; None for an unknown value.
    decisive
        Whether it is among the reasons.
    """

    label: str
    customer: str
    segment: str
    book: str
    customer_at: float | None
    segment_at: float | None
    book_at: float | None
    decisive: bool


@dataclass(frozen=True)
class Reason:
    """A column that decided: the customer's value, the segment's and the runner-up's typical one.

    `typical` says what that is: the median, or the commonest level.
    """

    label: str
    typical: str
    customer: str
    segment: str
    runner_up: str


@dataclass(frozen=True)
class AnswerView:
    """The answer as a page needs it."""

    name: str
    sentence: str
    number: int
    sure: str
    percent: str
    confidence: float
    runner_up: str
    unlike_training: bool
    reasons: tuple[Reason, ...]
    comparisons: tuple[Comparison, ...]
    version: str


def answer_view(answer: Answer, customer: pd.DataFrame, model: ModelInfo) -> AnswerView:
    """Put an answer beside what is known about its segment and the whole book."""
    profile = _profile(answer.segment, model)
    medians = _medians(answer.segment, model)
    rows = tuple(
        _comparison(column, customer[column.name].iloc[0], medians, model, answer)
        for column in model.schema.columns
    )
    rival = _medians(answer.runner_up, model)
    return AnswerView(
        name=_name(answer.segment, answer.segment_name, model),
        sentence=str(profile.get("sentence", "")),
        number=answer.segment,
        sure=sure(answer.confidence),
        percent=how_sure(answer.confidence),
        confidence=round(100 * answer.confidence, 1),
        runner_up=_name(answer.runner_up, answer.runner_up_name, model),
        unlike_training=answer.unlike_training,
        reasons=tuple(
            _reason(model.schema.column(name), customer[name].iloc[0], medians, rival)
            for name in answer.reasons
            if name in model.schema.column_names
        ),
        comparisons=rows,
        version=answer.model_version,
    )


def _profile(number: int, model: ModelInfo) -> dict[str, Any]:
    return next((p for p in model.profiles if p["number"] == number), {})


def _name(number: int, answered: str, model: ModelInfo) -> str:
    """Return what people call a segment: a person's own name is newer than the model's."""
    return model.given_names.get(number, answered)


def _comparison(
    column: Column, value: float, medians: dict[str, Any], model: ModelInfo, answer: Answer
) -> Comparison:
    book = model.book.get(column.name, {})
    segment, typical = medians.get(column.name), book.get("median")
    return Comparison(
        label=column.label,
        customer=quantity(value, column),
        segment=quantity(segment, column),
        book=quantity(typical, column),
        customer_at=_position(value, book),
        segment_at=_position(segment, book),
        book_at=_position(typical, book),
        decisive=column.name in answer.reasons,
    )


def _position(value: float | None, book: dict[str, Any]) -> float | None:
    """Return where a value lies between the book's 5th and 95th percentile, in [0, 100].

    The square root keeps the many small amounts apart from each other.
    """
    low, high = book.get("q05"), book.get("q95")
    if value is None or isnan(value) or low is None or high is None:
        return None
    if high <= low:
        return 50.0 if value == low else 100.0 * (value > low)
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return float(round(100 * share**0.5, 1))


def _medians(number: int, model: ModelInfo) -> dict[str, Any]:
    return {c["column"]: c["median"] for c in _profile(number, model).get("columns", ())}


def _reason(column: Column, value: float, own: dict[str, Any], rival: dict[str, Any]) -> Reason:
    return Reason(
        label=column.label,
        typical="commonest level" if column.kind == "category" else "median",
        customer=quantity(value, column),
        segment=quantity(own.get(column.name), column),
        runner_up=quantity(rival.get(column.name), column),
    )
