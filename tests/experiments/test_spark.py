"""Scoring on Spark gives the answers of one process, and its sentences where it cannot."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient

from experiments import collect, score
from experiments.benchmark.races import NAME, prepare
from experiments.benchmark.spark import unequal
from experiments.registry.client import CHAMPION, version_of
from experiments.search import __main__ as search
from experiments.spark.partitions import Contract, customers
from experiments.spark.session import SparkError, session
from segmentation.data import features_from_transactions
from segmentation.data.synthetic import generate
from segmentation.data.synthetic.demographics import generate_people
from segmentation.data.transactions.recipe import recipe_text
from segmentation.data.validation import validate
from segmentation.errors import DataError
from segmentation.schema import load_schema
from segmentation.schema.levels import decode
from tests.segmentation.data.transactions.test_features import DAY, FULL, many

pytest.importorskip("pyspark", reason="pyspark is not installed: make spark")
needs_java = pytest.mark.skipif(
    shutil.which("java") is None, reason="Java is not installed: default-jre-headless"
)
ROOT = Path(__file__).resolve().parents[2]
ROWS = 20_000


@pytest.fixture(scope="module")
def champion(workplace: Path) -> str:
    """Register a small model; return the version that other tests left as the champion."""
    client = MlflowClient()
    prepare(client, 1)
    return version_of(client, NAME, CHAMPION)


@pytest.fixture(scope="module")
def spark(champion: str) -> Iterator[Any]:
    """Start Spark once, away from the folder of the code."""
    with session("local[2]") as running:
        yield running


def scored(data: Path, out: Path, engine: str = "spark") -> Result:
    """Run the command."""
    arguments = ["--data", str(data), "--out", str(out), "--model-name", NAME, "--engine", engine]
    return CliRunner().invoke(score.main, arguments)


def refused(data: Path, folder: Path) -> str:
    """Return what the command says, in one sentence and with nothing left behind."""
    before = set(folder.iterdir())
    result = scored(data, folder / "out")
    assert (result.exit_code, "Traceback" in result.output) == (2, False), result.output
    assert set(folder.iterdir()) == before
    return result.output


@needs_java
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_answers_are_those_of_one_process(spark: Any, tmp_path: Path, ending: str) -> None:
    """Every column of every customer, to the last bit; nulls, odd text and leading zeros too."""
    table = generate(ROWS, seed=6).assign(AGE=40)
    table["CUST_ID"] = [f"{number:08d}" for number in range(ROWS)]
    table.loc[::7, "MINIMUM_PAYMENTS"] = None
    table["BALANCE"] *= 1.000000123
    source = tmp_path / f"in.{ending}"
    if ending == "csv":
        table.to_csv(source, index=False, na_rep="N/A")
    else:
        table.to_parquet(source, row_group_size=5_000)
    one, other = scored(source, tmp_path / "one.parquet", "process"), tmp_path / "other"
    on_spark = scored(source, other)
    assert (one.exit_code, on_spark.exit_code) == (0, 0), on_spark.output
    assert f"{ROWS:,} customers scored" in on_spark.output
    assert "warning: column AGE: expected only the columns of the schema" in on_spark.output
    assert unequal(tmp_path / "one.parquet", other) == 0
    assert "00000007" in set(pd.read_parquet(other)["CUST_ID"])


@needs_java
def test_a_table_written_from_spark_is_that_of_one_process(spark: Any, tmp_path: Path) -> None:
    """The same batch in a database: customers, answers, day and version."""
    source = tmp_path / "in.csv"
    generate(300, seed=6).to_csv(source, index=False)
    tables = []
    for engine in ("process", "spark"):
        address = f"duckdb:///{tmp_path / engine}.db?table=segments"
        words = ["--data", str(source), "--out", address, "--model-name", NAME]
        made = CliRunner().invoke(score.main, [*words, "--engine", engine, "--as-of", "2026-01-31"])
        assert made.exit_code == 0, made.output
        assert "300 customers scored into duckdb:///" in made.output
        with duckdb.connect(str(tmp_path / f"{engine}.db")) as connection:
            rows = connection.sql("SELECT * FROM segments_current ORDER BY CUST_ID").df()
            (count,) = connection.sql("SELECT count(*) FROM segments").fetchone() or (0,)
        assert count == len(rows) == 300
        tables.append(rows.drop(columns="written_at"))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)


@needs_java
def test_customers_collected_on_spark_are_those_of_one_process(spark: Any, tmp_path: Path) -> None:
    """Every feature to 1e-9, and the remarks: a frame, Parquet, CSV with dates as 5-Dec-17."""
    frame = many(1_000)
    expected = features_from_transactions(frame, FULL, as_of=DAY)
    result = features_from_transactions(frame, FULL, as_of=DAY, spark=spark)
    pd.testing.assert_frame_equal(result.frame, expected.frame, rtol=1e-9, atol=1e-12)
    assert result.remarks == expected.remarks
    assert [view for view in spark.catalog.listTables() if view.name.startswith("trans")] == []
    log, other, file = (tmp_path / name for name in ("log.csv", "on_spark.parquet", "r.yaml"))
    file.write_text(recipe_text(replace(FULL, time_format="%d-%b-%y"), "log.csv"), "utf-8")
    short = frame["when"].dt.strftime("%-d-%b-%y")
    frame.assign(when=short, who="00" + frame["who"]).to_csv(log, index=False)
    words = ["--data", str(log), "--recipe", str(file), "--as-of", str(DAY), "--out"]
    spark_words = [str(other), "--engine", "spark"]
    for more in ([str(tmp_path / "one.parquet")], spark_words):
        made = CliRunner().invoke(collect.main, [*words, *more])
        assert made.exit_code == 0, made.output
    one, two = pd.read_parquet(tmp_path / "one.parquet"), pd.read_parquet(other)
    pd.testing.assert_frame_equal(one, two, rtol=1e-9, atol=1e-12)
    assert set(one["who"]) == {f"00{number}" for number in range(60)}
    spoilt = log.read_text("utf-8").replace("-Jun-24", "-canary-24")
    log.write_text(spoilt, encoding="utf-8")
    bad = CliRunner().invoke(collect.main, [*words, *spark_words])
    assert (bad.exit_code, "has another form than its column" in bad.output) == (2, True)


@needs_java
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_without_identifiers_are_numbered_through(
    spark: Any, tmp_path: Path, ending: str
) -> None:
    """Over the files of a folder, in the order of their names, from 0."""
    table = generate(3_000, seed=6)
    (tmp_path / "in").mkdir()
    for number in range(3):
        part = table.iloc[number * 1_000 : (number + 1) * 1_000].drop(columns="CUST_ID")
        path = tmp_path / "in" / f"{number}.{ending}"
        part.to_csv(path, index=False) if ending == "csv" else part.to_parquet(path)
    table.drop(columns="CUST_ID").to_parquet(tmp_path / "whole.parquet")
    assert scored(tmp_path / "whole.parquet", tmp_path / "one.parquet", "process").exit_code == 0
    result = scored(tmp_path / "in", tmp_path / "other")
    assert result.exit_code == 0, result.output
    assert unequal(tmp_path / "one.parquet", tmp_path / "other", "row") == 0


@needs_java
def test_people_gave_a_segment_a_name(spark: Any, client: MlflowClient, tmp_path: Path) -> None:
    """Both engines write it."""
    client.set_registered_model_tag(NAME, "segment_name.1", "the careful")
    try:
        generate(500, seed=6).to_parquet(tmp_path / "in.parquet")
        scored(tmp_path / "in.parquet", tmp_path / "one.parquet", "process")
        scored(tmp_path / "in.parquet", tmp_path / "other")
    finally:
        client.delete_registered_model_tag(NAME, "segment_name.1")
    assert unequal(tmp_path / "one.parquet", tmp_path / "other") == 0
    assert "the careful" in set(pd.read_parquet(tmp_path / "other")["segment_name"])


@needs_java
def test_every_bad_column_of_all_files_is_named(spark: Any, tmp_path: Path) -> None:
    """With the number of bad cells in all of them; nothing is written."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        table = generate(400, seed=number).astype(object)
        table.loc[[3, 7], "BALANCE"] = f"x{number}"
        table.loc[number * 100, "PURCHASES"] = "inf"
        table.to_csv(tmp_path / "in" / f"{number}.csv", index=False)
    message = refused(tmp_path / "in", tmp_path)
    assert "found 'x0', 'x1', 'x2' in 6 rows" in message
    assert "column PURCHASES: expected a finite number" in message


@needs_java
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_missing_column_is_named_with_what_it_may_be(
    spark: Any, tmp_path: Path, ending: str
) -> None:
    """As in one process."""
    table = generate(100, seed=6).rename(columns={"BALANCE": "BALANCES"})
    source = tmp_path / f"in.{ending}"
    table.to_csv(source, index=False) if ending == "csv" else table.to_parquet(source)
    message = refused(source, tmp_path)
    assert "column BALANCE: expected a column of exactly that name. Rename 'BALANCES'" in message


@needs_java
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"A,B\n1,2\n", "found 0 of them (BALANCE, "),
        (b"", "a header line, found an empty file"),
        (b"{header}\n", "at least one row below the header"),
        (b"{header}\n{row}\n{row},1,2\n", "expected rows of equal length"),
        (b'{header}\n{row}\n"D\n1",1\n', "found a quoted cell that goes on in the next line"),
        (b"{header}\nM\xfcller{row}\n", "expected UTF-8 text"),
    ],
    ids=["other table", "empty", "no rows", "ragged", "broken cell", "not UTF-8"],
)
def test_what_is_no_such_table_is_refused(
    spark: Any, tmp_path: Path, text: bytes, message: str
) -> None:
    """Each for its reason."""
    header, row = generate(1).to_csv(index=False).encode().splitlines()
    file = tmp_path / "in.csv"
    file.write_bytes(text.replace(b"{header}", header).replace(b"{row}", row))
    assert message in refused(file, tmp_path)


@needs_java
def test_files_with_another_header_are_refused(spark: Any, tmp_path: Path) -> None:
    """Spark's own reader would take a column for another."""
    (tmp_path / "in").mkdir()
    table = generate(100, seed=6)
    table.to_csv(tmp_path / "in" / "0.csv", index=False)
    table[list(reversed(table.columns))].to_csv(tmp_path / "in" / "1.csv", index=False)
    message = refused(tmp_path / "in", tmp_path)
    assert "expected the same header in every file" in message
    assert ".csv" in message


@needs_java
def test_spark_says_in_a_sentence_what_it_cannot_read(spark: Any, tmp_path: Path) -> None:
    """A Delta table needs Delta; a damaged file is named."""
    (tmp_path / "in" / "_delta_log").mkdir(parents=True)
    generate(10).to_parquet(tmp_path / "in" / "0.parquet")
    assert "delta" in refused(tmp_path / "in", tmp_path)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 is not enough of a file PAR1")
    assert "bad.parquet" in refused(tmp_path / "bad.parquet", tmp_path)


@needs_java
def test_a_changed_model_is_not_sent_to_any_task(spark: Any, champion: str, tmp_path: Path) -> None:
    """The digests are checked first."""
    generate(10).to_parquet(tmp_path / "in.parquet")
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}@champion"))
    file = folder / "code" / "experiments" / "scoring_model.py"
    whole = file.read_bytes()
    file.write_bytes(whole + b"\n")
    try:
        assert "scoring_model.py" in refused(tmp_path / "in.parquet", tmp_path)
    finally:
        file.write_bytes(whole)


def test_nothing_is_overwritten(champion: str, tmp_path: Path) -> None:
    """Neither a folder nor the input; a file is no folder."""
    generate(10).to_parquet(tmp_path / "in.parquet")
    for out, message in ((".", "a new folder, found one"), ("out.csv", "a folder to write")):
        result = scored(tmp_path / "in.parquet", tmp_path / out)
        assert (result.exit_code, message in result.output) == (2, True), result.output
    assert "expected an existing file" in refused(tmp_path / "none", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--engine", "dask"), "is not one of 'process', 'spark'"),
        (("--master", "local[2]"), "is for engine=spark, found engine=process"),
    ],
)
def test_options_that_make_no_sense(arguments: tuple[str, str], message: str) -> None:
    """Are refused with what was expected."""
    result = CliRunner().invoke(score.main, ["--data", "in", "--out", "out", *arguments])
    assert (result.exit_code, message in result.output) == (2, True), result.output


def test_without_pyspark_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """None in the table of modules is Python's own way to say that there is none."""
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(SparkError, match="found no pyspark.*extra `spark`"), session("local[2]"):
        pass


@pytest.mark.parametrize(
    ("version", "message"), [("", "found no java in JAVA_HOME"), ("11.0.2", "found Java 11.0.2")]
)
def test_without_a_fit_java_the_right_one_is_named(
    tmp_path: Path, version: str, message: str
) -> None:
    """What pyspark prints is about its own scripts."""
    if version:
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
        java.chmod(0o755)
    code = "from experiments.spark.session import session\nwith session('local[1]'): pass"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "JAVA_HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert message in ended.stderr
    assert "expected Java 17 or later" in ended.stderr


def test_levels_stay_texts_on_their_way_to_the_model() -> None:
    """A table with categories is read as in one process."""
    schema = load_schema("embedded_people")
    table = generate_people(300, seed=4)
    header, *lines = table.to_csv(index=False).splitlines()
    contract = Contract(schema, header, ",")
    batch = pd.DataFrame({"path": "file", "start": 0, "line": [header, *lines]})
    key = str(schema.identifier)
    (ready,) = customers(contract, key, {})(iter([batch]))
    expected = decode(validate(table, schema).customers, schema)
    pd.testing.assert_frame_equal(ready.set_index(key), expected, check_dtype=False)


def test_a_piece_that_changed_after_the_look_fails() -> None:
    """It is validated again when it is scored."""
    contract = Contract(load_schema("cc_general"), "CUST_ID,BALANCE", ",")
    batch = pd.DataFrame({"path": "file", "start": 5, "line": ["C1,x"]})
    with pytest.raises(DataError, match="BALANCE_FREQUENCY"):
        list(customers(contract, "CUST_ID", {})(iter([batch])))


def test_a_search_on_several_machines_is_a_shared_study() -> None:
    """`engine=spark` of the search says what to use instead, before anything starts."""
    result = CliRunner().invoke(search.main, ["--engine", "spark"])
    assert result.exit_code == 2
    assert "engine=spark: a search runs in processes" in result.output
    assert "storage=postgresql://" in result.output
