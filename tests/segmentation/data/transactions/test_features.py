"""One row a customer as of a day: every feature by hand, and what must never change one."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmentation.data import features_from_transactions
from segmentation.data.transactions.collect import drafted
from segmentation.data.transactions.recipe import (
    LEAVE_OUT,
    Accounts,
    Recipe,
    Statements,
    load_recipe,
    recipe_text,
)
from segmentation.data.validation import validate
from segmentation.errors import DataError, SpecError
from segmentation.schema import TableSchema
from tests.conftest import NewDatabase

DAY = date(2024, 7, 1)
RECIPE = Recipe("who", "when", "how_much")
FULL = Recipe(
    "who",
    "when",
    "how_much",
    merchant="merchant",
    instalments="instalments",
    refunds={"kind": ("refund",)},
    shares={"kind": ("purchase", "cash advance")},
    windows=(30, 90),
)


def log(*rows: tuple[str | None, str, float], **columns: object) -> pd.DataFrame:
    """Return transactions: who, when, how much."""
    frame = pd.DataFrame(rows, columns=["who", "when", "how_much"]).assign(**columns)
    return frame.assign(when=pd.to_datetime(frame["when"], format="mixed"))


def collected(frame: pd.DataFrame, recipe: Recipe = RECIPE, day: date = DAY) -> pd.DataFrame:
    """Return the features by customer."""
    return features_from_transactions(frame, recipe, as_of=day).frame.set_index(recipe.customer)


def many(rows: int = 2_000, seed: int = 0) -> pd.DataFrame:
    """Return transactions of every sort."""
    rng = np.random.default_rng(seed)
    days = pd.Timestamp(DAY) - pd.to_timedelta(rng.integers(-40, 400, rows), unit="D")
    return pd.DataFrame(
        {
            "who": rng.integers(0, 60, rows).astype(str),
            "when": days + pd.to_timedelta(rng.integers(0, 86_400, rows), unit="s"),
            "how_much": rng.gamma(2, 30, rows).round(2),
            "kind": rng.choice(["purchase", "cash advance", "refund"], rows, p=[0.8, 0.1, 0.1]),
            "merchant": rng.integers(0, 30, rows).astype(str),
            "instalments": rng.integers(1, 4, rows),
        }
    )


def test_every_feature_by_hand() -> None:
    """Three purchases on two days and one refund, worked out on paper."""
    frame = log(
        ("ada", "2024-06-30 23:59", 10.0),
        ("ada", "2024-06-20 08:00", 20.0),
        ("ada", "2024-06-20 09:00", 60.0),
        ("ada", "2024-04-21 12:00", 30.0),
        ("ada", "2024-06-29 12:00", 15.0),
        kind=["purchase", "cash advance", "purchase", "purchase", "refund"],
        merchant=["a", "b", "b", "c", "d"],
        instalments=[1, 3, 1, 6, 1],
    )
    row = collected(frame, FULL).loc["ada"]
    expected = {
        "recency_days": 1,
        "tenure_days": 71,
        "purchases_30d": 3,
        "amount_30d": 75.0,
        "mean_purchase_30d": 30.0,
        "median_purchase_30d": 20.0,
        "active_days_30d": 2,
        "merchants_30d": 2,
        "refund_share_30d": 15 / 90,
        "purchases_90d": 4,
        "amount_90d": 105.0,
        "mean_purchase_90d": 30.0,
        "median_purchase_90d": 25.0,
        "active_days_90d": 3,
        "merchants_90d": 3,
        "refund_share_90d": 15 / 120,
        "trend_30d_90d": 90 / 120,
        "gap_days_90d": 35.0,
        "gap_variation_90d": np.std([60, 10]) / 35,
        "instalment_share_90d": 2 / 4,
        "amount_kind_purchase_90d": 100.0,
        "share_kind_purchase_90d": 100 / 120,
        "amount_kind_cash_advance_90d": 20.0,
        "share_kind_cash_advance_90d": 20 / 120,
    }
    assert set(row.index) == set(expected)
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, abs=1e-12), name


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(
    later=st.lists(
        st.tuples(
            st.sampled_from(["0", "1", "newcomer"]),
            st.integers(0, 800),
            st.floats(-1e6, 1e6, allow_nan=False),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_no_later_row_changes_anything(later: list[tuple[str, int, float]]) -> None:
    """Rows on and after the day, in any number and amount, leave every feature bit for bit."""
    frame = many(400)
    before = frame[frame["when"] < pd.Timestamp(DAY)]
    rows = [(who, str(DAY + timedelta(days=days)), amount) for who, days, amount in later]
    more = pd.concat([before, log(*rows, kind="purchase", merchant="0", instalments=1)])
    pd.testing.assert_frame_equal(collected(more, FULL), collected(before, FULL), check_exact=True)


def test_zero_is_not_missing() -> None:
    """Who bought long ago bought 0 lately; what cannot be told of nothing is missing."""
    frame = log(("ada", "2023-08-01", 10.0), kind="purchase", merchant="a", instalments=1)
    row = collected(frame, FULL).loc["ada"]
    for name in ("purchases_90d", "amount_90d", "active_days_90d", "merchants_90d"):
        assert row[name] == 0
    assert row["amount_kind_cash_advance_90d"] == 0
    missing = ("mean_purchase_90d", "median_purchase_90d", "refund_share_90d", "gap_days_90d")
    assert row[[*missing, "trend_30d_90d", "share_kind_cash_advance_90d"]].isna().all()
    one = frame.assign(when=pd.Timestamp("2024-06-30"))
    assert collected(one, FULL).loc["ada", "share_kind_cash_advance_90d"] == 0


def test_a_single_purchase_has_no_regularity() -> None:
    """Gaps need two days, their variation three; everything else is known."""
    row = collected(log(("ada", "2024-06-30", 10.0))).loc["ada"]
    gaps = row.index.str.startswith("gap_")
    assert row[gaps].isna().all()
    assert row[~gaps].notna().all()
    two = collected(log(("ada", "2024-06-30", 10.0), ("ada", "2024-06-20", 10.0))).loc["ada"]
    assert two["gap_days_365d"] == 10
    assert np.isnan(two["gap_variation_365d"])


def test_a_purchase_on_the_edge_of_a_window_is_inside() -> None:
    """A window of 30 days has 30 days: the day before and 29 more."""
    for when, inside in (("2024-06-01", 1), ("2024-05-31", 0), ("2024-06-30 23:59:59", 1)):
        frame = log(("ada", when, 1.0), ("ada", "2020-01-01", 1.0))
        assert collected(frame).loc["ada", "purchases_30d"] == inside, when


def test_customers_without_a_purchase_are_kept_or_left_out_as_the_recipe_says() -> None:
    """And counted either way."""
    frame = log(("ada", "2024-06-30", 10.0), ("bob", "2020-01-01", 10.0))
    keep = features_from_transactions(frame, RECIPE, as_of=DAY)
    assert list(keep.frame["who"]) == ["ada", "bob"]
    assert "1 customer bought nothing in the last 365 days: kept, with zeros" in keep.remarks
    recipe = Recipe("who", "when", "how_much", without_transactions=LEAVE_OUT)
    left = features_from_transactions(frame, recipe, as_of=DAY)
    assert list(left.frame["who"]) == ["ada"]
    assert "1 customer bought nothing in the last 365 days: left out" in left.remarks


@pytest.mark.parametrize(
    ("day", "match"),
    [(date(2000, 1, 1), "at least one transaction before 2000-01-01"), (DAY, "who bought")],
)
def test_an_empty_window_is_a_sentence(day: date, match: str) -> None:
    """No row before the day, and no customer left by the recipe."""
    frame = log(("bob", "2020-01-01", 10.0))
    recipe = Recipe("who", "when", "how_much", without_transactions=LEAVE_OUT)
    with pytest.raises(DataError, match=match):
        features_from_transactions(frame, recipe, as_of=day)


def test_days_are_those_of_the_time_zone() -> None:
    """23:30 UTC on the last day of summer time is the next day in Berlin, and so is the window."""
    times = pd.to_datetime(["2024-03-30 23:30", "2024-03-31 00:30", "2024-10-26 22:30"], utc=True)
    frame = pd.DataFrame({"who": ["a", "b", "c"], "when": times, "how_much": 1.0})
    berlin = Recipe("who", "when", "how_much", time_zone="Europe/Berlin")
    for recipe, recency in ((RECIPE, [212, 211, 2]), (berlin, [211, 211, 1])):
        days = collected(frame, recipe, date(2024, 10, 28))["recency_days"]
        assert list(days) == recency
    # A time on the day itself in Berlin is before it in UTC.
    late = frame.assign(when=pd.to_datetime("2024-06-30 22:30", utc=True))
    assert set(collected(late, RECIPE)["recency_days"]) == {1}
    with pytest.raises(DataError, match="at least one transaction before"):
        collected(late, berlin)


def test_hours_that_a_change_of_clocks_repeats_or_skips_do_not_matter() -> None:
    """Days count, not hours: a gap over the change of clocks is a whole number of days."""
    times = pd.to_datetime(["2024-03-30 12:00", "2024-03-31 12:00", "2024-04-01 12:00"])
    local = times.tz_localize("Europe/Berlin")
    recipe = Recipe("who", "when", "how_much", time_zone="Europe/Berlin")
    row = collected(pd.DataFrame({"who": "a", "when": local, "how_much": 1.0}), recipe).iloc[0]
    assert (row["gap_days_365d"], row["gap_variation_365d"]) == (1, 0)


def test_what_stands_out_is_said() -> None:
    """Rows without customer, time or amount, later ones, refunds, currencies; no value of one."""
    frame = log(
        ("canary", "2024-06-30", 10.0),
        ("canary", "2024-06-30", 10.0),
        ("canary", "2024-06-29", -5.0),
        (None, "2024-06-30", 10.0),
        ("canary", "2024-06-30", float("nan")),
        ("canary", "2024-07-01", 10.0),
        currency=["EUR", "EUR", "USD", "EUR", "EUR", "EUR"],
    )
    frame.loc[len(frame)] = ["canary", pd.NaT, 1.0, "EUR"]
    recipe = Recipe("who", "when", "how_much", currency="currency")
    remarks = "\n".join(features_from_transactions(frame, recipe, as_of=DAY).remarks)
    assert "3 transactions before 2024-07-01 of 1 customer" in remarks
    for column in ("customer", "time", "amount"):
        assert f"1 transaction without a {column} left out" in remarks
    assert "1 transaction on or after 2024-07-01 left out" in remarks
    assert "1 transaction counts as a refund, 25.0% of what was bought" in remarks
    assert "1 transaction of the last 365 days is equal to another" in remarks
    assert "more is refunded than bought" not in remarks
    assert "2 currencies (EUR 2, USD 1)" in remarks
    assert "canary" not in remarks


def test_more_refunds_than_purchases_are_wondered_at() -> None:
    """In the export of an account spending is below zero, which would count as refunds."""
    frame = log(("a", "2024-06-30", -50.0), ("b", "2024-06-30", -20.0), ("a", "2024-06-29", 60.0))
    remarks = features_from_transactions(frame, RECIPE, as_of=DAY).remarks
    assert any(remark.startswith("more is refunded than bought") for remark in remarks)


def test_repeated_transactions_are_left_out_where_they_have_a_name() -> None:
    """The same transaction twice counts once; two of one name that differ both count."""
    frame = log(*[("ada", "2024-06-30", 10.0)] * 3, id=["t1", "t1", "t2"])
    named = Recipe("who", "when", "how_much", transaction="id")
    once = features_from_transactions(frame, named, as_of=DAY)
    assert once.frame["purchases_30d"].iloc[0] == 2
    left_out = "1 transaction of the last 365 days repeats another with its id: left out"
    assert left_out in once.remarks
    assert len(once.remarks) == 2
    other = frame.assign(how_much=[10.0, 11.0, 12.0])
    both = features_from_transactions(other, named, as_of=DAY)
    assert both.frame["purchases_30d"].iloc[0] == 3
    assert any("differs from it" in remark for remark in both.remarks)


@pytest.mark.parametrize("seed", [1, 2])
def test_refunds_and_repeats_change_what_they_must_and_nothing_else(seed: int) -> None:
    """Of random logs: repeats of named rows change nothing, refunds only amounts less refunds.

    A refund by the sign of its amount is one by its kind.
    """
    frame = many(600, seed).assign(id=range(600))
    recipe = replace(FULL, transaction="id")
    whole = collected(frame, recipe)
    repeated = pd.concat([frame, frame.sample(200, random_state=seed)])
    shuffled = repeated.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(collected(shuffled, recipe), whole, rtol=1e-12, atol=1e-12)
    refund = frame["kind"] == "refund"
    amounts = frame["how_much"].where(~refund, -frame["how_much"])
    by_sign = frame.assign(how_much=amounts, kind=frame["kind"].where(~refund, "purchase"))
    pd.testing.assert_frame_equal(collected(by_sign, recipe), whole, rtol=1e-12, atol=1e-12)
    without = collected(frame[~refund], recipe)
    moved = ["tenure_days", *(f"{n}_{d}d" for n in ("amount", "refund_share") for d in (30, 90))]
    common = whole.index.intersection(without.index)
    pd.testing.assert_frame_equal(
        without.drop(columns=moved).loc[common],
        whole.drop(columns=moved).loc[common],
        rtol=1e-12,
        atol=1e-12,
    )
    assert (without["amount_90d"].loc[common] >= whole["amount_90d"].loc[common]).all()
    assert whole["refund_share_90d"].sum() > without["refund_share_90d"].sum() == 0


def test_accounts_and_statements_add_customers_and_habits() -> None:
    """An account without a transaction is a customer; one without a statement has missing."""
    recipe = Recipe(
        "who",
        "when",
        "how_much",
        accounts=Accounts("id", "opened"),
        statements=Statements("id", "month", "balance", "limit", "due", "paid"),
    )
    accounts = pd.DataFrame(
        {
            "id": ["ada", "bob", "eve"],
            "opened": pd.to_datetime(["2020-01-01", "2024-06-01", "2024-07-01"]),
        }
    )
    statements = pd.DataFrame(
        {
            "id": ["ada"] * 3,
            "month": pd.to_datetime(["2024-05-01", "2024-06-01", "2024-07-01"]),
            "balance": [100.0, 300.0, 900.0],
            "limit": 1000.0,
            "due": 20.0,
            "paid": [100.0, 20.0, 0.0],
        }
    )
    result = features_from_transactions(
        log(("ada", "2024-06-30", 10.0)),
        recipe,
        as_of=DAY,
        accounts=accounts,
        statements=statements,
    )
    rows = result.frame.set_index("who")
    assert list(rows.index) == ["ada", "bob"]  # eve's account was opened on the day
    assert rows.loc["ada", "tenure_days"] == (DAY - date(2020, 1, 1)).days
    assert rows.loc["bob", ["purchases_365d", "tenure_days"]].tolist() == [0, 30]
    assert rows.loc["ada", "utilisation_365d"] == pytest.approx(0.2)
    assert rows.loc["ada", "full_payment_share_365d"] == 0.5
    assert rows.loc["ada", "minimum_payment_share_365d"] == 0.5
    assert rows.loc["bob"].filter(like="payment_share").isna().all()
    assert np.isnan(rows.loc["bob", "recency_days"])


def test_every_engine_gives_the_same_features(tmp_path: Path, postgresql: NewDatabase) -> None:
    """A data frame, CSV, Parquet, DuckDB and PostgreSQL: equal to 1e-9, and in one order."""
    frame = many().assign(who=lambda f: "c-" + f["who"])
    expected = features_from_transactions(frame, FULL, as_of=DAY)
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.to_parquet(tmp_path / "log.parquet")
    with duckdb.connect(str(tmp_path / "bank.db")) as database:
        database.execute("CREATE TABLE log AS SELECT * FROM frame")
    address = postgresql("transactions")
    server = ibis.connect(address)
    server.create_table("log", frame)
    server.disconnect()
    for source in (
        str(tmp_path / "log.csv"),
        str(tmp_path / "log.parquet"),
        f"duckdb:///{tmp_path}/bank.db?table=log",
        f"{address}&table=log",
    ):
        result = features_from_transactions(source, FULL, as_of=DAY)
        pd.testing.assert_frame_equal(result.frame, expected.frame, rtol=1e-9, atol=1e-12)
        assert result.remarks == expected.remarks
        assert "SELECT" in result.sql


def test_the_schema_fits_its_table() -> None:
    """Kinds, ranges and missing values agree; the recipe inside makes the same table again."""
    result = features_from_transactions(many(), FULL, as_of=DAY, name="mine")
    validated = validate(result.frame, result.schema, to_train=True)
    assert not validated.warnings
    assert list(validated.customers) == list(result.frame.columns[1:])
    again = TableSchema.from_dict(result.schema.to_dict())
    assert again == result.schema
    assert Recipe.from_dict(again.recipe) == FULL


def test_a_draft_of_a_retail_log_is_ready(tmp_path: Path) -> None:
    """Dates as 5-Dec-17, quantity and unit price, an invoice that is no transaction's name."""
    file = tmp_path / "log.csv"
    rows = [
        f"536{n // 3},{n % 7 + 1},{n % 28 + 1}-{'Nov' if n % 2 else 'Dec'}-17,2.5,{n % 9 + 10}"
        for n in range(60)
    ]
    file.write_text("\n".join(["InvoiceNo,Quantity,InvoiceDate,UnitPrice,CustomerID", *rows]))
    recipe = drafted(str(file))
    assert recipe == Recipe(
        "CustomerID", "InvoiceDate", "UnitPrice", "Quantity", time_format="%d-%b-%y"
    )
    (tmp_path / "recipe.yaml").write_text(recipe_text(recipe, "log.csv"))
    assert load_recipe(str(tmp_path / "recipe.yaml")) == recipe
    result = features_from_transactions(str(file))
    assert result.as_of == date(2017, 12, 28)
    assert set(result.frame["CustomerID"]) == {str(n) for n in range(10, 19)}
    total = result.frame["amount_365d"].sum()
    assert total == pytest.approx(sum(2.5 * (n % 7 + 1) for n in range(60)))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_an_export_with_decimal_commas_is_the_same_table(tmp_path: Path, encoding: str) -> None:
    """As spreadsheets write it: semicolons, `1.234,50`, days first, debits and credits."""
    amounts = [n * 211.5 + 0.25 for n in range(40)]
    rows = [
        f"{100 + n % 7};{n % 28 + 1:02d}.06.2024;{a:,.2f};{'SH'[n % 5 == 0]};Bäcker"
        for n, a in enumerate(amounts)
    ]
    text = "\n".join(["Kundennummer;Buchungstag;Betrag €;S/H;Händler", *rows])
    text = "\n".join(line.translate(str.maketrans(",.", ".,")) for line in text.split("\n"))
    days = text.replace(",06,2024", ".06.2024")
    (tmp_path / "umsätze.csv").write_text(days, encoding=encoding)
    recipe = drafted(str(tmp_path / "umsätze.csv"))
    assert (recipe.amount, recipe.merchant, recipe.refunds) == (
        *("Betrag €", "Händler"),
        {"S/H": ("H",)},
    )
    result = features_from_transactions(str(tmp_path / "umsätze.csv"), recipe, as_of=DAY)
    expected = sum(-a if n % 5 == 0 else a for n, a in enumerate(amounts))
    assert result.frame["amount_365d"].sum() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("2024-02-28 23:59:59", "%Y-%m-%d %H:%M:%S"),
        ("28.02.2024", "%d.%m.%Y"),
        ("02/28/2024 8:05", "%m/%d/%Y %H:%M"),
        ("28/02/24", "%d/%m/%y"),
        ("20240228", "%Y%m%d"),
    ],
)
def test_times_are_read_as_they_are_written(tmp_path: Path, first: str, expected: str) -> None:
    """The draft finds the format by which the engine reads every time."""
    frame = pd.DataFrame({"customer": list("aabbcc"), "date": [first] * 6, "amount": 1.5})
    frame.to_csv(tmp_path / "log.csv", index=False)
    recipe = drafted(str(tmp_path / "log.csv"))
    assert recipe.time_format in {expected, "" if expected == "%Y%m%d" else expected}
    result = features_from_transactions(str(tmp_path / "log.csv"), recipe)
    assert result.as_of == date(2024, 2, 29)


def test_a_time_of_another_form_is_a_sentence(tmp_path: Path) -> None:
    """Without the value, which is the customer's."""
    file = tmp_path / "log.csv"
    file.write_text("who,when,how_much\na,28.02.2024,1\na,canary,1\n")
    recipe = Recipe("who", "when", "how_much", time_format="%d.%m.%Y")
    with pytest.raises(DataError, match="a value has another form than its column") as caught:
        features_from_transactions(str(file), recipe)
    assert "canary" not in str(caught.value)


def test_a_table_without_transactions_is_refused_by_what_it_lacks() -> None:
    """With the columns there are."""
    with pytest.raises(DataError, match="who bought") as caught:
        drafted(pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]}))
    assert len(caught.value.problems) == 3
    with pytest.raises(DataError, match="the transactions have who, when, how_much"):
        collected(log(("a", "2024-01-01", 1.0)), Recipe("who", "when", "euros"))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"windows": (90, 30)}, "days that ascend"),
        ({"time_zone": "Mars/Olympus"}, "Europe/Berlin"),
        ({"time_zone": "UTC'; DROP TABLE x"}, "Europe/Berlin"),
        ({"without_transactions": "maybe"}, "'keep' or 'leave out'"),
        ({"colour": "red"}, "its keys are customer, time, amount"),
        ({"windows": "soon"}, "malformed"),
    ],
)
def test_a_wrong_recipe_is_refused(change: dict[str, object], match: str) -> None:
    """By name, value and what was expected."""
    with pytest.raises(SpecError, match=match):
        Recipe.from_dict(RECIPE.to_dict() | change)
