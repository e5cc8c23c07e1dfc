"""Numbers as people write them are read as what they say, and nothing else is a number."""

import datetime
import decimal
from math import isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.schema.numbers import decimal_of, read_numbers, style_of

NAN = float("nan")
# A text, and what it is with a decimal point and with a decimal comma.
TEXTS = [
    ("1,234", 1234, 1.234),
    ("9" * 400, float("inf"), float("inf")),
    ("1.234", 1.234, 1234),
    ("1,23", NAN, 1.23),
    ("1.23", 1.23, NAN),
    ("1.234.567,89", NAN, 1_234_567.89),
    ("1,234,567.89", 1_234_567.89, NAN),
    ("12,34,567", 1_234_567, NAN),
    ("$1,234.50", 1234.5, NAN),
    ("-$5", -5, -5),
    ("$-5", -5, -5),
    ("R$ 1.234,50", NAN, 1234.5),
    ("1.234,50 €", NAN, 1234.5),
    ("€ 12", 12, 12),
    ("12 EUR", 12, 12),
    ("Rs. 500", 500, 500),
    ("CHF 1'234.50", 1234.5, NAN),
    ("1\u2019234", 1234, 1234),
    ("1\u00a0234", 1234, 1234),
    ("1\u202f234,5", NAN, 1234.5),
    (" 61,000.00 ", 61_000, NAN),
    ("12 %", 12, 12),
    ("12.5%", 12.5, NAN),
    ("(1,200)", -1200, -1.2),
    ("($5)", -5, -5),
    ("5-", -5, -5),
    ("1.234,50-", NAN, -1234.5),
    ("5-€", -5, -5),
    ("5 €-", -5, -5),
    ("\u22127", -7, -7),
    ("+5", 5, 5),
    ("1e5", 100_000, 100_000),
    ("2,5e3", NAN, 2500),
    (".5", 0.5, NAN),
    ("0,123", NAN, 0.123),
    ("007", 7, 7),
    ("inf", float("inf"), float("inf")),
    *((text, NAN, NAN) for text in ("12k", "1,2,3", "12-13", "2017-02", "12:30", "1/2", "--5")),
    *((text, NAN, NAN) for text in ("", " ", "$", "%", "-", "()", "(-5)", "$$5", "555 12", "yes")),
    *((text, NAN, NAN) for text in ("1_000", "0x10", "True", "10 or more", "1 234 56", "5 kg")),
]


@pytest.mark.parametrize(("text", "with_point", "with_comma"), TEXTS)
def test_a_text_means_one_number(text: str, with_point: float, with_comma: float) -> None:
    """In a column with either decimal mark."""
    for mark, expected in ((".", with_point), (",", with_comma)):
        (number,) = read_numbers(pd.Series([text], dtype="str"), mark)
        assert number == expected or (isnan(number) and isnan(expected)), mark


def test_a_mixed_column_gives_what_its_cells_are() -> None:
    """Numbers stay, texts are read, and truths, dates and lists are no numbers."""
    cells = [
        *(1, "1,234", None, decimal.Decimal("1.5"), np.float32(2), pd.NA, True, [1], b"3"),
        *(datetime.date(2020, 1, 1), pd.Timestamp("2020-01-01"), pd.Timedelta("1h")),
    ]
    numbers = read_numbers(pd.Series(cells, dtype=object))
    np.testing.assert_equal(numbers, [1, 1234, NAN, 1.5, 2, *[NAN] * 7])


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([True, False]),
        pd.Series([True, None], dtype="boolean"),
        pd.Series(pd.to_datetime(["2020-01-01", None])),
        pd.Series(pd.to_timedelta(["1h", None])),
    ],
)
def test_truths_dates_and_durations_are_no_numbers(values: "pd.Series[float]") -> None:
    """Whatever integer they are stored as."""
    assert np.isnan(read_numbers(values)).all()


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "int8", "Int64", "category", "int64[pyarrow]"]
)
def test_numbers_of_every_type_stay(dtype: str) -> None:
    """The decimal mark is about texts only."""
    np.testing.assert_array_equal(read_numbers(pd.Series([1, 2], dtype=dtype), ","), [1, 2])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1,234"], "."),
        (["1,23"], ","),
        (["1.234.567,89", "1"], ","),
        (["1.234.567"], ","),
        (["1.234"], "."),
        (["1,234", "0,999"], ","),
        (["1,23", "1.5"], None),
        (["1,234.5", "1.234,5"], None),
        (["12", "Unknown", "-"], "."),
        (["12", "12k"], None),
        (["x", "y"], None),
        ([], None),
    ],
)
def test_a_column_agrees_with_itself_or_has_no_mark(texts: list[str], expected: str | None) -> None:
    """One cell that does not fit is enough; texts without a digit may mean a missing value."""
    assert decimal_of(texts) == expected


def test_what_fits_both_marks_follows_the_other_columns() -> None:
    """Only where a mark stands at all."""
    assert decimal_of(["1,234"], unclear=",") == ","
    assert decimal_of(["1234"], unclear=",") == "."


@pytest.mark.parametrize(
    ("texts", "mark", "sentence"),
    [
        (["1", "2.5"], ".", ""),
        (["5"], ",", ""),
        (["3,5"], ",", "read with decimal commas: '12,50' as 12.5"),
        (["9,999"], ".", "read with thousands separators: '1,234' as 1234"),
        (["9 999,5"], ",", "decimal commas and thousands separators: '1 234,50' as 1234.5"),
        (["$5"], ".", "read without its currency sign"),
        (["5 %"], ".", "'12 %' as 12"),
        (["(5)"], ".", "'(12)' as -12"),
        (["5-"], ".", "'12-' as -12"),
    ],
)
def test_the_style_is_put_in_words(texts: list[str], mark: str, sentence: str) -> None:
    """With a made-up number, never one of the table."""
    assert sentence in style_of(texts, mark)
    assert bool(style_of(texts, mark)) == bool(sentence)


AFFIXES = [
    ("", ""),
    ("$", ""),
    ("€ ", ""),
    ("", " €"),
    ("", " %"),
    ("", "%"),
    ("CHF ", ""),
    ("", " kr"),
]
SEPARATORS = [("", "."), (",", "."), ("'", "."), (" ", "."), ("\u00a0", ".")]
SEPARATORS += [(mark if mark != "," else ".", ",") for mark, _ in SEPARATORS]
SIGNS = ["-{}", "\u2212{}", "({})", "{}-"]


@settings(deadline=None, max_examples=60)
@given(
    numbers=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30),
    places=st.integers(0, 4),
    separators=st.sampled_from(SEPARATORS),
    affixes=st.sampled_from(AFFIXES),
    sign=st.sampled_from(SIGNS),
)
def test_what_is_written_in_one_style_is_read_back(
    numbers: list[int],
    places: int,
    separators: tuple[str, str],
    affixes: tuple[str, str],
    sign: str,
) -> None:
    """Thousands, decimals, signs of money and percent, and four ways to write a minus."""
    group, mark = separators
    expected = [number / 10**places for number in numbers]

    def written(number: float) -> str:
        digits = f"{abs(number):,.{places}f}".replace(",", "g").replace(".", mark)
        text = affixes[0] + digits.replace("g", group) + affixes[1]
        return sign.format(text) if number < 0 else text

    texts = [written(number) for number in expected]
    np.testing.assert_allclose(read_numbers(pd.Series(texts, dtype="str"), mark), expected)
    assert decimal_of(texts, unclear="," if mark == "," else ".") in {mark, "."}
    assert np.isfinite(read_numbers(pd.Series(texts), decimal_of(texts) or "?")).all()
