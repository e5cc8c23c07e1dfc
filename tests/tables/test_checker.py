"""The checker itself: it lets what is true pass, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segmentation.schema import Column, TableSchema
from tests.tables.checker import ALIKE, Facts, same

SCHEMA = TableSchema(
    "checked",
    "Checked",
    (
        Column("income", "Annual income (k$)", "money", unit="$", nullable=True),
        Column("online", "Online security", "category", levels=("No", "Yes")),
        Column("savings", "Savings", "ordered", levels=("little", "moderate", "rich")),
        Column("member", "Member", "count"),
        Column("town", "Town", "category", levels=("Bonn", "Köln"), nullable=True),
    ),
    outcomes=(Column("Churn", "Churn", "category", levels=("No", "Yes")),),
)
TABLE = pd.DataFrame(
    {
        "income": [10, 20, 30, 40, 1000, 2000, 3000, np.nan],
        "online": ["No"] * 4 + ["Yes"] * 4,
        "savings": ["little", "little", "moderate", "rich", "rich", "rich", "rich", "rich"],
        "member": [0, 0, 0, 1, 1, 1, 1, 1],
        "town": ["Bonn", None, None, None, "Köln", "Köln", "Köln", "Köln"],
        "Churn": ["Yes", "Yes", "No", "No", "No", "No", "No", "No"],
    }
)
FACTS = Facts(TABLE, pd.Series([1, 1, 1, 1, 2, 2, 2, 2]), SCHEMA)


@pytest.mark.parametrize(
    ("text", "value", "right"),
    [
        ("$1,850", 1850.4, True),
        ("$1,850", 1850.6, False),
        ("−$3.50", -3.5, True),
        ("8.3%", 0.0834, True),
        ("8.3%", 0.0836, False),
        ("12 months", 12.0, True),
        ("unknown", float("nan"), True),
        ("rich", "rich", True),
        ("rich", "little", False),
        ("0", 0.4, True),
    ],
)
def test_a_printed_figure_is_right_to_its_digits(text: str, value: float, right: bool) -> None:
    """Rounding is no mistake; anything more is."""
    assert same(text, value) == right


@pytest.mark.parametrize(
    "sentence",
    [
        ALIKE,
        "Median annual income (k$) $25 against $40 in the whole table.",
        "Online security for 0% against 50% in the whole table; member for 25% against 63%.",
        "No online security for 100% against 50% in the whole table; savings little for 50% against"
        " 25%.",
        "Median savings little against rich in the whole table.",
        "Town missing for 75% against 38% in the whole table; town Bonn for 25% against 13%.",
    ],
)
def test_true_sentences_pass(sentence: str) -> None:
    """Medians, means and shares of all customers, to the digits printed."""
    assert not FACTS.wrong_sentence(sentence, 1)


@pytest.mark.parametrize(
    "sentence",
    [
        "Median annual income (k$) $26 against $40 in the whole table.",
        "Median annual income (k$) $25 against $41 in the whole table.",
        "Town Bonn for 100% against 20% in the whole table.",  # shares of the known only
        "Median age 25 against 40 in the whole table.",
        "Median savings moderate against rich in the whole table.",
        "Online security for 50% against 50% in the whole table.",
        "Its medians are those of the whole book.",
    ],
)
def test_false_sentences_do_not(sentence: str) -> None:
    """Another figure, a column there is not, shares among the known, words not foreseen."""
    assert FACTS.wrong_sentence(sentence, 1)


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        ("Annual income (k$) up to $100 (covers 100% of the segment, right for 100%)", True),
        ("Annual income (k$) up to $30 (covers 75% of the segment, right for 100%)", True),
        ("Annual income (k$) up to $30 (covers 100% of the segment, right for 100%)", False),
        (
            "Savings little or moderate and town known (covers 25% of the segment, right for 100%)",
            True,
        ),
        (
            "Annual income (k$) above $10 up to $40 and no online security "
            "(covers 75% of the segment, right for 100%)",
            True,
        ),
        ("No online security and town missing (covers 75% of the segment, right for 100%)", True),
        ("Town Bonn (covers 100% of the segment, right for 100%)", False),
        ("Age above 3 (covers 100% of the segment, right for 100%)", False),
    ],
)
def test_rules_are_counted_out(rule: str, right: bool) -> None:
    """Who meets a rule is counted in the table; a missing value meets no bound."""
    assert (not FACTS.wrong_rule(rule, 1)) == right


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("Low annual income, no online security", True),
        ("High annual income", False),
        ("Mostly town missing", True),
        ("Town missing", False),
        ("Bonn town", False),
        ("Typical customers", True),
        ("Low annual income, big hearts", False),
    ],
)
def test_names_are_tried_word_by_word(name: str, right: bool) -> None:
    """Every phrase of a name is true of its segment."""
    assert FACTS.true_name(name, 1) == right


@pytest.mark.parametrize(
    ("sentence", "right"),
    [
        ("Churn: 50% (15% to 85%), no clear difference from the whole table's 25%.", True),
        ("Churn: 50% (15% to 85%), 2 times the whole table's 25%.", False),
        ("Churn: 50% (15% to 80%), no clear difference from the whole table's 25%.", False),
        ("Churn: 25% (15% to 85%), no clear difference from the whole table's 25%.", False),
        ("Loss: 50% (15% to 85%), no clear difference from the whole table's 25%.", False),
        ("Churn: too few to tell, 4 with a value.", True),
        ("Churn: too few to tell, 3 with a value.", False),
        ("Churn: too few to tell, 4 with a value; missing for 20%.", False),
        ("Churn: withheld to protect a small group, 4 with a value.", False),
    ],
)
def test_outcomes_are_recomputed(sentence: str, right: bool) -> None:
    """Rate, interval, and whether the whole table lies outside of it."""
    assert (not FACTS.wrong_outcome(sentence, 1)) == right
