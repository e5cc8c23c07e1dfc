"""Dates in the usual spellings are recognised, and nothing else is."""

import numpy as np
import pandas as pd
import pytest

from segmentation.schema.dates import dates_of, is_ambiguous, order_of, time_since


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2014-01-31", "ymd", "2014-01-31"),
        ("2014/1/31", "ymd", "2014-01-31"),
        ("31.01.2014", "dmy", "2014-01-31"),
        ("31/1/14", "dmy", "2014-01-31"),
        ("01/31/2014", "mdy", "2014-01-31"),
        ("1/31/2014 8:26", "mdy", "2014-01-31"),
        ("12/31/17 5:06 PM", "mdy", "2017-12-31"),
        ("2017-02-20T10:00:00Z", "ymd", "2017-02-20"),
        ("2017-02-20 10:00:00.123+02:00", "ymd", "2017-02-20"),
        ("01-Jan-2014", "dmy", "2014-01-01"),
        ("5-Dec-17", "dmy", "2017-12-05"),
        ("Feb 2, 2017", "mdy", "2017-02-02"),
        ("2nd of March 2017", "dmy", "2017-03-02"),
        ("1. März 2014", "dmy", "2014-03-01"),
        ("12 de enero de 2020", "dmy", "2020-01-12"),
        ("3 août 2013", "dmy", "2013-08-03"),
        ("Thu, 3 Mar 2016 10:00:00 GMT", "dmy", "2016-03-03"),
        ("Jan 2014", "my", "2014-01-01"),
        ("2014-05", "ym", "2014-05-01"),
        ("05/2014", "my", "2014-05-01"),
        ("31-12-50", "dmy", "1950-12-31"),
        ("31-12-49", "dmy", "2049-12-31"),
    ],
)
def test_a_date_is_read(text: str, order: str, day: str) -> None:
    """One cell is enough to tell its order where only one is possible."""
    assert order_of(pd.Series([text, None])) == order
    assert str(dates_of(pd.Series([text]), order)[0]) == day


@pytest.mark.parametrize(
    "text",
    [
        *("12:34", "1.2.3", "192.168.1.1", "555-1234", "May", "10-20", "1999-2000", "123-45-6789"),
        *("20-30", "high", "2017-13-01", "31/02/2017", "A-1-2017", "-5-3-2012", "2017", "1 M 2"),
    ],
)
def test_what_is_no_date(text: str) -> None:
    """Bands, versions, telephone numbers, years and impossible days are no dates."""
    assert order_of(pd.Series([text, text])) == ""


@pytest.mark.parametrize(
    ("values", "words", "order"),
    [
        ([20170228, 20170301, 20180405, 20190101, 20200229], (), "ymd"),
        ([20170228, 20170301], ("join", "date"), "ymd"),
        ([20170228, 20170301], ("units",), ""),
        ([20170001, 20170002, 20170003, 20170004, 20170005], ("date",), ""),
        ([201701, 201712], ("period",), "ym"),
        ([201701, 201712], ("limit",), ""),
        ([1483228800, 1483315200], ("created",), "seconds"),
        ([1483228800, 1483315200], ("phone",), ""),
        ([1956, 1983], ("dob",), ""),
        ([True, False], ("date",), ""),
    ],
)
def test_whole_numbers_are_dates_only_for_a_reason(
    values: list[int], words: tuple[str, ...], order: str
) -> None:
    """Many valid days, or a name that says so."""
    assert order_of(pd.Series(values), words) == order


def test_day_and_month_may_be_unclear() -> None:
    """Where no day is above 12 the order is a guess, and that is said."""
    assert is_ambiguous(pd.Series(["01/02/2017", "03/04/2017"]), "dmy")
    assert not is_ambiguous(pd.Series(["01/02/2017", "13/04/2017"]), "dmy")
    assert not is_ambiguous(pd.Series(["2017-01-02"]), "ymd")


def test_time_since_a_day() -> None:
    """Dates become months or years; numbers are the time already; the rest is missing."""
    cells = pd.Series(["2014-01-01", "12", None, "soon"])
    months = time_since(cells, "ymd", "2015-01-01", "months")
    np.testing.assert_allclose(months, [365 / 30.4375, 12, np.nan, np.nan])
    born = pd.Series(pd.to_datetime(["1985-01-01", None]))
    np.testing.assert_allclose(
        time_since(born, "ymd", "2015-01-01", "years"), [29.999, np.nan], 1e-4
    )


@pytest.mark.parametrize(
    ("values", "words", "order"),
    [
        ([43831, 43832, 45000], ("join", "date"), "serial"),
        ([43831.25, 43832.5, None], ("order", "date"), "serial"),
        (["43831", "44197"], ("kaufdatum",), "serial"),
        ([9000, 21000, 33000], ("dob",), "serial"),
        ([43831, 43832, 45000], ("balance",), ""),
        ([16695, 20100], ("sale", "date"), ""),
        ([43831, 43832, 45000], ("time",), ""),
        ([1999, 2005, 2021], ("birth",), ""),
        ([120, 43831], ("date",), ""),
        (["43831.25", "12000.5"], ("spend",), ""),
    ],
)
def test_days_of_a_spreadsheet_need_a_name(
    values: list[object], words: tuple[str, ...], order: str
) -> None:
    """Numbers of five digits may be anything; under a name for dates they are days since 1900."""
    assert order_of(pd.Series(values), words) == order


def test_days_of_a_spreadsheet_are_read() -> None:
    """As a spreadsheet shows them; the part behind the point is the time of day."""
    cells = pd.Series([43831, 43831.75, np.nan, 60000.0])
    days = dates_of(cells, "serial").astype(str).tolist()
    assert days == ["2020-01-01", "2020-01-01", "NaT", "2064-04-08"]
    assert time_since(cells[:1], "serial", "2020-02-01", "months")[0] == pytest.approx(31 / 30.4375)
