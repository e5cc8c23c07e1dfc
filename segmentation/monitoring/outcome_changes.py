"""What happened to the customers of each segment, in training and in a new batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from segmentation.interpretation.outcomes import OutcomeProfile
from segmentation.model.segmentation_model import SegmentationModel


@dataclass(frozen=True)
class OutcomeChange:
    """One outcome in one segment, before and now."""

    number: int  # of the segment
    name: str
    before: OutcomeProfile
    now: OutcomeProfile

    @property
    def changed(self) -> bool:
        """Whether the two 95% intervals have no value in common."""
        old, new = self.before.segment, self.now.segment
        if old.low is None or old.high is None or new.low is None or new.high is None:
            return False
        return new.low > old.high or new.high < old.low

    @property
    def sentence(self) -> str:
        """The change in words."""
        old, new = self.before, self.now
        average = "" if new.level else " on average"
        return (
            f"{new.title} in segment {self.number} ({self.name}): "
            f"{old.text(old.segment.value)}{average} before ({old.interval}), "
            f"{new.text(new.segment.value)} now ({new.interval})."
        )


def outcome_changes(
    model: SegmentationModel, customers: pd.DataFrame, outcomes: pd.DataFrame | None
) -> tuple[OutcomeChange, ...]:
    """Return every outcome of the batch by segment, beside that of the training customers.

    Parameters
    ----------
    model
        Saved with the outcomes of its training customers; without them there is no change.
    customers, outcomes
        The batch: see :class:`segmentation.data.validation.Validated`.
    """
    return () if outcomes is None else tuple(_changes(model, customers, outcomes))


def _changes(
    model: SegmentationModel, customers: pd.DataFrame, outcomes: pd.DataFrame
) -> Iterator[OutcomeChange]:
    now = model.outcomes_of(customers, outcomes)
    for profile, old, new in zip(model.description["profiles"], model.outcomes, now, strict=True):
        by_column = {outcome.column: outcome for outcome in new}
        for before in old:
            if before.column in by_column:
                yield OutcomeChange(
                    profile["number"], profile["name"], before, by_column[before.column]
                )
