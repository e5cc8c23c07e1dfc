"""Tables of people who buy: shoppers, online shops, wholesale, campaigns, purchases, loyalty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.tables.shape import Planted, Shape, Values, read_csv, write_csv

SPENDS = "money|number|count"
COUNT = "count|number"
FLAG = "category|count|number|ordered"
CODE = "category|ordered|count|number"


def shoppers() -> tuple[pd.DataFrame, Values]:
    """Return 200 shoppers in five plain groups of income and spending score."""
    p = Planted(200, (1, 1, 2, 1, 1), 1)
    frame = pd.DataFrame(
        {
            "CustomerID": np.arange(1, 201),
            "Genre": p.words(("Male", "Female")),
            "Age": p.whole((45, 25, 43, 33, 41), 9, 18, 70),
            "Annual Income (k$)": p.whole((26, 26, 55, 87, 88), 6, 15, 137),
            "Spending Score (1-100)": p.whole((21, 79, 50, 82, 17), 7, 1, 99),
        }
    )
    return frame, p.group


def ecommerce() -> tuple[pd.DataFrame, Values]:
    """Return customers of an online shop: new phone buyers, families, long-standing grocers."""
    p = Planted(700, (4, 3, 3), 2)
    frame = pd.DataFrame(
        {
            "CustomerID": np.arange(50001, 50701),
            "Churn": p.flags((0.35, 0.1, 0.03)),
            "Tenure": p.holes(p.whole((2, 11, 24), 2, 0, 61), 0.05),
            "PreferredLoginDevice": p.words(("Mobile Phone", "Computer", "Phone"), (5, 3, 2)),
            "CityTier": p.words((1, 2, 3), (6, 1, 3), (7, 1, 2), (5, 1, 4)),
            "WarehouseToHome": p.holes(p.whole(16, 7, 5, 36), 0.05),
            "PreferredPaymentMode": p.words(
                ("Debit Card", "Credit Card", "E wallet", "UPI", "COD"), (4, 3, 1, 1, 1)
            ),
            "Gender": p.words(("Female", "Male"), (4, 6)),
            "HourSpendOnApp": p.holes(p.whole((2.4, 3, 3.2), 0.6, 0, 5), 0.05),
            "NumberOfDeviceRegistered": p.whole((3.4, 3.7, 4), 0.9, 1, 6),
            "PreferedOrderCat": p.words(
                ("Mobile Phone", "Laptop & Accessory", "Fashion", "Grocery"),
                (18, 1, 0.5, 0),
                (1, 16, 3, 0.5),
                (0, 0.5, 3, 16),
            ),
            "SatisfactionScore": p.words((1, 2, 3, 4, 5), (2, 1, 3, 2, 2)),
            "MaritalStatus": p.words(("Single", "Married", "Divorced"), (3, 5, 2)),
            "NumberOfAddress": p.whole((3, 4, 6), 1, 1, 20),
            "Complain": p.flags((0.35, 0.25, 0.2)),
            "OrderAmountHikeFromlastYear": p.holes(p.whole(15.5, 3, 11, 26), 0.04),
            "CouponUsed": p.holes(p.counts((0.8, 1.8, 4.5)), 0.04),
            "OrderCount": p.holes(1 + p.counts((0.8, 2.5, 8)), 0.04),
            "DaySinceLastOrder": p.holes(p.whole((2, 5, 9), 1.2, 0, 40), 0.05),
            "CashbackAmount": p.money((132, 172, 262), 0.06),
        }
    )
    return frame, p.group


def write_ecommerce(frame: pd.DataFrame, path: Path) -> None:
    """Write a workbook whose first sheet explains the columns."""
    meaning = [(i, "E Comm", name, f"About {name.lower()}") for i, name in enumerate(frame, 1)]
    words = pd.DataFrame(meaning, columns=["No", "Data", "Variable", "Discerption"])
    with pd.ExcelWriter(path) as book:
        words.to_excel(book, sheet_name="Data Dict", index=False, startrow=1, startcol=1)
        frame.to_excel(book, sheet_name="E Comm", index=False)


def wholesale() -> tuple[pd.DataFrame, Values]:
    """Return clients of a wholesaler: restaurants, shops, and large supermarkets."""
    p = Planted(440, (5, 4, 2), 3)
    spread = 0.35
    frame = pd.DataFrame(
        {
            "Channel": p.words((1, 2), (19, 1), (1, 19), (1, 9)),
            "Region": p.words((1, 2, 3), (2, 1, 6)),
            "Fresh": p.money((15500, 4200, 17000), spread, 0),
            "Milk": p.money((2100, 7500, 30000), spread, 0),
            "Grocery": p.money((2600, 11500, 42000), spread, 0),
            "Frozen": p.money((3900, 900, 3500), spread, 0),
            "Detergents_Paper": p.money((350, 4700, 19000), spread, 0),
            "Delicassen": p.money((900, 1100, 4300), spread, 0),
        }
    )
    return frame, p.group


def marketing() -> tuple[pd.DataFrame, Values]:
    """Return customers of a food company: families, thrifty pairs, well-off wine buyers."""
    p = Planted(700, (4, 3, 3), 4)
    frame = pd.DataFrame(
        {
            "ID": p.rng.permutation(11191)[:700],
            "Year_Birth": p.whole((1975, 1968, 1962), 8, 1940, 1996),
            "Education": p.words(
                ("Graduation", "PhD", "Master", "Basic", "2n Cycle"), (50, 22, 17, 2, 9)
            ),
            "Marital_Status": p.words(
                ("Married", "Together", "Single", "Divorced", "Widow"), (39, 26, 21, 10, 4)
            ),
            "Income": p.holes(p.money((31000, 52000, 78000), 0.12, 0), 0.02),
            "Kidhome": p.words((0, 1, 2), (1, 16, 3), (12, 7, 1), (19, 1, 0)),
            "Teenhome": p.words((0, 1, 2), (10, 9, 1), (4, 15, 1), (16, 4, 0)),
            "Dt_Customer": p.days("2012-08-01", "2014-06-28").strftime("%d-%m-%Y"),
            "Recency": p.rng.integers(0, 100, 700),
            "MntWines": p.money((25, 320, 720), 0.35, 0),
            "MntFruits": p.money((4, 18, 70), 0.4, 0),
            "MntMeatProducts": p.money((18, 110, 450), 0.35, 0),
            "MntFishProducts": p.money((6, 25, 98), 0.4, 0),
            "MntSweetProducts": p.money((4, 18, 72), 0.4, 0),
            "MntGoldProds": p.money((14, 45, 80), 0.4, 0),
            "NumDealsPurchases": p.counts((2, 3.5, 1)),
            "NumWebPurchases": p.counts((2, 6, 5)),
            "NumCatalogPurchases": p.counts((0.4, 2.5, 6)),
            "NumStorePurchases": p.counts((3, 7, 8.5)),
            "NumWebVisitsMonth": p.counts((7, 5.5, 2.5)),
            "AcceptedCmp3": p.flags(0.07),
            "AcceptedCmp4": p.flags((0.01, 0.08, 0.15)),
            "AcceptedCmp5": p.flags((0.01, 0.02, 0.3)),
            "AcceptedCmp1": p.flags((0.01, 0.03, 0.24)),
            "AcceptedCmp2": p.flags(0.02),
            "Complain": p.flags(0.01),
            "Z_CostContact": np.full(700, 3),
            "Z_Revenue": np.full(700, 11),
            "Response": p.flags((0.08, 0.1, 0.3)),
        }
    )
    return frame, p.group


def transactions() -> tuple[pd.DataFrame, Values]:
    """Return the lines of invoices: 260 customers, some purchases without one."""
    rng = np.random.default_rng(5)
    rows, invoices = 3000, 900
    buyers = rng.integers(12346, 12346 + 260, invoices).astype(float)
    buyers[rng.random(invoices) < 0.2] = np.nan
    starts = pd.Timestamp("2010-12-01 08:26") + pd.to_timedelta(
        np.sort(rng.integers(0, 370 * 24 * 60, invoices)), unit="min"
    )
    line = np.sort(rng.integers(0, invoices, rows))
    goods = [("85123A", "WHITE T-LIGHT HOLDER", 2.55), ("71053", "METAL LANTERN", 3.39)]
    goods += [
        (f"{22000 + i}", f"GIFT BOX NO {i}, RED", round(0.4 + 0.37 * i, 2)) for i in range(60)
    ]
    item = rng.integers(0, len(goods), rows)
    returned = rng.random(invoices) < 0.04
    frame = pd.DataFrame(
        {
            "InvoiceNo": [f"{'C' if returned[i] else ''}{536365 + i}" for i in line],
            "StockCode": [goods[i][0] for i in item],
            "Description": [goods[i][1] for i in item],
            "Quantity": np.where(returned[line], -1, 1) * rng.integers(1, 25, rows),
            "InvoiceDate": [starts[i].strftime("%m/%d/%Y %H:%M") for i in line],
            "UnitPrice": [goods[i][2] for i in item],
            "CustomerID": buyers[line],
            "Country": np.where(rng.random(invoices)[line] < 0.9, "United Kingdom", "France"),
        }
    )
    return frame, line


def sparse() -> tuple[pd.DataFrame, Values]:
    """Return 40 columns that are mostly zero and often missing; each group buys its own shelf."""
    p = Planted(900, (3, 3, 2, 2), 6)
    shelves = ("toys", "garden", "books", "sports", "pets", "music")
    columns: dict[str, Values] = {"user_id": np.array([f"u{100000 + 7 * i}" for i in range(900)])}
    for number, shelf in enumerate(shelves):
        for part in ("visits", "orders", "spend", "returns", "coupons", "wishlist"):
            chance = np.full(4, 0.05)
            if number < 4:
                chance[number] = 0.1 if part == "returns" else 0.92
            active = p.flags(list(chance)) == 1
            drawn = p.money(60, 0.5) if part == "spend" else 1 + p.counts(3)
            columns[f"{shelf}_{part}"] = p.holes(np.where(active, drawn, 0), 0.12)
    columns["newsletter"] = p.flags((0.6, 0.3, 0.4, 0.5))
    columns["days_since_visit"] = p.holes(p.counts((3, 9, 20, 30)), 0.3)
    columns["app_version"] = np.full(900, "4.2", dtype=object)
    return pd.DataFrame(columns), p.group


SPARSE = [name for name in sparse()[0] if name not in {"user_id", "app_version"}]


def loyalty() -> tuple[pd.DataFrame, Values]:
    """Return members of a club whose columns have nothing to do with one another."""
    p = Planted(900, (1,), 7)
    born = p.days("1950-01-01", "2003-12-31")
    frame = pd.DataFrame(
        {
            "Member No.": [f"{i:07d}" for i in p.rng.permutation(9_000_000)[:900]],
            "DOB": born.strftime("%m/%d/%Y"),
            "Nationality": p.words(("FR", "DE", "IT", "ES"), (4, 3, 2, 1)),
            "Loyalty Tier": p.words(("Bronze", "Silver", "Gold"), (6, 3, 1)),
            "Shirt Size": p.words(("S", "M", "L", "XL"), (2, 4, 3, 1)),
            "Satisfaction": p.words(("Unsatisfied", "Neutral", "Satisfied"), (2, 3, 5)),
            "Joined": [f"{d.day}-{d:%b-%y}" for d in p.days("2015-01-01", "2023-12-31")],
            "Yearly Spend": [f"${x:,.2f}" for x in p.money(1900, 0.6)],
            "Discount": [f"{x}%" for x in p.whole(12, 4, 0, 40)],
            "Basket": [f"{x:,}" for x in p.money(4200, 0.7, 0)],
            "Store Visits": p.counts(9),
        }
    )
    return frame, p.group


def read_loyalty(path: Path) -> pd.DataFrame:
    """Read the members, amounts as numbers."""
    frame = pd.read_csv(path, dtype={"Member No.": str})
    for name in ("Yearly Spend", "Discount", "Basket"):
        frame[name] = frame[name].str.replace(r"[$,%]", "", regex=True).astype(float)
    return frame


SHOPS = (
    Shape(
        name="shoppers",
        file="Mall_Customers.csv",
        make=shoppers,
        identifier=("CustomerID",),
        kinds={
            "Genre": "category",
            "Age": COUNT,
            "Annual Income (k$)": SPENDS,
            "Spending Score (1-100)": COUNT,
        },
        sensitive=("Genre", "Age"),
        labels={"Annual Income (k$)": "Annual income (k$)"},
    ),
    Shape(
        name="ecommerce",
        file="E Commerce Dataset.xlsx",
        make=ecommerce,
        write=write_ecommerce,
        read=lambda path: pd.read_excel(path, sheet_name="E Comm"),
        identifier=("CustomerID",),
        outcomes=("Churn",),
        kinds={
            "Tenure": "months|count|number",
            "PreferredLoginDevice": "category",
            "CityTier": CODE,
            "WarehouseToHome": COUNT,
            "PreferredPaymentMode": "category",
            "Gender": "category",
            "HourSpendOnApp": CODE,
            "NumberOfDeviceRegistered": CODE,
            "PreferedOrderCat": "category",
            "SatisfactionScore": CODE,
            "MaritalStatus": "category",
            "NumberOfAddress": COUNT,
            "Complain": FLAG,
            "OrderAmountHikeFromlastYear": COUNT,
            "CouponUsed": COUNT,
            "OrderCount": COUNT,
            "DaySinceLastOrder": COUNT,
            "CashbackAmount": SPENDS,
        },
        sensitive=("Gender", "MaritalStatus"),
        coded=("CityTier", "SatisfactionScore"),
        either=("Complain",),
        remarks=(r"E Comm", r"Data Dict"),
        labels={"NumberOfDeviceRegistered": "Number of device registered"},
    ),
    Shape(
        name="wholesale",
        file="Wholesale customers data.csv",
        make=wholesale,
        kinds={
            "Channel": "category|ordered|count",
            "Region": "category|ordered|count",
            **dict.fromkeys(
                ("Fresh", "Milk", "Grocery", "Frozen", "Detergents_Paper", "Delicassen"), SPENDS
            ),
        },
        coded=("Channel", "Region"),
        labels={"Detergents_Paper": "Detergents paper"},
    ),
    Shape(
        name="marketing",
        file="marketing_campaign.csv",
        make=marketing,
        write=write_csv(sep="\t"),
        read=read_csv(sep="\t"),
        identifier=("ID",),
        outcomes=("Response",),
        excluded=("Dt_Customer", "Z_CostContact", "Z_Revenue"),
        kinds={
            "Year_Birth": "count|number",
            "Education": "category|ordered",
            "Marital_Status": "category",
            "Income": SPENDS,
            **dict.fromkeys(("Kidhome", "Teenhome"), CODE),
            "Recency": COUNT,
            "MntWines": SPENDS,
            "MntFruits": SPENDS,
            "MntMeatProducts": SPENDS,
            "MntFishProducts": SPENDS,
            "MntSweetProducts": SPENDS,
            "MntGoldProds": SPENDS,
            "NumDealsPurchases": COUNT,
            "NumWebPurchases": COUNT,
            "NumCatalogPurchases": COUNT,
            "NumStorePurchases": COUNT,
            "NumWebVisitsMonth": COUNT,
            **{f"AcceptedCmp{i}": FLAG for i in (3, 4, 5, 1, 2)},
            "Complain": FLAG,
        },
        sensitive=("Year_Birth", "Marital_Status"),
        either=("Kidhome", "Teenhome", "Complain", *(f"AcceptedCmp{i}" for i in range(1, 6))),
        remarks=(r"Dt_Customer.*date", r"Z_CostContact.*one value", r"Z_Revenue.*one value"),
    ),
    Shape(
        name="transactions",
        file="Online Retail.csv",
        make=transactions,
        kinds={},
        structure=None,
        refused=(r"CustomerID", r"24\d customers", r"purchase", r"[Ss]um"),
    ),
    Shape(
        name="sparse",
        file="shelves.csv",
        make=sparse,
        identifier=("user_id",),
        excluded=("app_version",),
        kinds={
            name: "money|number"
            if name.endswith("_spend")
            else FLAG
            if name == "newsletter"
            else CODE
            for name in SPARSE
        },
    ),
    Shape(
        name="loyalty",
        file="members.csv",
        make=loyalty,
        read=read_loyalty,
        identifier=("Member No.",),
        excluded=("DOB", "Joined"),
        kinds={
            "Nationality": "category",
            "Loyalty Tier": "ordered",
            "Shirt Size": "ordered",
            "Satisfaction": "ordered",
            "Yearly Spend": "money|number",
            "Discount": "number|count|frequency",
            "Basket": SPENDS,
            "Store Visits": COUNT,
        },
        order={
            "Loyalty Tier": ("Bronze", "Silver", "Gold"),
            "Shirt Size": ("S", "M", "L", "XL"),
            "Satisfaction": ("Unsatisfied", "Neutral", "Satisfied"),
        },
        sensitive=("Nationality",),
        remarks=(
            r"DOB.*date",
            r"Joined.*date",
            r"Yearly Spend.*(\$|currency|thousands)",
            r"Basket.*thousands",
            r"Discount.*(%|percent)",
        ),
        structure=False,
    ),
)
