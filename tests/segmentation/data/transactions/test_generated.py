"""Generated transactions and statements are those that the generated customers sum up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segmentation.data import features_from_transactions
from segmentation.data.synthetic import generate
from segmentation.data.synthetic.card_transactions import (
    AS_OF,
    iter_statements,
    iter_transactions,
    write_pieces,
)
from segmentation.data.transactions.collect import drafted
from segmentation.data.transactions.recipe import Statements
from segmentation.errors import DataError, SpecError

ROWS = 300
CUSTOMERS = generate(ROWS).set_index("CUST_ID")
SOURCES = f"embedded-transactions:{ROWS}", f"embedded-statements:{ROWS}"


def test_features_agree_with_the_customer_table() -> None:
    """Counts exactly, amounts to the cent, months and shares of statements as in the table."""
    result = features_from_transactions(SOURCES[0], statements=SOURCES[1], as_of=AS_OF)
    features = result.frame.set_index("CUST_ID")
    table = CUSTOMERS.loc[features.index]
    assert set(CUSTOMERS.index) - set(features.index) == set(
        CUSTOMERS.index[(CUSTOMERS["PURCHASES_TRX"] == 0) & (CUSTOMERS["CASH_ADVANCE_TRX"] == 0)]
    )
    counts = table["PURCHASES_TRX"] + table["CASH_ADVANCE_TRX"]
    assert (features["purchases_365d"] == counts).all()
    for kind, column in (
        ("one_off", "ONEOFF_PURCHASES"),
        ("instalments", "INSTALLMENTS_PURCHASES"),
        ("cash_advance", "CASH_ADVANCE"),
    ):
        amounts = features[f"amount_kind_{kind}_365d"]
        np.testing.assert_allclose(amounts, table[column], atol=0.005)
    np.testing.assert_allclose(features["mean_balance_365d"], table["BALANCE"], rtol=1e-9)
    used = (table["BALANCE"] / table["CREDIT_LIMIT"]).to_numpy()
    np.testing.assert_allclose(features["utilisation_365d"], used, rtol=1e-9)
    owing = table["BALANCE"] > 0
    np.testing.assert_allclose(
        features.loc[owing, "full_payment_share_365d"],
        table.loc[owing, "PRC_FULL_PAYMENT"],
        atol=1e-6,
    )


def test_purchases_fall_into_as_many_months_as_the_table_says() -> None:
    """Each month of 30 days in which a kind is active has a transaction of it."""
    rows = pd.concat(list(iter_transactions(ROWS)))
    month = (pd.Timestamp(AS_OF) - rows["TIME"]).dt.ceil("D").dt.days.sub(1) // 30
    cash = rows["KIND"] == "cash advance"
    active = month[cash].groupby(rows.loc[cash, "CUST_ID"]).nunique()
    table = CUSTOMERS.loc[active.index]
    expected = (table["CASH_ADVANCE_FREQUENCY"] * table["TENURE"]).round()
    assert (active == expected).all()
    assert (month < 12).all()


def test_they_are_written_in_pieces_and_the_same_each_time(tmp_path: Path) -> None:
    """More customers than one piece holds, bit for bit."""
    paths = tmp_path / "one.parquet", tmp_path / "other.parquet"
    rows = [write_pieces(iter_transactions(6_000, seed=3), path) for path in paths]
    one, other = (pd.read_parquet(path) for path in paths)
    pd.testing.assert_frame_equal(one, other)
    assert rows == [len(one)] * 2
    assert one["CUST_ID"].nunique() > 5_000


def test_the_draft_reads_statements_too() -> None:
    """Their columns by name; recipe and tables must agree."""
    recipe = drafted(next(iter_transactions(50)), statements=next(iter_statements(50)))
    assert recipe.statements == Statements(
        "CUST_ID", "TIME", "BALANCE", "CREDIT_LIMIT", "MINIMUM_DUE", "PAID"
    )
    assert recipe.merchant == "MERCHANT"
    assert recipe.instalments == "INSTALMENTS"
    assert set(recipe.shares) == {"KIND", "CATEGORY", "CHANNEL"}
    with pytest.raises(SpecError, match="statements: expected both a table and its columns"):
        features_from_transactions(SOURCES[0], recipe)


def test_a_wrong_number_is_refused() -> None:
    """As of generated customers."""
    with pytest.raises(DataError, match="embedded-transactions:<rows>:<seed>"):
        features_from_transactions("embedded-transactions:x")
