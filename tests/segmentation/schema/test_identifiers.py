"""Keys and running numbers are told from measurements, by name and by content."""

import numpy as np
import pandas as pd
import pytest

from segmentation.schema.drafting.identifiers import key_of, repeated_customers

RNG = np.random.default_rng(3)
N = 200
MIXED = [f"c{i * 7}" for i in range(N)]
SPREAD = RNG.permutation(50_000)[:N]


@pytest.mark.parametrize(
    ("name", "values", "rank"),
    [
        ("ID#", range(1, N + 1), 0),
        ("CustomerId", SPREAD, 0),
        ("id_cliente", MIXED, 0),
        ("Kundennummer", SPREAD, 0),
        ("Member No.", [f"{i:07d}" for i in range(N)], 0),
        ("CLIENTNUM", SPREAD + 700_000_000, 0),
        ("card_reference_id", MIXED, 1),
        ("session_key", MIXED, 1),
        ("a", MIXED, 2),
        ("b", SPREAD + 2_000_000_000, 3),
        ("Sl_No", range(1, N + 1), 4),
        ("sno", range(N), 4),
        ("email", [f"{c}@example.org" for c in MIXED], 5),
    ],
)
def test_an_identifier_has_a_rank(name: str, values: object, rank: int) -> None:
    """A customer's key makes a better identifier than a serial number or an address."""
    key = key_of(name, pd.Series(values))
    assert key is not None
    assert key.rank == rank


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("RowNumber", range(1, N + 1), "numbers the rows from 1 to 200"),
        ("index", RNG.permutation(N), "numbers the rows from 0 to 199"),
        ("spend", RNG.permutation(N) * 5 + 3, "numbers the rows from 3 to 998"),
        (
            "x",
            sorted([0, *RNG.permutation(58) + 1, *range(60, 200), 220]),
            "numbers the rows from 0 to 220, with",
        ),
        ("row_id", SPREAD, "numbers the rows"),
        ("Customer Key", [*SPREAD[:-2], SPREAD[0], SPREAD[1]], "names customers: 198 different"),
        (
            "customer_id",
            [*SPREAD[:-1], None],
            "names customers: 199 different in 199 rows; it becomes the identifier once",
        ),
        ("store_id", np.arange(N) % 90, "holds keys"),
        ("Surname", [f"name{i % 190}" for i in range(N)], "names single customers: 190 different"),
        ("county.name", [f"name{i % 90}" for i in range(N)], "holds names or addresses, which me"),
    ],
)
def test_a_key_is_no_feature(name: str, values: object, reason: str) -> None:
    """Running numbers, repeated keys and names of persons are left out with the reason."""
    key = key_of(name, pd.Series(values))
    assert key is not None
    assert key.rank is None
    assert key.reason.startswith(reason)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("income", RNG.permutation(90_000)[:N]),
        ("age", RNG.integers(18, 90, N)),
        ("balance", np.linspace(0, 900, N) + 0.5),
        ("NumberOfAddress", RNG.integers(1, 9, N)),
        ("number of customers", RNG.permutation(9_000)[:N]),
        ("days_since_enroll", RNG.permutation(8_000)[:N]),
        ("region_id", np.arange(N) % 4),
        ("card", ["debit", "credit"] * (N // 2)),
        ("active", [True, False] * (N // 2)),
        ("visits", [3, 1, 2]),
    ],
)
def test_a_measurement_is_no_key(name: str, values: object) -> None:
    """Distinct whole numbers alone make no key: income in 200 rows is a feature."""
    assert key_of(name, pd.Series(values)) is None


def purchases(**columns: object) -> pd.DataFrame:
    """Return 40 purchases of 8 customers."""
    return pd.DataFrame({"customer_id": [f"CS{i % 8}" for i in range(40)], **columns})


def test_customers_that_repeat_are_counted() -> None:
    """Beside a date or an amount a row is a purchase; the customers are counted without gaps."""
    frame = purchases(tran_amount=np.arange(40.0))
    assert repeated_customers(frame) == ("customer_id", 8, 40)
    dated = purchases(when=["5-Dec-17", "18-Mar-17"] * 20)
    dated.loc[:1, "customer_id"] = None
    assert repeated_customers(dated) == ("customer_id", 8, 38)


@pytest.mark.parametrize(
    "frame",
    [
        purchases(score=np.arange(40)),
        purchases(amount=np.arange(40.0)).assign(customer_id=np.arange(40)),
        purchases(amount=np.arange(40.0)).rename(columns={"customer_id": "region_id"}),
        pd.DataFrame({"card": ["debit", "credit"] * 20, "amount": np.arange(40.0)}),
        pd.DataFrame({"number of customers": [3, 4] * 20, "amount": np.arange(40.0)}),
    ],
    ids=["nothing beside", "all distinct", "no customers", "two levels", "counts"],
)
def test_customers_who_do_not_repeat(frame: pd.DataFrame) -> None:
    """A table of customers is not taken for a log of purchases."""
    assert repeated_customers(frame) is None
