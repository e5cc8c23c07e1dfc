"""Tables in databases, folders and buckets are read like files; credentials are never shown."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest

from segmentation.data.readers import as_file, load_customers, load_described, read_table
from segmentation.data.synthetic import generate
from segmentation.data.warehouse.address import (
    address_of,
    has_password,
    is_elsewhere,
    public_name,
    short_name,
)
from segmentation.errors import DataError
from segmentation.schema import load_schema
from tests.conftest import NewDatabase

SCHEMA = load_schema("cc_general")
TABLE = generate(40, seed=5)
EXPECTED = TABLE.set_index("CUST_ID")[list(SCHEMA.column_names)]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory, postgresql: NewDatabase) -> dict[str, str]:
    """Return the address of one and the same table in every kind of place."""
    folder = tmp_path_factory.mktemp("places")
    postgresql_address = postgresql("sources")
    wide = TABLE.assign(secret="canary")
    with duckdb.connect(str(folder / "bank.db")) as database:
        database.execute("CREATE TABLE customers AS SELECT * FROM wide")
        database.execute("CREATE SCHEMA mart; CREATE TABLE mart.customers AS SELECT * FROM wide")
    server = ibis.connect(postgresql_address)
    server.create_table("customers", wide)
    server.disconnect()
    for ending in ("csv", "parquet"):
        (folder / ending).mkdir()
        for part, rows in enumerate((wide.iloc[:25], wide.iloc[25:])):
            path = folder / ending / f"part-{part}.{ending}"
            rows.to_csv(path, index=False) if ending == "csv" else rows.to_parquet(path)
    query = 'query=select * from customers where "BALANCE" + 1 > 0'
    return {
        "duckdb": f"duckdb:///{folder}/bank.db?table=customers",
        "duckdb schema": f"duckdb:///{folder}/bank.db?table=mart.customers",
        "duckdb query": f"duckdb:///{folder}/bank.db?{query}",
        "postgresql": f"{postgresql_address}&table=customers",
        "postgresql query": f"{postgresql_address}&{query}",
        "csv folder": f"{folder}/csv",
        "parquet folder": f"{folder}/parquet",
        "csv glob": f"{folder}/csv/part-*.csv",
        "parquet glob": f"{folder}/parquet/*.parquet",
        "store": f"file://{folder}/parquet",
        "store glob": f"file://{folder}/csv/*.csv",
    }


PLACES = (
    *("duckdb", "duckdb schema", "duckdb query", "postgresql", "postgresql query", "csv folder"),
    *("parquet folder", "csv glob", "parquet glob", "store", "store glob"),
)


@pytest.mark.parametrize("place", PLACES)
def test_a_table_is_the_same_wherever_it_lies(addresses: dict[str, str], place: str) -> None:
    """Eleven places give the customers of the file."""
    validated = load_customers(addresses[place], SCHEMA)
    read = validated.customers.sort_index()
    pd.testing.assert_frame_equal(read, EXPECTED.sort_index(), check_index_type=False)
    assert validated.snapshot is not None
    assert validated.snapshot.rows == len(TABLE)
    assert len(validated.snapshot.query) == 16


@pytest.mark.parametrize("place", ["duckdb", "postgresql", "csv glob", "store"])
def test_only_what_the_schema_names_travels(addresses: dict[str, str], place: str) -> None:
    """A column that it does not name stays where it is, also in the copy that scoring reads."""
    names = {"CUST_ID", *SCHEMA.column_names}
    assert set(read_table(addresses[place], SCHEMA).frame) == names
    assert "secret" in read_table(addresses[place]).frame
    with as_file(addresses[place], SCHEMA) as file:
        copy = pd.read_parquet(file)
        assert set(copy) == names
        assert len(copy) == len(TABLE)
    assert not file.exists()


def test_a_misspelt_column_is_offered_the_name_it_has(tmp_path: Path) -> None:
    """As from a file: the error sees all columns where one is missing."""
    renamed = TABLE.rename(columns={"PAYMENTS": "Payments"})
    (tmp_path / "in").mkdir()
    renamed.to_parquet(tmp_path / "in" / "part.parquet")
    with pytest.raises(DataError, match="Rename 'Payments', if that is it") as caught:
        load_customers(str(tmp_path / "in"), SCHEMA)
    assert len(caught.value.problems) == 1


def test_a_table_elsewhere_describes_itself(addresses: dict[str, str]) -> None:
    """`auto` takes the shipped schema that fits."""
    assert load_described(addresses["duckdb"], "auto")[1] == SCHEMA


def test_types_that_files_do_not_have_are_read(tmp_path: Path) -> None:
    """Decimals are numbers, days are dates, identifiers keep what they are."""
    file = tmp_path / "bank.db"
    with duckdb.connect(str(file)) as database:
        database.execute(
            "CREATE TABLE t AS SELECT uuid() AS id, 1.50::DECIMAL(9, 2) AS spend, "
            "DATE '2024-02-29' AS day, TRUE AS yes, NULL::BIGINT AS n FROM range(3)"
        )
    frame = read_table(f"duckdb:///{file}?table=t").frame
    assert list(frame["spend"]) == [1.5] * 3
    assert frame["day"].dtype.kind == "M"
    assert frame["id"].map(type).eq(str).all()


def test_zeros_before_an_identifier_stay_in_a_folder(tmp_path: Path) -> None:
    """An identifier is a text, though it looks like a number."""
    (tmp_path / "in").mkdir()
    table = TABLE.assign(CUST_ID=[f"{number:05d}" for number in range(len(TABLE))])
    table.to_csv(tmp_path / "in" / "a.csv", index=False)
    assert sorted(load_customers(str(tmp_path / "in"), SCHEMA).customers.index)[3] == "00003"


WRONG = {
    "duckdb:///nowhere.db?table=t": "existing DuckDB file",
    "duckdb:///nowhere.db": "either \\?table=NAME or \\?query=SELECT",
    "duckdb:///nowhere.db?table=t&query=select 1": "either \\?table=NAME",
    "mongodb://host/x?table=t": "one of the schemes duckdb, postgresql",
    "snowflake://ada:s3cret@account/db?table=t": "ibis-framework\\[snowflake\\]",
    "nowhere/*.parquet": "Parquet or CSV files, found none",
    "file:///nowhere": "Parquet or CSV files, found none",
}


@pytest.mark.parametrize("source", WRONG)
def test_a_wrong_address_is_refused_in_a_sentence(source: str) -> None:
    """With what was expected, and without what opens a door."""
    with pytest.raises(DataError, match=WRONG[source]) as caught:
        read_table(source)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["duckdb", "postgresql"])
def test_a_missing_table_is_named(addresses: dict[str, str], name: str) -> None:
    """The engine says which table it does not have, in one line."""
    with pytest.raises(DataError, match="a table that can be read .*nothing_here"):
        read_table(addresses[name].replace("table=customers", "table=nothing_here"))


def test_a_refused_login_does_not_repeat_the_password(addresses: dict[str, str]) -> None:
    """Neither the error nor what led to it has the password, user or the query."""
    host = addresses["postgresql"].partition("host=")[2].partition("&")[0]
    source = f"postgresql://ada:s3cret%21@/nowhere?host={host}&query=select 'canary'"
    with pytest.raises(DataError) as caught:
        read_table(source)
    assert caught.value.__suppress_context__
    for secret in ("s3cret", "ada", "canary"):
        assert secret not in str(caught.value)


def test_a_value_of_another_form_is_not_repeated(tmp_path: Path) -> None:
    """What the engine cannot convert is a customer's."""
    file = tmp_path / "bank.db"
    with duckdb.connect(str(file)) as database:
        database.execute("CREATE TABLE t AS SELECT 'canary' AS x")
    with pytest.raises(DataError, match="a value has another form than its column") as caught:
        read_table(f"duckdb:///{file}?query=select x::double as x from t")
    assert "canary" not in str(caught.value)


def test_what_is_shown_of_an_address_opens_nothing() -> None:
    """Login, unknown parameters and the query's text stay away; what leads to the table stays."""
    source = "postgresql://ada:s3cret@host:5433/bank?sslmode=require&token=t0ken&table=a.b"
    assert public_name(source) == "postgresql://host:5433/bank?sslmode=require&table=a.b"
    public = public_name("postgresql://host/bank?query=select name from t where id = 'canary'")
    assert public.startswith("postgresql://host/bank?query=")
    assert "canary" not in public
    assert "s3cret" not in repr(address_of(source))
    assert (short_name(source), short_name("in/a.csv")) == ("a.b", "a.csv")
    assert public_name("in/customers@home.csv") == "in/customers@home.csv"
    assert has_password(source)
    assert not has_password("postgresql://ada@host/bank?table=t")


def test_a_file_with_a_star_in_its_name_is_a_file(tmp_path: Path) -> None:
    """Only what is no file is a pattern."""
    file = tmp_path / "best [2024]*.csv"
    TABLE.to_csv(file, index=False)
    assert not is_elsewhere(str(file))
    assert len(read_table(str(file), SCHEMA).frame) == len(TABLE)


def test_ibis_is_imported_only_where_a_table_lies_elsewhere(tmp_path: Path) -> None:
    """It takes most of a second; reading a file does without it."""
    TABLE.to_csv(tmp_path / "in.csv", index=False)
    code = (
        "import sys; from segmentation.data.readers import read_table; "
        "read_table('in.csv'); sys.exit('ibis' in sys.modules or 'duckdb' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_a_table_of_many_pieces_is_copied_whole(tmp_path: Path) -> None:
    """More rows than one piece holds."""
    file = tmp_path / "bank.db"
    with duckdb.connect(str(file)) as database:
        columns = ", ".join(f'i AS "{name}"' for name in SCHEMA.column_names)
        database.execute(f"CREATE TABLE t AS SELECT {columns} FROM range(120000) r(i)")
    with as_file(f"duckdb:///{file}?table=t", SCHEMA) as copy:
        assert np.array_equal(np.sort(pd.read_parquet(copy)["BALANCE"]), np.arange(120_000))
