"""One formatter: a value reads the same in a sentence, in a table and on every page."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segmentation.interpretation.formatting import (
    displayed,
    inside_sentence,
    number,
    percent,
    quantity,
)
from segmentation.interpretation.naming import Trait
from segmentation.schema import Column, load_schema

BALANCE = load_schema("cc_general").column("BALANCE")
KINDS = {
    "money": "$",
    "count": "purchases",
    "months": "months",
    "number": "points",
    "frequency": "",
}


def column(kind: str, unit: str = "") -> Column:
    """Return a column of a kind."""
    return replace(BALANCE, kind=kind, unit=unit or KINDS[kind])


@pytest.mark.parametrize(
    ("value", "kind", "unit", "text"),
    [
        (1850.4, "money", "$", "$1,850"),
        (9.5, "money", "$", "$9.50"),
        (12.35, "money", "$", "$12.35"),
        (99.5, "money", "$", "$99.50"),
        (99.996, "money", "$", "$100"),
        (12.0, "money", "$", "$12"),
        (-20.0, "money", "$", "−$20"),
        (0.0001, "money", "$", "$0.0001"),
        (12.0, "months", "months", "12 months"),
        (12.0, "months", "", "12 months"),
        (0.916, "frequency", "share of months", "92%"),
        (0.083, "frequency", "share of months", "8.3%"),
        (7.0, "count", "purchases", "7"),
        (2.5, "count", "purchases", "2.5"),
        (12.5, "count", "purchases", "12.5"),
        (3.14159, "number", "points", "3.14 points"),
        (-3.5, "number", "points", "−3.5 points"),
        (-0.0, "number", "points", "0 points"),
        (-0.0, "count", "purchases", "0"),
        (1, "ordered", "", "two"),
        (9.0, "category", "", "two"),
        (None, "money", "$", "unknown"),
        (float("nan"), "money", "$", "unknown"),
    ],
)
def test_values_read_as_people_write_them(
    value: float | None, kind: str, unit: str, text: str
) -> None:
    """Units, separators, no needless decimals, and no value that reads two ways."""
    assert quantity(value, replace(BALANCE, kind=kind, unit=unit, levels=("one", "two"))) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.05, "5%"),
        (0.0123, "1.2%"),
        (0.083, "8.3%"),
        (0.0996, "10%"),
        (0.95, "95%"),
        (0.994, "99%"),
        (0.996, "99.6%"),
        (6645 / 6646, "99.98%"),
        (0.9999999, "99.99999%"),
        (0.0001, "0.01%"),
        (-0.25, "−25%"),
        (0, "0%"),
        (-0.0, "0%"),
        (1, "100%"),
        (float("nan"), "–"),
    ],
)
def test_percent_has_decimals_only_where_they_matter(share: float, text: str) -> None:
    """Large shares are whole, small ones are not rounded away."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.8, "1,234,568"),
        (12.5, "12.5"),
        (0.0834, "0.083"),
        (0.9999, "1"),
        (0.00012, "0.00012"),
        (3e15, "3e+15"),
        (-1.5, "−1.5"),
        (-0.0, "0"),
        (None, "–"),
        (float("inf"), "–"),
    ],
)
def test_numbers_without_a_unit(value: float | None, text: str) -> None:
    """Three digits that matter, and a dash for what is undefined."""
    assert number(value) == text


@given(st.floats(-1e9, 1e9), st.sampled_from(sorted(KINDS)))
@example(0.99609375, "money")
@example(12.999, "money")
def test_the_same_value_never_reads_two_ways(value: float, kind: str) -> None:
    """A sentence, a table cell and a bare number show the same digits of the same value."""
    text = quantity(value, column(kind))
    other = quantity(value + 1.0, column(kind))
    clause = Trait(column(kind), "median", value, value + 1.0, -0.5).clause
    assert clause.endswith(f"{text} against {other}")
    assert quantity(displayed(value, column(kind)), column(kind)) == text
    if kind in {"count", "months", "number"}:
        assert text.split(" ")[0] == number(value)
    if kind == "money" and (abs(value) >= 1 or value == 0) and "e" not in text:
        digits = text.replace("$", "")
        bare = digits.rstrip("0").rstrip(".") if "." in digits else digits
        assert bare == number(value)


@given(st.floats(-1e9, 1e9), st.sampled_from(["money", "count", "months", "number"]))
def test_what_is_shown_is_close_to_the_value(value: float, kind: str) -> None:
    """Rounding moves a value by at most half of the last digit that is shown."""
    text = quantity(value, column(kind)).split(" ")[0]
    rounded = float(text.replace("−", "-").replace("$", "").replace(",", ""))
    assert abs(rounded - value) <= max(0.5 if abs(value) >= 99.995 else 0.0051, 0.06 * abs(value))


def test_labels_inside_a_sentence() -> None:
    """A label starts small there, unless it is an acronym, a short name or capital throughout."""
    assert inside_sentence("Balance") == "balance"
    assert inside_sentence("Spent on Food") == "spent on Food"
    for label in ("ATM use", "Q1", "Umsatz Einkäufe"):
        assert inside_sentence(label) == label


def test_pages_load_it_without_the_analysis() -> None:
    """The formatter loads neither pandas nor scikit-learn."""
    heavy = "{'pandas', 'sklearn', 'numpy', 'scipy'}"
    code = f"import segmentation.interpretation.formatting, sys; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
