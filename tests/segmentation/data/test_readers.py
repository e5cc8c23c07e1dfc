"""Files people really have are read; what is no table is refused with a remedy."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from segmentation.data.readers import (
    iter_chunks,
    load_customers,
    load_described,
    read_table,
    schema_for,
)
from segmentation.data.synthetic import generate
from segmentation.errors import DataError
from segmentation.schema import Column, TableSchema, load_schema
from segmentation.schema.__main__ import main
from segmentation.schema.inference import infer_schema

SCHEMA = load_schema("cc_general")
TABLE = generate(40, seed=5)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings_are_recognised(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    """Twelve ways to write one table give the same customers."""
    file = tmp_path / "table.csv"
    TABLE.to_csv(file, sep=delimiter, encoding=encoding, index=False)
    read = load_customers(str(file), SCHEMA).customers
    expected = TABLE.set_index("CUST_ID")[list(SCHEMA.column_names)]
    pd.testing.assert_frame_equal(read, expected, check_index_type=False)


def test_parquet_is_read(tmp_path: Path) -> None:
    """Parquet gives the same customers as CSV."""
    TABLE.to_parquet(tmp_path / "table.parquet")
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    one = load_customers(str(tmp_path / "table.parquet"), SCHEMA).customers
    pd.testing.assert_frame_equal(
        one, load_customers(str(tmp_path / "table.csv"), SCHEMA).customers, check_index_type=False
    )


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("table.csv", "A,B\n1,2\n")


WRONG = {
    "empty": (lambda p: p.write_bytes(b""), "empty file"),
    "blank": (lambda p: p.write_bytes(b"\n\n"), "empty file"),
    "pdf": (lambda p: p.write_bytes(b"%PDF-1.7 ..."), "a PDF document"),
    "page": (lambda p: p.write_bytes(b"<!doctype html><p>Sign in"), "a web page"),
    "zip": (zipped, "a zip archive or Excel workbook"),
    "gzip": (lambda p: p.write_bytes(gzip.compress(b"A,B\n1,2\n")), "a gzip archive"),
    "json": (lambda p: p.write_bytes(b'{"A": [1]}'), "JSON"),
    "binary": (lambda p: p.write_bytes(bytes(range(256)) * 4), "binary data"),
    "no encoding": (lambda p: p.write_bytes(b"A,B\nM\x81ller \xfc,2\n"), "byte 0x81"),
    "ragged": (lambda p: p.write_bytes(b"A,B\n1,2\n1,2,3,4\n"), "rows of equal length"),
    "doubled": (lambda p: p.write_bytes(b"A,B,A\n1,2,3\n"), "column A: expected one column"),
    "folder": (lambda p: p.mkdir(), "Parquet or CSV files, found none"),
    "missing": (Path.absolute, "an existing file"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_table_is_named(tmp_path: Path, kind: str) -> None:
    """The error says what was found in the file's place."""
    make, message = WRONG[kind]
    file = tmp_path / "table.csv"
    make(file)
    with pytest.raises(DataError, match=message):
        read_table(str(file))


def test_another_delimiter_is_thought_of(tmp_path: Path) -> None:
    """A file split by something else has one odd column, and lacks all others."""
    file = tmp_path / "table.csv"
    TABLE.to_csv(file, sep="^", index=False)
    with pytest.raises(DataError, match="17 columns of the schema cc_general, found 0"):
        load_customers(str(file), SCHEMA)


def test_what_spreadsheets_in_western_europe_write_is_read(tmp_path: Path) -> None:
    """Windows-1252 without a word about it: umlauts and the euro sign arrive."""
    file = tmp_path / "table.csv"
    file.write_bytes("NAME;GRÖSSE\nMüller €;2\n".encode("cp1252"))
    assert read_table(str(file)).frame.to_dict("records") == [{"NAME": "Müller €", "GRÖSSE": 2}]


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    """Half a Parquet file is none."""
    file = tmp_path / "table.parquet"
    TABLE.to_parquet(file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(DataError, match="damaged"):
        read_table(str(file))


def test_generated_customers_are_a_source() -> None:
    """Rows and seed are part of the name."""
    assert len(read_table("embedded:123").frame) == 123
    pd.testing.assert_frame_equal(read_table("embedded:30:4").frame, generate(30, seed=4))


@pytest.mark.parametrize("source", ["embedded:x", "embedded:0", "embedded:1:2:3", "embedded:-5"])
def test_a_wrong_number_of_generated_customers_is_refused(source: str) -> None:
    """The error shows how it is written."""
    with pytest.raises(DataError, match="embedded:<rows>:<seed>"):
        read_table(source)


def test_openml_needs_a_number() -> None:
    """A name is not enough to find a data set."""
    with pytest.raises(DataError, match="openml:<number>"):
        read_table("openml:credit")


def test_an_unreachable_openml_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without network the error names OpenML and a way around it."""
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setattr("sklearn.datasets._openml.time.sleep", print)
    with pytest.warns(UserWarning, match="network"), pytest.raises(DataError, match="OpenML"):
        read_table("openml:43618")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_pieces_make_the_whole(tmp_path: Path, ending: str) -> None:
    """Reading in pieces of 7 gives the customers of reading at once."""
    file = tmp_path / f"table.{ending}"
    TABLE.to_csv(file, index=False) if ending == "csv" else TABLE.to_parquet(file)
    pieces = [piece.customers for piece in iter_chunks(str(file), SCHEMA, 7)]
    assert [len(piece) for piece in pieces] == [7, 7, 7, 7, 7, 5]
    whole = load_customers(str(file), SCHEMA).customers
    pd.testing.assert_frame_equal(pd.concat(pieces), whole)


def test_rows_without_identifiers_are_numbered_through_the_pieces(tmp_path: Path) -> None:
    """The second piece goes on where the first one ends."""
    TABLE.drop(columns="CUST_ID").to_csv(tmp_path / "table.csv", index=False)
    pieces = list(iter_chunks(str(tmp_path / "table.csv"), SCHEMA, 7))
    numbers = [number for piece in pieces for number in piece.customers.index]
    assert numbers == list(range(len(TABLE)))


def test_zeros_before_an_identifier_stay(tmp_path: Path) -> None:
    """It is a text, though it looks like a number."""
    table = TABLE.assign(CUST_ID=[f"{number:05d}" for number in range(len(TABLE))])
    table.to_csv(tmp_path / "table.csv", index=False)
    pieces = [piece.customers for piece in iter_chunks(str(tmp_path / "table.csv"), SCHEMA, 7)]
    assert list(pd.concat(pieces).index) == list(table["CUST_ID"])


@pytest.mark.parametrize("name", ["customer_id", "Kundennummer", "Member No.", "key"])
def test_zeros_before_an_identifier_stay_without_a_schema(name: str, tmp_path: Path) -> None:
    """A column that is named for keys and begins with zeros is read as text; no other is."""
    keys = [f"{number:05d}" for number in range(0, 90, 3)]
    spend = [number * number % 31 for number in range(30)]
    texts = [f"{amount:04d}" for amount in spend]
    table = pd.DataFrame({name: keys, "spend": texts, "visits": spend[::-1]})
    table.to_csv(tmp_path / "table.csv", index=False)
    frame = read_table(str(tmp_path / "table.csv")).frame
    assert frame[name].tolist() == keys
    assert frame["spend"].tolist() == spend
    assert load_described(str(tmp_path / "table.csv"), "auto")[0].customers.index.tolist() == keys


def test_a_longer_row_of_a_later_piece_is_told(tmp_path: Path) -> None:
    """As a sentence with its line, not as the reader's own exception."""
    file = tmp_path / "table.csv"
    TABLE.to_csv(file, index=False)
    with file.open("a") as stream:
        stream.write("D1,1" + ",2" * 40 + "\n")
    with pytest.raises(DataError, match="rows of equal length.*line 42"):
        list(iter_chunks(str(file), SCHEMA, 7))


def test_a_bad_piece_is_named_by_its_rows(tmp_path: Path) -> None:
    """The error in the third piece names the rows of that piece in the file."""
    frame = TABLE.astype(object)
    frame.loc[16, "BALANCE"] = "x"
    frame.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(DataError, match="rows 15 to 21") as caught:
        list(iter_chunks(str(tmp_path / "table.csv"), SCHEMA, 7))
    assert caught.value.problems[0].rows == (16,)


def test_a_numeric_table_describes_itself() -> None:
    """Numeric columns become features, unique text the identifier."""
    frame = pd.DataFrame({"client": ["a", "b", "c"], "x": [1.0, 2, 2], "y_per_day": [3, 4, 4]})
    schema = infer_schema(frame, "mine")
    assert (schema.identifier, schema.column_names) == ("client", ("x", "y_per_day"))
    assert schema.column("y_per_day").label == "Y per day"


def test_a_table_without_features_is_refused() -> None:
    """The error says of every column why it is none."""
    frame = pd.DataFrame({"city": ["a", "a"], "plan": [None, None]})
    with pytest.raises(DataError, match="city: has one value only.*plan: has no values"):
        infer_schema(frame)


PURCHASES = pd.DataFrame(
    {
        "customer_id": [f"CS{place % 9}" for place in range(60)],
        "trans_date": [f"2026-{1 + place % 12:02d}-{1 + place % 28:02d}" for place in range(60)],
        "amount": [10 + 7 * place % 31 for place in range(60)],
        "items": [1 + place % 4 for place in range(60)],
    }
)
REPEATED = "customer_id: expected one row a customer, found 9 customers in 60 rows"


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_purchases_are_no_customers(tmp_path: Path, ending: str) -> None:
    """Whatever would learn of them says so first, with how to sum them up."""
    file = tmp_path / f"log.{ending}"
    write = {"csv": "to_csv", "parquet": "to_parquet", "xlsx": "to_excel"}[ending]
    getattr(PURCHASES, write)(file, index=False)
    schema = TableSchema("log", "Log", (Column("amount", "Amount"),), identifier="customer_id")
    tries: list[Callable[[], object]] = [
        lambda: load_described(str(file), "auto"),
        lambda: load_customers(str(file), schema),
        lambda: schema_for(read_table(str(file)).frame, "auto", str(file)),
    ]
    for attempt in tries:
        with pytest.raises(DataError, match=REPEATED) as caught:
            attempt()
        assert "total=('amount', 'sum')" in str(caught.value)
    drafted = CliRunner().invoke(main, ["infer", str(file)])
    assert (drafted.exit_code, REPEATED in drafted.output) == (2, True)


def test_the_remedy_for_purchases_works(tmp_path: Path) -> None:
    """What the error proposes gives a table of customers."""
    with pytest.raises(DataError) as caught:
        schema_for(PURCHASES, "auto", "log")
    line = caught.value.problems[0].remedy.split("pandas: ")[1].rstrip(".")
    summed = eval(line, {"frame": PURCHASES})
    assert schema_for(summed.reset_index(), "auto", "log").identifier == "customer_id"
    assert summed["total"].sum() == PURCHASES["amount"].sum()


def test_a_draft_says_where_the_table_stands(tmp_path: Path) -> None:
    """`infer` prints the remarks beside the schema, by line."""
    file = tmp_path / "t.csv"
    PURCHASES.drop_duplicates("customer_id").to_csv(file, index=False)
    file.write_text("Customers of the year\n" + file.read_text())
    drafted = CliRunner().invoke(main, ["infer", str(file)])
    assert drafted.exit_code == 0
    assert "remark: the header is on line 2" in drafted.output
