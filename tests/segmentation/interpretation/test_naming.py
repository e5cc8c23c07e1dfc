"""Names and sentences: short, true, unique, in words a marketing reader uses."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segmentation.interpretation.naming import (
    MOST_WORDS,
    ORDINARY,
    phrase,
    segment_names,
    typical_sentence,
)
from segmentation.schema import Column, TableSchema, load_schema
from segmentation.types import FloatArray

CARDS = load_schema("cc_general")
PLAIN = TableSchema("plain", "Plain", tuple(Column(c, f"Column {c}") for c in "abcd"))


def effects_of(**values: float) -> FloatArray:
    """Return one row of effects over the card columns."""
    row = np.zeros(len(CARDS.columns))
    for name, value in values.items():
        row[CARDS.column_names.index(name)] = value
    return row


def test_a_name_says_what_sets_a_segment_apart() -> None:
    """The strongest effects, from two groups of columns, in the schema's words."""
    effects = np.stack(
        [
            effects_of(CASH_ADVANCE=0.9, CASH_ADVANCE_TRX=0.95, BALANCE=0.5),
            effects_of(PURCHASES=0.9, PURCHASES_TRX=0.8, PRC_FULL_PAYMENT=0.6),
            effects_of(PAYMENTS=0.1),
        ]
    )
    assert segment_names(effects, CARDS) == (
        "Cash-advance users, large balances",
        "Big spenders, full payers",
        ORDINARY,
    )


def test_second_half_avoids_what_others_share() -> None:
    """Of two traits alike in strength, the name takes the one that no other segment has."""
    effects = np.stack(
        [
            effects_of(CASH_ADVANCE=0.9, BALANCE=0.5, CREDIT_LIMIT=0.45),
            effects_of(PURCHASES=0.9, BALANCE=0.6),
        ]
    )
    first, _ = segment_names(effects, CARDS)
    assert first == "Cash-advance users, high credit limit"


@given(
    st.integers(1, 12).flatmap(
        lambda k: arrays(np.float64, (k, len(CARDS.columns)), elements=st.floats(-1, 1))
    )
)
def test_names_are_unique_short_and_human(effects: FloatArray) -> None:
    """Whatever the effects: no name twice, at most five words, no column's technical name."""
    names = segment_names(effects, CARDS)
    assert len(set(names)) == len(effects)
    for name in names:
        assert len(name.rstrip(" 0123456789").split()) <= MOST_WORDS
        assert name[0].isupper()
        assert "_" not in name


@given(arrays(np.float64, (6, 4), elements=st.sampled_from([-0.9, 0.9])))
def test_names_stay_unique_where_segments_are_alike(effects: FloatArray) -> None:
    """Segments with the same effects still get different names."""
    assert len(set(segment_names(effects, PLAIN))) == 6


@given(arrays(np.float64, (5, len(CARDS.columns)), elements=st.floats(-1, 1)))
def test_names_never_contradict_the_effects(effects: FloatArray) -> None:
    """Each half of a name is the phrase of a column whose effect points that way."""
    for row, name in zip(effects, segment_names(effects, CARDS), strict=True):
        true = {phrase(c, e > 0).lower() for c, e in zip(CARDS.columns, row, strict=True) if e}
        for half in name.lower().rstrip(" 0123456789").split(", "):
            assert half in true | {ORDINARY.lower()}


def test_columns_without_phrases_use_their_label() -> None:
    """A schema without wording still gives readable names."""
    effects = np.array([[0.9, 0.0, 0.0, 0.0], [0.0, 0.0, -0.6, 0.0]])
    assert segment_names(effects, PLAIN) == ("High column a", "Low column c")
    assert phrase(PLAIN.columns[2], high=False) == "low column c"


def test_sentence_gives_figures_with_units() -> None:
    """Two columns of different groups, the segment's median against the book's."""
    columns = [CARDS.column(n) for n in ("CASH_ADVANCE", "CASH_ADVANCE_TRX", "PURCHASES_FREQUENCY")]
    assert typical_sentence(columns, [1850.4, 4, 0.083], [0, 0, 0.5]) == (
        "Median cash advances $1,850 against $0 in the whole book, "
        "purchase frequency 8.3% against 50%."
    )


def test_sentence_skips_what_does_not_differ() -> None:
    """A column whose medians read alike says nothing; where all do, the sentence says that."""
    columns = [CARDS.column("CASH_ADVANCE"), CARDS.column("BALANCE")]
    assert "cash" not in typical_sentence(columns, [0, 900], [0, 100])
    assert typical_sentence(columns, [0, 100.2], [0, 100.4]) == (
        "Its medians are those of the whole book."
    )
