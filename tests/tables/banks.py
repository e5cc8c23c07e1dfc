"""Tables of banks: campaigns, card defaults, credits, card holders, customers who leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.tables.shape import Planted, Shape, Values, read_csv, write_csv
from tests.tables.shops import CODE, COUNT, FLAG, SPENDS

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def campaign() -> tuple[pd.DataFrame, Values]:
    """Return people a bank called: never called before, called again, well-off pensioners."""
    p = Planted(800, (5, 3, 2), 11)
    called = p.flags((0.01, 0.97, 0.1)) == 1
    previous = np.where(called, 1 + p.counts(2.5), 0)
    outcome = p.words(("failure", "other", "success"), (6, 2, 2))
    frame = pd.DataFrame(
        {
            "age": p.whole((36, 41, 68), 5, 18, 93),
            "job": p.words(
                ("blue-collar", "management", "technician", "admin.", "retired", "unknown"),
                (6, 2, 4, 3, 0, 0.2),
                (2, 6, 3, 3, 0, 0.2),
                (0, 0.5, 0.2, 0.2, 12, 0.1),
            ),
            "marital": p.words(("married", "single", "divorced"), (6, 3, 1)),
            "education": p.words(
                ("primary", "secondary", "tertiary", "unknown"),
                (3, 6, 2, 0.5),
                (1, 4, 6, 0.5),
                (4, 4, 2, 0.5),
            ),
            "default": p.yes(0.03, "yes", "no"),
            "balance": np.round(
                p.rng.normal(p.of((450, 1400, 5200)), p.of((350, 400, 900)))
            ).astype(int),
            "housing": p.yes((0.75, 0.6, 0.04), "yes", "no"),
            "loan": p.yes((0.25, 0.12, 0.03), "yes", "no"),
            "contact": p.words(
                ("cellular", "telephone", "unknown"), (4, 0.5, 6), (9, 1, 0.2), (5, 5, 1)
            ),
            "day": p.rng.integers(1, 32, 800),
            "month": p.words(MONTHS),
            "duration": p.money((190, 260, 330), 0.5, 0),
            "campaign": 1 + p.counts((2, 0.9, 0.8)),
            "pdays": np.where(called, p.whole(190, 60, 1, 500), -1),
            "previous": previous,
            "poutcome": np.where(called, outcome, "unknown"),
            "y": p.yes((0.05, 0.2, 0.35), "yes", "no"),
        }
    )
    return frame, p.group


def card_default() -> tuple[pd.DataFrame, Values]:
    """Return card holders: full payers, revolvers near their limit, and late payers."""
    p = Planted(800, (4, 4, 2), 12)
    limit = p.money((260_000, 110_000, 50_000), 0.3, 0) // 10_000 * 10_000 + 10_000
    usage = (0.03, 0.55, 0.9)
    frame = pd.DataFrame(
        {
            "ID": np.arange(1, 801),
            "LIMIT_BAL": limit,
            "SEX": p.words((1, 2), (4, 6)),
            "EDUCATION": p.words((1, 2, 3, 4), (35, 47, 16, 2)),
            "MARRIAGE": p.words((0, 1, 2, 3), (0.5, 45, 53, 1.5)),
            "AGE": p.whole((37, 34, 33), 8, 21, 75),
        }
    )
    for month in (0, 2, 3, 4, 5, 6):
        frame[f"PAY_{month}"] = p.words(
            (-2, -1, 0, 1, 2, 3),
            (4, 6, 0.5, 0.2, 0, 0),
            (0, 0.3, 10, 0.3, 0.1, 0),
            (0, 0, 1, 1, 8, 1),
        ).astype(int)
    for month in range(1, 7):
        level = limit * p.of(usage) * p.rng.lognormal(0, 0.2, 800) - p.flags((0.1, 0, 0)) * 900
        frame[f"BILL_AMT{month}"] = np.round(level).astype(int)
    for month in range(1, 7):
        due = frame[f"BILL_AMT{month}"].clip(lower=0) * p.of((1.0, 0.05, 0.02))
        frame[f"PAY_AMT{month}"] = np.round(due * p.rng.lognormal(0, 0.3, 800)).astype(int)
    frame["default payment next month"] = p.flags((0.08, 0.17, 0.6))
    return frame, p.group


def write_two_headers(frame: pd.DataFrame, path: Path) -> None:
    """Write the table with a line of codes above its header."""
    codes = ["", *(f"X{i}" for i in range(1, frame.shape[1] - 1)), "Y"]
    text = ",".join(codes) + "\n" + frame.to_csv(index=False, lineterminator="\n")
    path.write_text(text, encoding="utf-8")


def german_credit() -> tuple[pd.DataFrame, Values]:
    """Return people with credits: small ones for goods, cars, and large long ones for business."""
    p = Planted(600, (5, 3, 2), 13)
    frame = pd.DataFrame(
        {
            "Age": p.whole((33, 37, 41), 9, 19, 75),
            "Sex": p.words(("male", "female"), (7, 3)),
            "Job": p.words((0, 1, 2, 3), (0.5, 3, 8, 0.5), (0.2, 1, 8, 2), (0, 0.3, 2, 9)),
            "Housing": p.words(("own", "rent", "free"), (6, 5, 0.3), (9, 2, 0.5), (3, 0.5, 7)),
            "Saving accounts": p.words(
                ("little", "moderate", "quite rich", "rich", None), (60, 10, 6, 5, 18)
            ),
            "Checking account": p.words(("little", "moderate", "rich", None), (27, 27, 6, 40)),
            "Credit amount": p.money((1300, 3200, 9500), 0.28, 0),
            "Duration": p.whole((11, 22, 44), 4, 4, 72),
            "Purpose": p.words(
                ("radio/TV", "car", "furniture/equipment", "business", "education"),
                (9, 1, 6, 0, 1),
                (1, 15, 1, 0.5, 0.5),
                (0.2, 2, 0.3, 9, 1),
            ),
            "Risk": p.yes((0.8, 0.75, 0.45), "good", "bad"),
        }
    )
    return frame, p.group


def card_customers() -> tuple[pd.DataFrame, Values]:
    """Return card holders by how they reach the bank; five were entered twice."""
    p = Planted(660, (6, 4, 1), 14)
    keys = 11_000 + p.rng.permutation(88_000)[:660]
    keys[[48, 104, 391, 398, 632]] = keys[[4, 9, 36, 43, 332]]
    frame = pd.DataFrame(
        {
            "Sl_No": np.arange(1, 661),
            "Customer Key": keys,
            "Avg_Credit_Limit": p.money((31_000, 12_000, 140_000), 0.3, 0) // 1000 * 1000,
            "Total_Credit_Cards": p.whole((5.5, 2.4, 8.7), 1, 1, 10),
            "Total_visits_bank": p.whole((3.5, 0.9, 0.6), 0.8, 0, 5),
            "Total_visits_online": p.whole((1, 3.6, 10.9), 0.9, 0, 15),
            "Total_calls_made": p.whole((2, 6.9, 1.1), 1, 0, 10),
        }
    )
    return frame, p.group


def bank_churn() -> tuple[pd.DataFrame, Values]:
    """Return customers of a bank whose columns have nothing to do with one another."""
    p = Planted(900, (1,), 15)
    names = ("Hill", "Onio", "Boni", "Mitchell", "Chu", "Bartlett", "H?", "O'Neil", "Martin")
    endings = ("a", "eo", "ins", "ov", "ucci", "ez", "son", "ard", "ski", "wu", "ley", "ton")
    who = p.rng.integers(0, 600, 900)
    balance = np.where(p.flags(0.64) == 1, np.round(p.rng.normal(119_000, 30_000, 900), 2), 0.0)
    frame = pd.DataFrame(
        {
            "RowNumber": np.arange(1, 901),
            "CustomerId": 15_565_701 + p.rng.permutation(250_000)[:900],
            "Surname": [f"{names[i % 9]}{'bdlmr'[i % 5]}{endings[i // 50]}" for i in who],
            "CreditScore": p.whole(650, 96, 350, 850),
            "Geography": p.words(("France", "Spain", "Germany"), (2, 1, 1)),
            "Gender": p.words(("Female", "Male")),
            "Age": p.whole(39, 10, 18, 92),
            "Tenure": p.rng.integers(0, 11, 900),
            "Balance": np.abs(balance),
            "NumOfProducts": p.words((1, 2, 3, 4), (50, 46, 3, 1)),
            "HasCrCard": p.flags(0.7),
            "IsActiveMember": p.flags(0.5),
            "EstimatedSalary": np.round(p.rng.uniform(11, 200_000, 900), 2),
            "Exited": p.flags(0.2),
        }
    )
    return frame, p.group


BANKS = (
    Shape(
        name="campaign",
        file="bank-full.csv",
        make=campaign,
        write=write_csv(sep=";", quoting=2),
        read=read_csv(sep=";", na_values=["unknown"]),
        outcomes=("y",),
        kinds={
            "age": COUNT,
            "job": "category",
            "marital": "category",
            "education": "ordered",
            "default": "category",
            "balance": "money|number",
            "housing": "category",
            "loan": "category",
            "contact": "category",
            "day": COUNT,
            "month": "category|ordered",
            "duration": COUNT,
            "campaign": COUNT,
            "pdays": "number|count",
            "previous": COUNT,
            "poutcome": "category",
        },
        order={"education": ("primary", "secondary", "tertiary")},
        sensitive=("age", "marital"),
        either=("default",),
        missing=("unknown",),
        remarks=(r"pdays.*-1",),
    ),
    Shape(
        name="card_default",
        file="default of credit card clients.csv",
        make=card_default,
        write=write_two_headers,
        read=read_csv(header=1),
        identifier=("ID",),
        outcomes=("default payment next month",),
        kinds={
            "LIMIT_BAL": SPENDS,
            "SEX": CODE,
            "EDUCATION": CODE,
            "MARRIAGE": CODE,
            "AGE": COUNT,
            **{f"PAY_{i}": "category|ordered|number|count" for i in (0, 2, 3, 4, 5, 6)},
            **{f"BILL_AMT{i}": "money|number" for i in range(1, 7)},
            **{f"PAY_AMT{i}": SPENDS for i in range(1, 7)},
        },
        sensitive=("SEX", "MARRIAGE", "AGE"),
        coded=("SEX", "EDUCATION", "MARRIAGE"),
        remarks=(r"(?i)header.*line 2|line 2.*header",),
    ),
    Shape(
        name="german_credit",
        file="german_credit_data.csv",
        make=german_credit,
        write=write_csv(index=True, na_rep="NA"),
        read=read_csv(index_col=0),
        identifier=(None, "Unnamed: 0"),
        outcomes=("Risk",),
        kinds={
            "Age": COUNT,
            "Sex": "category",
            "Job": CODE,
            "Housing": "category",
            "Saving accounts": "ordered",
            "Checking account": "ordered",
            "Credit amount": SPENDS,
            "Duration": "count|number|months",
            "Purpose": "category",
        },
        order={
            "Saving accounts": ("little", "moderate", "quite rich", "rich"),
            "Checking account": ("little", "moderate", "rich"),
        },
        sensitive=("Age", "Sex"),
        coded=("Job",),
    ),
    Shape(
        name="card_customers",
        file="Credit Card Customer Data.csv",
        make=card_customers,
        identifier=("Sl_No", "Customer Key"),
        excluded=("Sl_No", "Customer Key"),
        kinds={
            "Avg_Credit_Limit": SPENDS,
            **dict.fromkeys(
                (
                    "Total_Credit_Cards",
                    "Total_visits_bank",
                    "Total_visits_online",
                    "Total_calls_made",
                ),
                COUNT,
            ),
        },
    ),
    Shape(
        name="bank_churn",
        file="Churn_Modelling.csv",
        make=bank_churn,
        identifier=("CustomerId", "RowNumber"),
        outcomes=("Exited",),
        excluded=("RowNumber", "CustomerId", "Surname"),
        kinds={
            "CreditScore": COUNT,
            "Geography": "category",
            "Gender": "category",
            "Age": COUNT,
            "Tenure": "months|count|number",
            "Balance": "money",
            "NumOfProducts": CODE,
            "HasCrCard": FLAG,
            "IsActiveMember": FLAG,
            "EstimatedSalary": "money",
        },
        sensitive=("Gender", "Age"),
        coded=("NumOfProducts",),
        labels={"NumOfProducts": "Number of products", "EstimatedSalary": "Estimated salary"},
        structure=False,
    ),
)
