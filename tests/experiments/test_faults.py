"""Every entry point ends in a sentence and its exit code on whatever is wrong outside of it."""

import gzip
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from experiments import compare, explore, integrity, monitor, promote, rename, rollback, score
from experiments.benchmark.races import NAME, prepare
from experiments.registry.client import CHAMPION, version_of
from experiments.search import __main__ as search
from segmentation.data.synthetic import generate
from segmentation.schema.__main__ import main as schema

Command = tuple[click.Command, tuple[str, ...]]
# What reads a table, with all that it needs besides, and what else knows a registered model.
READING: dict[str, Command] = {
    "search": (search.main, ("--n-trials", "1", "--schema", "cc_general", "--data")),
    "search auto": (search.main, ("--n-trials", "1", "--schema", "auto", "--data")),
    "explore": (explore.main, ("--data",)),
    "score": (score.main, ("--model-name", NAME, "--out", "out.csv", "--data")),
    "monitor": (monitor.main, ("--model-name", NAME, "--data")),
    "compare": (compare.main, ("--model-name", NAME, "--second", CHAMPION, "--data")),
    "infer": (schema, ("infer",)),
}
MODELS: dict[str, Command] = {
    "search": (search.main, ("--data", "table.csv")),
    "score": (score.main, ("--data", "table.csv", "--out", "out.csv")),
    "monitor": (monitor.main, ("--data", "table.csv")),
    "compare": (compare.main, ("--data", "table.csv")),
    "promote": (promote.main, ()),
    "rollback": (rollback.main, ()),
    "rename": (rename.main, ("--segment", "1", "--name", "x")),
    "integrity": (integrity.main, ()),
}
WRITING = {name: READING[name] for name in ("explore", "score", "monitor", "compare")}


def nothing(folder: Path) -> str:
    """Name a file that is not there."""
    return "nowhere.csv"


def a_folder(folder: Path) -> str:
    """Name a folder."""
    (folder / "folder.csv").mkdir()
    return "folder.csv"


def of(name: str, content: bytes) -> Callable[[Path], str]:
    """Return what writes a file."""

    def write(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return name

    return write


def sheet(folder: Path) -> str:
    """Name a sheet that a workbook does not have."""
    generate(80).to_excel(folder / "book.xlsx", index=False, sheet_name="Customers")
    return "book.xlsx#Elsewhere"


HEADER = ",".join(generate(1).columns).encode()
DATA_FAULTS: dict[str, tuple[Callable[[Path], str], str]] = {
    "missing": (nothing, "expected an existing file"),
    "folder": (a_folder, "expected Parquet or CSV files, found none"),
    "empty": (of("empty.csv", b""), "found an empty file"),
    "blank": (of("blank.csv", b"\n\n  \n"), "expected a header line"),
    "header only": (of("header.csv", HEADER + b"\n"), "at least one row"),
    "binary": (of("binary.csv", bytes(range(256)) * 40), "binary data"),
    "picture": (of("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(200)), "binary data"),
    "gzip": (of("packed.csv", gzip.compress(b"a,b\n1,2\n")), "a gzip archive"),
    "no Parquet": (of("no.parquet", b"a,b\n1,2\n"), "a Parquet file"),
    "no workbook": (of("no.xlsx", b"PK\x03\x04rest"), "an Excel workbook"),
    "no sheet": (sheet, "Elsewhere"),
    "empty list": (of("list.json", b"[]"), "found JSON"),
    "list": (of("rows.json", b'[{"BALANCE": 1}]'), "found JSON"),
    "unreadable": (lambda _: "/proc/self/mem", "/proc/self/mem"),
}


@pytest.fixture(scope="module")
def champion(workplace: Path) -> str:
    """Register a small model."""
    client = MlflowClient()
    prepare(client, 1)
    return version_of(client, NAME, CHAMPION)


@pytest.fixture
def folder(champion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a table."""
    monkeypatch.chdir(tmp_path)
    generate(80).to_csv(tmp_path / "table.csv", index=False)
    return tmp_path


def sentence(command: Command, *arguments: str) -> str:
    """Run a command that must fail; return what it printed."""
    entry, words = command
    result = CliRunner().invoke(entry, [*words, *arguments])
    assert result.exit_code == (monitor.FAILED if entry is monitor.main else 2), result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert "rror: " in result.output
    return result.output


@pytest.mark.parametrize("fault", DATA_FAULTS)
@pytest.mark.parametrize("name", READING)
def test_what_is_no_table_is_said(folder: Path, name: str, fault: str) -> None:
    """One message says what was expected of the file; nothing is left behind."""
    make, expected = DATA_FAULTS[fault]
    data = make(folder)
    before = sorted(folder.iterdir())
    assert expected in sentence(READING[name], data)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["score", "monitor", "search"])
def test_a_wrong_delimiter_and_case_are_said(folder: Path, name: str) -> None:
    """A table of one odd column is called another one; small letters are recognised."""
    text = (folder / "table.csv").read_text(encoding="utf-8")
    (folder / "wrong.csv").write_text(text.replace(",", "^"), encoding="utf-8")
    assert "found 0 of them (BALANCE, " in sentence(READING[name], "wrong.csv")
    generate(80).rename(columns=str.lower).to_csv(folder / "small.csv", index=False)
    assert "Rename 'balance', if that is it." in sentence(READING[name], "small.csv")


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("nowhere/out.csv", "nowhere does not"),
        ("folder.csv", "found a folder"),
        ("table.csv", "is the input; name another file"),
        ("./table.csv", "is the input; name another file"),
        ("/proc/out.csv", "can be written"),
    ],
)
@pytest.mark.parametrize("name", WRITING)
def test_what_cannot_be_written_is_said_first(
    folder: Path, name: str, out: str, expected: str
) -> None:
    """Before the table is read: nothing is begun that could not be kept."""
    a_folder(folder)
    before = (folder / "table.csv").read_bytes()
    assert expected in sentence(WRITING[name], "table.csv", "--out", out)
    assert (folder / "table.csv").read_bytes() == before


def test_an_unknown_ending_is_no_format(folder: Path) -> None:
    """A scored file is CSV, Excel or Parquet, by its name."""
    message = sentence(READING["score"], "table.csv", "--out", "out.json")
    assert "expected a name that ends in .csv, .parquet, .pq or .xlsx" in message


@pytest.mark.parametrize("bad", ["a/b", "a:b", "", " a", "a'b", 'a"b', "a\nb", "a@b", "x" * 300])
@pytest.mark.parametrize("name", MODELS)
def test_a_name_no_model_can_have_is_refused_first(folder: Path, name: str, bad: str) -> None:
    """In every entry point the same sentence, before anything is begun."""
    before = MlflowClient().search_experiments()
    message = sentence(MODELS[name], "--model-name", bad)
    assert "expected 1 to 200 characters, no blank at either end and none of" in message
    assert len(MlflowClient().search_experiments()) == len(before)


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"search"}))
def test_a_model_that_is_not_there_is_said(folder: Path, name: str) -> None:
    """The name that was asked for is in the message."""
    assert "no-such-model" in sentence(MODELS[name], "--model-name", "no-such-model")
