"""A scored file: the table's own columns as they came, then the answers, in every format."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segmentation.data.files.table_file import TableFile
from segmentation.data.synthetic import generate
from segmentation.data.writers import (
    ANSWER,
    MEANINGS,
    TYPES,
    ScoredWriter,
    harmless,
    own_types,
    scored_rows,
)
from segmentation.schema import Column, load_schema

SCHEMA = load_schema("cc_general")
CHURN = Column("Churn", "Churn", "category", levels=("no", "yes"))


def answers(rows: int) -> pd.DataFrame:
    """Return an answer for each row: two in three in segment 1."""
    return pd.DataFrame(
        {
            "segment": [1 + (row % 3 == 2) for row in range(rows)],
            "segment_name": ["Borrowers" if row % 3 == 2 else "Savers" for row in range(rows)],
            "confidence": 0.91,
            "runner_up": 2,
            "runner_up_name": "Borrowers",
            "unlike_training": False,
            "reasons": [["CASH_ADVANCE", "BALANCE"]] * rows,
            "model_version": "7",
        }
    )


def scored(source: Path, target: Path, piece: int = 4, **more: object) -> None:
    """Write a table with answers, piece by piece, as commands and pages do."""
    numbers = SCHEMA.column_names
    types = own_types(source, SCHEMA)
    with ScoredWriter(target, SCHEMA, types=types, **more) as writer:  # type: ignore[arg-type]
        start = 0
        for rows in TableFile(source, ("CUST_ID",), numbers).pieces(piece):
            table = rows.reset_index(drop=True)
            writer.write(scored_rows(table, SCHEMA, start, answers(len(table))))
            start += len(table)


def own_table() -> pd.DataFrame:
    """Return customers with columns of their own: codes, a phone number, a balance, a segment."""
    own = {"ZIP": "01234", "phone": "+49 170", "change": "-12.5", "segment": "retail"}
    return generate(10, seed=2).assign(**own)


def test_own_columns_come_first_and_as_they_were(tmp_path: Path) -> None:
    """Leading zeros, signs and texts survive; a name that is an answer's gives way."""
    table, source = own_table(), tmp_path / "in.csv"
    table.to_csv(source, index=False)
    scored(source, tmp_path / "out.csv")
    read = pd.read_csv(tmp_path / "out.csv", dtype=str)
    names = [f"{name}_" if name in TYPES else name for name in table.columns]
    assert list(read) == [*names, *ANSWER]
    assert read.loc[9, ["ZIP", "change", "segment_"]].tolist() == ["01234", "-12.5", "retail"]
    assert read["phone"].tolist() == ["'+49 170"] * 10
    for name in SCHEMA.column_names:
        assert read[name].astype(float).tolist() == pytest.approx(table[name].tolist(), nan_ok=True)
    assert set(read["reasons"]) == {"Cash advances, Balance"}


def test_a_row_without_identifier_has_its_number(tmp_path: Path) -> None:
    """After the own columns, before the answer, counted over all pieces."""
    table, source = own_table().drop(columns="CUST_ID"), tmp_path / "in.csv"
    table.to_csv(source, index=False)
    scored(source, tmp_path / "out.csv")
    read = pd.read_csv(tmp_path / "out.csv")
    assert read["row"].tolist() == [*range(1, 11)]
    assert list(read)[-len(ANSWER) - 1] == "row"


def test_types_of_parquet_survive(tmp_path: Path) -> None:
    """Dates, whole numbers with gaps in one piece only, lists: as in the table that came."""
    days = pd.date_range("2026-01-01", periods=10).date
    table = own_table().assign(day=days, tags=[["a", "b"]] * 10)
    visits = pa.array([1, None, 3, 4, 5, 6, 7, 8, 9, 10], pa.int64())
    arrow = pa.Table.from_pandas(table).append_column("visits", visits)
    pq.write_table(arrow, tmp_path / "in.parquet")
    scored(tmp_path / "in.parquet", tmp_path / "out.parquet")
    out = pq.read_table(tmp_path / "out.parquet")
    for name in (*SCHEMA.column_names, "ZIP", "day", "visits", "tags"):
        assert out.field(name).type == arrow.field(name).type
        assert out[name].to_pylist() == arrow[name].to_pylist()
    assert out.field("reasons").type == pa.list_(pa.string())


def test_a_csv_file_becomes_parquet_of_one_type(tmp_path: Path) -> None:
    """However a number is written further down, and whatever is empty in a piece."""
    table = own_table().astype({"BALANCE": object})
    table.loc[7, "BALANCE"] = "1,234.50"
    table.loc[:3, "ZIP"] = None
    table.to_csv(tmp_path / "in.csv", index=False)
    scored(tmp_path / "in.csv", tmp_path / "out.parquet")
    out = pd.read_parquet(tmp_path / "out.parquet")
    assert out["BALANCE"].dtype == "float64"
    assert out["BALANCE"][7] == 1234.5
    assert out["ZIP"].isna().tolist() == [True] * 4 + [False] * 6


def test_a_workbook_has_a_summary(tmp_path: Path) -> None:
    """Customers by segment as counted, outcomes, and the meaning of each column in the file."""
    table = own_table()
    table.to_excel(tmp_path / "in.xlsx", index=False)
    facts = {1: {"Churn, in training": "12% (9% to 15%)"}, 2: {"Churn, in training": "=30%"}}
    scored(tmp_path / "in.xlsx", tmp_path / "out.xlsx", facts=facts)
    with pd.ExcelFile(tmp_path / "out.xlsx") as book:
        assert book.sheet_names == ["Scored", "Summary"]
        sheet = pd.read_excel(book, "Scored", dtype={"ZIP": str})
        summary = pd.read_excel(book, "Summary", header=None).astype(object)
    counts = sheet["segment"].value_counts()
    rows = summary.values.tolist()
    assert rows[0] == ["Segment", "Name", "Customers", "Share", "Churn, in training"]
    share = f"{100 * counts[1] / 10:.0f}%"
    assert rows[1] == [1, "Savers", counts[1], share, "12% (9% to 15%)"]
    assert rows[2][2:] == [counts[2], f"{100 * counts[2] / 10:.0f}%", "'=30%"]
    meaning = {str(row[0]): row[1] for row in rows[5:]}
    assert list(meaning) == list(sheet)
    assert meaning["confidence"] == MEANINGS["confidence"]
    assert meaning["BALANCE"] == "Balance ($). Average amount owed on the card."
    assert meaning["CUST_ID"] == "Identifies the customer."
    assert meaning["segment_"] == meaning["ZIP"] == "From the file that was sent."


def test_a_workbook_takes_what_no_sheet_has_a_form_for(tmp_path: Path) -> None:
    """Lists, bytes, moments with a time zone and control characters become texts."""
    rows = pd.DataFrame(
        {
            "CUST_ID": ["a"],
            "tags": [["x"]],
            "raw": [b"x"],
            "seen": [pd.Timestamp("2026-01-01", tz="UTC")],
            "note": ["a\x0bb"],
        }
    )
    with ScoredWriter(tmp_path / "out.xlsx", SCHEMA) as writer:
        writer.write(scored_rows(rows, SCHEMA, 0, answers(1)))
    read = pd.read_excel(tmp_path / "out.xlsx")
    assert read.loc[0, ["tags", "raw", "seen", "note"]].tolist() == [
        "['x']",
        "b'x'",
        "2026-01-01T00:00:00+00:00",
        "ab",
    ]


def test_headers_run_nowhere(tmp_path: Path) -> None:
    """A column's name is text from a file too."""
    rows = pd.DataFrame({"CUST_ID": ["a"], "=1+1": ["x"]})
    for ending in (".csv", ".xlsx"):
        with ScoredWriter(tmp_path / f"out{ending}", SCHEMA) as writer:
            writer.write(scored_rows(rows, SCHEMA, 0, answers(1)))
    assert "'=1+1" in (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "'=1+1" in pd.read_excel(tmp_path / "out.xlsx")


@pytest.mark.parametrize("number", ["-5", "+1", "-1,234.50", "-12%"])
def test_a_number_with_a_sign_stays(number: str) -> None:
    """It runs nothing, and an amount must come back as it is."""
    assert harmless(number) == number


def test_an_outcome_of_the_table_is_explained(tmp_path: Path) -> None:
    """By its label, as the features are."""
    rows = pd.DataFrame({"CUST_ID": ["a"], "Churn": ["no"]})
    schema = replace(SCHEMA, outcomes=(CHURN,))
    with ScoredWriter(tmp_path / "out.xlsx", schema) as writer:
        writer.write(scored_rows(rows, schema, 0, answers(1)))
    summary = pd.read_excel(tmp_path / "out.xlsx", "Summary", header=None)
    assert ["Churn", "Churn."] in summary.iloc[:, :2].values.tolist()
