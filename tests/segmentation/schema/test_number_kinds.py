"""A name alone makes no money, months or codes; odd values are noticed."""

import numpy as np
import pytest

from segmentation.schema.drafting.number_kinds import kind_of, sentinel_note

RNG = np.random.default_rng(5)


def whole(low: int, high: int) -> np.ndarray:
    """Return 300 whole numbers from `low` to `high`."""
    return np.r_[low, high, RNG.integers(low, high + 1, 298)].astype(float)


@pytest.mark.parametrize(
    ("name", "low", "high", "kind"),
    [
        ("balance", 0, 90_000, "money"),
        ("Annual Income (k$)", 15, 137, "money"),
        ("CashbackAmount", 0, 330, "money"),
        ("spend_last_30_days", 0, 900, "money"),
        ("Avg_Open_To_Buy", 0, 9_000, "money"),
        ("Umsatz", 0, 9_000, "money"),
        ("Ingresos", 0, 90_000, "money"),
        ("Spending Score (1-100)", 1, 99, "count"),
        ("Days_since_purchase", 0, 900, "count"),
        ("payment_days", 0, 90, "count"),
        ("PURCHASES_TRX", 0, 300, "count"),
        ("Number of purchases", 0, 40, "count"),
        ("Previous Purchases", 1, 50, "count"),
        ("purchases", 0, 9_000, "money"),
        ("Loan_Amount_Term", 12, 480, "count"),
        ("JobSatisfaction", 1, 4, "count"),
        ("job_code", 1, 4, "category"),
        ("limit_exceeded", 0, 1, "count"),
        ("payment_rating", 0, 90, "count"),
        ("discount_percent", 0, 90, "count"),
        ("balance_change", -90, 90, "number"),
        ("tenure", 0, 72, "months"),
        ("Months_on_book", 13, 56, "months"),
        ("contract_months", 1, 36, "months"),
        ("tenure_years", 0, 10, "count"),
        ("NumWebVisitsMonth", 0, 20, "count"),
        ("visits_last_3_months", 0, 90, "count"),
        ("NumOfProducts", 1, 4, "count"),
        ("Kidhome", 0, 2, "count"),
        ("age", 18, 90, "count"),
        ("rating", 1, 10, "count"),
        ("PAY_0", -2, 8, "number"),
        ("EDUCATION", 1, 4, "category"),
        ("education", 7, 18, "count"),
        ("MARRIAGE", 0, 3, "category"),
        ("Region", 1, 3, "category"),
        ("Channel", 1, 2, "category"),
        ("Occupation", 0, 20, "category"),
        ("city_tier", 1, 3, "category"),
        ("Month", 1, 12, "category"),
        ("X2", 1, 2, "category"),
        ("store_visits", 0, 9, "count"),
        ("area", 40, 900, "count"),
    ],
)
def test_whole_numbers_have_a_kind(name: str, low: int, high: int, kind: str) -> None:
    """Words of the name and the range of the values decide together."""
    assert kind_of(name, whole(low, high)).kind == kind


def test_fractions_are_shares_only_between_0_and_1() -> None:
    """Whatever else the name says, but money stays money."""
    assert kind_of("BALANCE_FREQUENCY", RNG.random(300)).kind == "frequency"
    assert kind_of("change_ratio", 3 * RNG.random(300)).kind == "number"
    assert kind_of("monthly_charges", 90 * RNG.random(300)).kind == "money"


def test_codes_repeat() -> None:
    """Ten distinct areas in ten rows are measurements."""
    assert kind_of("area", np.arange(45.0, 55.0)).kind == "count"


@pytest.mark.parametrize(
    ("name", "low", "high", "note"),
    [
        ("EDUCATION", 1, 4, "whole numbers from 1 to 4, read as codes"),
        ("NumOfProducts", 1, 4, "whole numbers from 1 to 4, read as a count, by its name"),
        ("SatisfactionScore", 1, 5, "whole numbers from 1 to 5, read as a count; if they"),
        ("PAY_0", -2, 8, "whole numbers from −2 to 8, read as a number"),
        ("Kidhome", 0, 2, ""),
        ("balance", 0, 900, ""),
        ("has_card", 0, 1, ""),
        ("tenure", 1, 6, ""),
    ],
)
def test_possible_codes_are_asked_about(name: str, low: int, high: int, note: str) -> None:
    """A note says how few whole numbers were read; plain counts need none."""
    written = kind_of(name, whole(low, high)).note
    assert written.startswith(note)
    assert bool(written) is bool(note)


@pytest.mark.parametrize(
    ("values", "start"),
    [
        (np.r_[[-1.0] * 19, whole(1, 90)], "-1 in 19 of 319 values"),
        (np.r_[[999.0] * 190, whole(0, 27)], "999 in 190 of 490 values"),
        (np.r_[[365_243.0] * 9, -whole(1_000, 20_000)], "365243 in 9 of 309 values"),
        (np.r_[[-9999.0] * 4, RNG.random(300)], "-9999 in 4 of 304 values"),
        (np.r_[[99.0] * 4, whole(1, 5)], "99 in 4 of 304 values"),
        (np.r_[[98.0] * 5, [99.0] * 4, whole(1, 5)], "99 in 4 and 98 in 5 of 309 values stand"),
        (np.r_[[-9.0] * 3, [-1.0] * 4, whole(0, 90)], "-9 in 3 and -1 in 4 of 307 values stand"),
        (np.r_[[997.0] * 3, [998.0] * 3, [999.0] * 3, whole(0, 30)], "999 in 3, 998 in 3 and 997"),
    ],
)
def test_a_value_that_stands_apart_is_noticed(values: np.ndarray, start: str) -> None:
    """With its count and how to say that it means missing."""
    note = sentinel_note(values)
    assert note.startswith(start)
    assert "missing: [" in note


@pytest.mark.parametrize(
    "values",
    [
        whole(18, 99),
        whole(-2, 8),
        whole(-9, 9),
        np.r_[[98.0] * 9, [99.0] * 9, whole(60, 97)],
        whole(0, 1),
        whole(0, 999),
        np.r_[[-1.0], whole(0, 90)],
        whole(-1, 1),
    ],
)
def test_ordinary_values_are_not(values: np.ndarray) -> None:
    """Values within the range, several negative ones, or a single one are no markers."""
    assert sentinel_note(values) == ""
