"""Names and sentences: short, true, unique, in words a marketing reader uses."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segmentation.interpretation.formatting import RARE
from segmentation.interpretation.naming import (
    ALIKE,
    LONGEST,
    ORDINARY,
    Trait,
    phrases_of,
    sentence,
    strongest_first,
)
from segmentation.interpretation.naming import (
    segment_names as names_to_choose,
)
from segmentation.schema import Column, load_schema
from segmentation.types import FloatArray

CARDS = load_schema("cc_general")
PLAIN = tuple(Column(c, f"Column {c}") for c in "abcd")


def segment_names(traits: Sequence[Sequence[Trait]]) -> tuple[str, ...]:
    """Return the best name of each segment."""
    return tuple(first for first, *_ in names_to_choose(traits))


def trait(column: Column, effect: float) -> Trait:
    """Return a median as far from the table's, 50, as the effect says."""
    value = 50 + 50 * effect
    return Trait(column, "median", value, 50.0, effect, position=value / 100)


def traits_of(**values: float) -> tuple[Trait, ...]:
    """Return a segment's traits of card columns."""
    return strongest_first([trait(CARDS.column(name), e) for name, e in values.items()])


def share(column: Column, level: str, value: float, effect: float) -> Trait:
    """Return the share of a level."""
    return Trait(column, "share", value, value - effect / 2, effect, level)


def test_a_name_says_what_sets_a_segment_apart() -> None:
    """The strongest effects, from two groups of columns, in the schema's words."""
    traits = [
        traits_of(CASH_ADVANCE=0.9, CASH_ADVANCE_TRX=0.95, BALANCE=0.5),
        traits_of(PURCHASES=0.9, PURCHASES_TRX=0.8, PRC_FULL_PAYMENT=0.6),
        traits_of(PAYMENTS=0.1),
    ]
    assert segment_names(traits) == (
        "Cash-advance users, large balances",
        "Big spenders, full payers",
        ORDINARY,
    )


def test_the_poor_who_spend_and_the_poor_who_do_not() -> None:
    """Both directions of what differs are told apart, and the group in the middle is typical."""
    income, spending = Column("i", "Annual income (k$)"), Column("s", "Spending score (1-100)")
    traits = [
        strongest_first([trait(income, i), trait(spending, s)])
        for i, s in ((-0.9, 0.8), (-0.9, -0.8), (0.9, 0.8), (0.9, -0.8), (-0.12, 0.1))
    ]
    assert segment_names(traits) == (
        "Modest annual income, high spending score",
        "Modest annual income, low spending score",
        "High annual income, high spending score",
        "High annual income, low spending score",
        "Typical customers",
    )


def test_a_median_near_the_middle_is_not_low() -> None:
    """A segment at the table's 40th percentile is not called low, however sure the difference."""
    near = Trait(PLAIN[0], "median", 54, 62, -0.5, position=0.4)
    assert segment_names([[near], [trait(PLAIN[1], 0.9)]])[0] == ORDINARY
    assert phrases_of(near) == ["lower column a"]


def test_a_name_is_true_of_no_other_segment() -> None:
    """Of two segments with the same two traits, each that has a third is named for it too."""
    first = strongest_first([trait(c, e) for c, e in zip(PLAIN, (0.9, 0.8, 0.5, 0), strict=True)])
    second = strongest_first([trait(c, e) for c, e in zip(PLAIN, (0.9, 0.8, 0, 0.4), strict=True)])
    assert segment_names([first, second]) == (
        "High column a, high column b, high column c",
        "High column a, high column b, high column d",
    )


def test_segments_that_differ_in_degree_only() -> None:
    """On a table of one column the ends are called lowest and highest, the middle compared."""
    traits = [[trait(PLAIN[0], effect)] for effect in (-0.9, -0.6, -0.2, 0.2, 0.6, 0.9)]
    assert segment_names(traits) == (
        "Lowest column a",
        "Low column a",
        "Typical customers, lower column a",
        "Typical customers, higher column a",
        "High column a",
        "Highest column a",
    )


def test_segments_that_no_figure_tells_apart_are_said_to_be_alike() -> None:
    """There is no digit behind a name: a word says that nothing differs."""
    assert segment_names([[], [], []]) == (
        ORDINARY,
        f"{ORDINARY} (alike, B)",
        f"{ORDINARY} (alike, C)",
    )


@settings(deadline=None)
@given(st.integers(1, 12).flatmap(lambda k: arrays(np.float64, (k, 17), elements=st.floats(-1, 1))))
def test_names_are_unique_short_and_human(effects: FloatArray) -> None:
    """Whatever the effects: no name twice, none too long, no column's technical name."""
    traits = [
        strongest_first([trait(c, e) for c, e in zip(CARDS.columns, row, strict=True)])
        for row in effects.tolist()
    ]
    names = segment_names(traits)
    assert len(set(names)) == len(effects)
    for name in names:
        assert len(name) <= LONGEST
        assert name[0].isupper()
        assert "_" not in name


@given(arrays(np.float64, (6, 4), elements=st.sampled_from([-0.9, 0.9])))
def test_names_stay_unique_where_segments_are_alike(effects: FloatArray) -> None:
    """Segments with the same effects still get different names, none with a digit behind it."""
    rows = [[trait(c, e) for c, e in zip(PLAIN, row, strict=True)] for row in effects.tolist()]
    names = segment_names(rows)
    assert len(set(names)) == 6
    assert not any(name[-1].isdigit() for name in names)


@settings(deadline=None)
@given(arrays(np.float64, (5, 17), elements=st.floats(-1, 1)))
def test_names_never_contradict_the_effects(effects: FloatArray) -> None:
    """Each part of a name is true of the segment, and no column speaks twice."""
    traits = [
        strongest_first([trait(c, e) for c, e in zip(CARDS.columns, row, strict=True)])
        for row in effects.tolist()
    ]
    for own, name in zip(traits, segment_names(traits), strict=True):
        # Of two columns that say the same, the first speaks.
        true: dict[str, str] = {}
        for one in own:
            for text in phrases_of(one) if one.differs else ():
                true.setdefault(text, one.column.name)
        parts = name[0].lower() + name[1:].partition(" (alike")[0]
        assert all(
            part in {*true, ORDINARY.lower()} or "est " in part for part in parts.split(", ")
        )
        columns = [true[part] for part in parts.split(", ") if part in true]
        assert len(columns) == len(set(columns))


def test_a_long_label_is_cut_between_words() -> None:
    """However long the labels, a name keeps its length and both directions."""
    long = [Column(c, f"Months since the last contact about {c} (months)") for c in "ab"]
    names = segment_names([[trait(long[0], 0.9)], [trait(long[0], -0.9)]])
    assert names == ("High months since the last contact…", "Low months since the last contact…")


CONTRACT = Column("c", "Contract", "ordered", levels=("Month-to-month", "One year", "Two year"))
SECURITY = Column("s", "Online security", "category", levels=("No", "Yes"))
CITY = Column("t", "City", "category", levels=("Bonn", "Köln", "DSL"))
PLAN = Column("p", "Plan", "category", levels=("1", "2"))
LINES = Column("l", "Multiple lines", "category", levels=("No", "Yes", "No phone service"))
ACTIVE = Column("a", "Is active member", "count", plausible=(0, 1))
RETIRED = Column("r", "Retired", "category", levels=("No", "Yes"))
CARD = Column("k", "Credit card", "count", plausible=(0, 1))


@pytest.mark.parametrize(
    ("own", "text"),
    [
        (share(CONTRACT, "Two year", 0.7, 0.6), "mostly two year contract"),
        (share(CONTRACT, "Two year", 0.95, 0.6), "two year contract"),
        (share(CONTRACT, "Two year", 0.4, 0.35), "more often two year contract"),
        (share(CONTRACT, "Month-to-month", 0.2, -0.6), "mostly no month-to-month contract"),
        (share(SECURITY, "Yes", 0.97, 0.6), "with online security"),
        (share(SECURITY, "Yes", 0.3, -0.4), "mostly no online security"),
        (share(SECURITY, "No", 0.92, 0.6), "no online security"),
        (share(CITY, "Köln", 0.6, 0.5), "mostly Köln city"),
        (share(CITY, RARE, 0.6, 0.5), "mostly rare city"),
        (share(PLAN, "2", 0.6, 0.5), "mostly plan 2"),
        (share(LINES, "Yes", 0.95, 0.5), "with multiple lines"),
        (share(LINES, "Yes", 0.2, -0.5), "mostly not with multiple lines"),
        (share(LINES, "No phone service", 0.6, 0.5), "mostly no phone service"),
        (share(LINES, "No phone service", 0.1, -0.5), "less often no phone service"),
        (share(ACTIVE, "", 0.1, -0.5), "no active members"),
        (share(ACTIVE, "", 0.8, 0.5), "mostly active members"),
        (share(RETIRED, "Yes", 0.95, 0.5), "retired"),
        (share(RETIRED, "Yes", 0.05, -0.5), "not retired"),
        (share(CARD, "", 0.95, 0.5), "with credit card"),
        (share(CARD, "", 0.02, -0.5), "no credit card"),
        (Trait(CITY, "missing", 0.999, 0.6, 0.7), "city missing"),
        (Trait(CITY, "missing", 0.0, 0.6, -0.7), "city known"),
        (Trait(CARDS.column("CASH_ADVANCE"), "above zero", 0.02, 0.5, -0.6), "no cash advances"),
    ],
)
def test_levels_flags_and_gaps_in_words(own: Trait, text: str) -> None:
    """Words say how many have a level: mostly from a half on, without a word from nine tenths."""
    assert phrases_of(own)[0] == text


def test_sentence_gives_figures_with_units() -> None:
    """Two columns of different groups, the segment's figure against the table's."""
    columns = [CARDS.column(n) for n in ("CASH_ADVANCE", "CASH_ADVANCE_TRX", "PURCHASES_FREQUENCY")]
    medians = [(1850.4, 0.0, 0.9), (4.0, 0.0, 0.8), (0.083, 0.5, -0.7)]
    traits = [
        Trait(c, "median", own, whole, effect)
        for c, (own, whole, effect) in zip(columns, medians, strict=True)
    ]
    assert sentence(traits) == (
        "Median cash advances $1,850 against $0 in the whole table; "
        "median purchase frequency 8.3% against 50%."
    )


def test_sentence_calls_a_share_a_share_and_counts_the_missing() -> None:
    """A share names its level, a figure over few values says how many are missing."""
    traits = [
        Trait(CITY, "missing", 0.999, 0.6, 0.7),
        replace(trait(PLAIN[0], 0.5), missing=0.3),
        share(CITY, "Köln", 0.6, 0.5),
    ]
    assert sentence(traits) == (
        "City missing for 99.9% against 60% in the whole table; "
        "median column a 75 against 50 (missing for 30% and 0%)."
    )
    assert sentence(traits[2:]) == "City Köln for 60% against 35% in the whole table."


def test_sentence_skips_what_does_not_differ() -> None:
    """A column whose figures read alike says nothing; where all do, the sentence says that."""
    same = [
        Trait(CARDS.column("CASH_ADVANCE"), "median", 0.0, 0.0, 0.5),
        Trait(CARDS.column("BALANCE"), "median", 100.2, 100.4, -0.3),
    ]
    assert "cash" not in sentence([same[0], trait(CARDS.column("BALANCE"), 0.4)])
    assert sentence(same) == ALIKE
