"""A draft says what each column is, whatever the table."""

from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from segmentation.data.validation import validate
from segmentation.errors import DataError, SpecError
from segmentation.interpretation.outcomes import level_of_interest
from segmentation.schema import Column, TableSchema, load_schema, to_yaml
from segmentation.schema.__main__ import main
from segmentation.schema.inference import CONSTANT, infer_schema

ROWS = 60
RNG = np.random.default_rng(9)
SPEND = RNG.lognormal(6, 1, ROWS).round(2)


def draft(**columns: object) -> TableSchema:
    """Return the draft of columns beside an amount."""
    return infer_schema(pd.DataFrame({"spend": SPEND, **columns}))


def in_turn(*values: object) -> list[object]:
    """Return values over and over, in all rows."""
    return [values[i % len(values)] for i in range(ROWS)]


def test_outcomes_are_drafted_apart() -> None:
    """They are no features, the event comes last, and a note says how to change that."""
    schema = draft(Churn=in_turn("Yes", "No"), Exited=in_turn(1, 0, 0), next_year_revenue=SPEND * 2)
    assert schema.column_names == ("spend",)
    assert schema.outcome_names == ("Churn", "Exited", "next_year_revenue")
    assert schema.outcomes[0].levels == ("No", "Yes")
    assert schema.outcomes[2].kind == "money"
    assert "move it to columns" in schema.notes["Churn"]
    assert schema.as_features(("Churn",)).column("Churn").binary


def test_codes_of_states_are_levels() -> None:
    """North Dakota is no missing value; the same two letters among words are one."""
    states = [first + second for first in "ACMNI" for second in "DLRNT"] * 6
    frame = pd.DataFrame({"spend": np.arange(150.0) ** 2, "state": states})
    assert infer_schema(frame).missing == ()
    assert "ND" in infer_schema(frame).column("state").levels
    frame["state"] = frame["state"].replace("IT", "Idaho")
    assert infer_schema(frame).missing == ("ND",)


def test_open_bands_are_levels() -> None:
    """From 50 on, from 60 on: a column of these holds no negative numbers; one of both does."""
    schema = draft(age=in_turn("50-", "60-", "70-"), change=in_turn("12.50", "3.20-", "0", "7"))
    assert schema.column("age").levels == ("50-", "60-", "70-")
    assert schema.column("change").kind == "number"


def test_a_cap_is_no_postal_code() -> None:
    """Unless that is the whole name and its numbers are as long as one."""
    long, short = RNG.integers(10_000, 99_999, ROWS), RNG.integers(20, 90, ROWS)
    schema = draft(income_cap=long, CAP=long, cep=short, share_emp_zip=short / 90)
    assert set(schema.excluded) == {"CAP"}
    assert "postal codes" in schema.excluded["CAP"]


def test_the_best_identifier_is_chosen_and_the_others_are_left_out() -> None:
    """A customer's key before an address, a serial number and a row number."""
    schema = draft(
        RowNumber=range(ROWS),
        mail=[f"c{i}@example.org" for i in range(ROWS)],
        sno=range(1, ROWS + 1),
        CustomerId=RNG.permutation(90_000)[:ROWS],
    )
    assert schema.identifier == "CustomerId"
    assert set(schema.excluded) == {"RowNumber", "mail", "sno"}
    assert schema.column_names == ("spend",)


def test_a_date_is_never_the_identifier() -> None:
    """Distinct dates are excluded with their spelling and the lines that make them months."""
    days = pd.date_range("2017-01-03", periods=ROWS).strftime("%d-%b-%Y")
    schema = draft(when=days)
    assert schema.identifier is None
    assert schema.excluded["when"].startswith("holds dates, written day-month-year")
    assert "kind: months, dates: dmy, since: 2017-04-01" in schema.excluded["when"]


def test_dates_of_birth_stay_sensitive_and_one_date_is_no_feature() -> None:
    """The advice keeps an age from forming segments; a day that all customers share has none."""
    days = pd.date_range("1950-01-03", periods=ROWS, freq="100D").strftime("%d.%m.%Y")
    schema = draft(Geburtsdatum=days, since=days, exported="2025-01-01")
    assert schema.excluded["Geburtsdatum"].endswith(", sensitive: true")
    assert "sensitive" not in schema.excluded["since"]
    assert schema.excluded["exported"] == CONSTANT


def test_copies_are_left_out() -> None:
    """The same values count once; of an outcome and a sensitive column the copy goes."""
    ages, gone = RNG.integers(20, 80, ROWS), in_turn("no", "no", "yes")
    schema = draft(copy=SPEND, x1=ages, age=ages.astype(float), flag=gone, churned=gone)
    assert schema.excluded == {
        "copy": "repeats spend: the same value in every row",
        "x1": "repeats age: the same value in every row",
        "flag": "repeats churned: the same value in every row",
    }
    assert schema.sensitive_names == ("age",)


def test_dates_become_months_on_request(tmp_path: Path) -> None:
    """With the two keys that the draft names; months as numbers are taken too."""
    column = Column("when", "Months", "months", dates="dmy", since="2017-04-01")
    schema = TableSchema("x", "x", (column,))
    (tmp_path / "s.yaml").write_text(to_yaml(schema), encoding="utf-8")
    assert load_schema(str(tmp_path / "s.yaml")) == schema
    customers = validate(pd.DataFrame({"when": ["1-Mar-2017", "7", None]}), schema).customers
    np.testing.assert_allclose(customers["when"], [31 / 30.4375, 7, np.nan])
    days = pd.DataFrame({"when": pd.to_datetime(["2017-03-01"])})
    assert validate(days, schema).customers["when"].iloc[0] == pytest.approx(31 / 30.4375)
    with pytest.raises(DataError, match="dates, written day-month-year"):
        validate(pd.DataFrame({"when": ["soon"]}), schema)


@pytest.mark.parametrize(
    "change",
    [{"dates": "dmy"}, {"since": "2017-04-01"}, {"dates": "ddmm", "since": "2017-04-01"}],
)
def test_dates_need_an_order_and_a_day(change: dict[str, str]) -> None:
    """One key without the other, or an unknown order, is refused."""
    raw = {"name": "x", "title": "x", "columns": [{"name": "a", "label": "A", **change}]}
    with pytest.raises(SpecError, match="expected dates to be one of"):
        TableSchema.from_dict(raw)


def test_few_whole_numbers_are_read_as_codes_or_asked_about() -> None:
    """By the words of their name; both say so."""
    schema = draft(EDUCATION=in_turn(1, 2, 3, 4), NumOfProducts=in_turn(1, 2, 3))
    assert schema.column("EDUCATION").levels == ("1", "2", "3", "4")
    assert schema.column("NumOfProducts").kind == "count"
    assert set(schema.notes) == {"EDUCATION", "NumOfProducts"}
    codes = validate(
        pd.DataFrame({"spend": [1.0], "EDUCATION": [3.0], "NumOfProducts": [1]}), schema
    )
    assert codes.customers["EDUCATION"].iloc[0] == 2


def test_an_outcome_in_codes_says_whose_share_is_shown() -> None:
    """1 and 2 do not tell the event: the second level is shown, and the draft says so."""
    schema = draft(Risk=in_turn(1, 2, 1, 1))
    assert schema.outcomes[0].levels == ("1", "2")
    assert level_of_interest(schema.outcomes[0], np.array([0.0, 1.0])) == "2"
    assert "the share of 2 is shown" in schema.notes["Risk"]
    assert "exchange" not in draft(Risk=in_turn(0, 1)).notes["Risk"]


def test_a_large_table_is_judged_by_its_different_values() -> None:
    """Cells are neither parsed nor compared one by one: 300,000 times take a few seconds."""
    times = pd.date_range("2024-01-01", periods=300_000, freq="min")
    frame = pd.DataFrame(
        {
            "spend": np.arange(300_000) % 97 + 0.5,
            "signup": times.strftime("%d/%m/%Y %H:%M"),
            "plan": np.resize(["basic", "plus", "gold"], 300_000),
        }
    )
    seconds = process_time()
    schema = infer_schema(frame)
    assert process_time() - seconds < 10
    assert "months before 2024-08-01" in schema.excluded["signup"]
    assert schema.column("plan").levels == ("basic", "gold", "plus")


def test_a_marker_of_missing_values_is_noticed_and_can_be_listed() -> None:
    """The draft changes nothing; `missing` in the column does, also on numbers."""
    schema = draft(pdays=in_turn(-1, -1, 12, 40, 77))
    assert schema.notes["pdays"].startswith("-1 in 24 of 60 values")
    frame = pd.DataFrame({"spend": [1.0, 2.0], "pdays": [-1, 12]})
    assert validate(frame, schema).customers["pdays"].tolist() == [-1, 12]
    raw = schema.to_dict()
    raw["columns"] = [{**c, "missing": ["-1"]} for c in raw["columns"]]
    customers = validate(frame, TableSchema.from_dict(raw)).customers
    assert customers["pdays"].isna().tolist() == [True, False]
    assert customers["spend"].notna().all()


def test_none_is_a_level_where_it_is_one() -> None:
    """On a scale, or where many customers have none; elsewhere it means missing, and is said."""
    schema = draft(
        risk_level=in_turn("none", "low", "high"),
        offer=in_turn("none", "A", "B", "C"),
        city=["none", *["Ulm", "Bonn"] * 29, "Ulm"],
        plan=in_turn("unknown", "a", "b"),
    )
    assert schema.column("risk_level").levels == ("none", "low", "high")
    assert "none" in schema.column("offer").levels
    assert "none" in schema.notes["offer"]
    assert schema.column("city").levels == ("Bonn", "Ulm")
    assert schema.notes["plan"] == "'unknown' in 20 of 60 values is read as missing"
    customers = validate(pd.DataFrame(schema_rows(schema, risk_level="none", city="none")), schema)
    assert customers.customers["risk_level"].iloc[0] == 0
    assert np.isnan(customers.customers["city"].iloc[0])


def schema_rows(schema: TableSchema, **values: object) -> list[dict[str, object]]:
    """Return one customer with these values, others missing."""
    return [{name: values.get(name) for name in schema.column_names}]


def test_colours_have_no_order() -> None:
    """Under a name for colours, gold is no tier."""
    assert draft(Color=in_turn("black", "gold", "silver")).column("Color").kind == "category"
    assert draft(Tier=in_turn("black", "gold", "silver")).column("Tier").kind == "ordered"


def test_numbers_as_people_write_them_are_no_identifier() -> None:
    """Distinct amounts with separators are numbers, and the note says how they were read."""
    amounts = [f"{i:,}" for i in RNG.permutation(90_000)[:ROWS] + 10_000]
    schema = infer_schema(pd.DataFrame({"basket": amounts, "visits": in_turn(1, 8, 30)}))
    assert schema.identifier is None
    assert schema.column("basket").kind in {"count", "number"}
    assert "thousands separators" in schema.notes["basket"]


def test_codes_with_a_letter_are_no_missing_values() -> None:
    """`85123A` among whole numbers is a level, never a text that means missing."""
    schema = draft(StockCode=in_turn("22000", "22001", "85123A"))
    assert schema.column("StockCode").levels == ("22000", "22001", "85123A")
    assert schema.missing == ()


def test_notes_are_printed(tmp_path: Path) -> None:
    """`infer` names outcomes and says what it noticed."""
    frame = pd.DataFrame({"spend": SPEND, "Churn": in_turn("Yes", "No"), "Job": in_turn(0, 1, 2)})
    frame.to_csv(tmp_path / "table.csv", index=False)
    result = CliRunner().invoke(main, ["infer", str(tmp_path / "table.csv")])
    assert "outcomes, which describe segments and never form them: Churn" in result.stderr
    assert "Job: whole numbers from 0 to 2, read as codes" in result.stderr
