"""Tables people really have: each ends in a report or in an error that says what to do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segmentation.data.readers import read_table
from segmentation.errors import DataError
from segmentation.reports.exploration import Table, explore
from segmentation.reports.figures.exploration_figures import pictures
from segmentation.reports.html.exploration_page import exploration_page
from segmentation.schema.inference import infer_schema

ROWS = 90


def plain_table(rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "customer_id": [f"C{i:04d}" for i in range(rows)],
            "balance": random.lognormal(6, 1, rows).round(2),
            "visits": random.poisson(4, rows),
            "score": random.normal(0, 1, rows).round(3),
            "plan": random.choice(["basic", "premium", "standard"], rows),
        }
    )


def written(frame: pd.DataFrame, **how: object) -> Callable[[Path], None]:
    return lambda path: frame.to_csv(path, index=False, **how)  # type: ignore[call-overload]


def wide(columns: int) -> pd.DataFrame:
    values = np.random.default_rng(1).normal(size=(ROWS, columns))
    return pd.DataFrame(values, columns=[f"feature_{i}" for i in range(columns)])


def half_empty() -> pd.DataFrame:
    frame = plain_table()
    gone = np.random.default_rng(2).random((ROWS, 4)) < 0.5
    features = frame.columns[1:]
    return frame.assign(**{c: frame[c].mask(gone[:, i]) for i, c in enumerate(features)})


def with_column(name: str, values: object) -> pd.DataFrame:
    return plain_table().assign(**{name: values})


DATES = pd.date_range("2020-01-01", periods=ROWS, freq="9h")
MIXED = ["12", "13.5", "n/a", "7", "unknown", "8"] * (ROWS // 6)
JUMBLE = [str(i) if i % 2 else f"code {i}" for i in range(ROWS)]

# What ends in a report, and a text the report must have.
REPORTED: dict[str, tuple[Callable[[Path], None], str]] = {
    "plain": (written(plain_table()), "premium"),
    "all null": (written(with_column("empty", np.nan)), "has no values"),
    "constant": (written(with_column("country", "DE")), "customers cannot differ in it"),
    "constant number": (written(with_column("version", 3)), "customers cannot differ in it"),
    "one category beside numbers": (written(plain_table().drop(columns=["visits"])), "balance"),
    "200 columns": (written(wide(200)), "200"),
    "dates": (written(with_column("opened", DATES)), "holds dates"),
    "dates in words": (written(with_column("opened", DATES.strftime("%d.%m.%Y"))), "holds dates"),
    "mixed text and numbers": (written(with_column("amount", MIXED)), "amount"),
    "jumble": (written(with_column("code", JUMBLE)), "mixes numbers with"),
    "semicolons": (written(plain_table(), sep=";"), "balance"),
    "decimal commas": (written(plain_table(), sep=";", decimal=","), "decimal comma"),
    "UTF-16": (written(plain_table(), encoding="utf-16"), "balance"),
    "Latin-1": (
        written(plain_table().rename(columns={"score": "größe"}), encoding="latin-1"),
        "größe",
    ),
    "BOM": (written(plain_table(), encoding="utf-8-sig"), "customer_id"),
    "1e9 beside 1e-9": (
        written(plain_table().eval("huge = score * 1e9\ntiny = score / 1e9")),
        "redundant",
    ),
    "half empty": (written(half_empty()), "rows are complete"),
    "booleans": (written(with_column("active", [True, False, True] * 30)), "Active"),
    "yes and no": (written(with_column("active", ["yes", "no", "no"] * 30)), "Active"),
    "huge integers": (
        written(with_column("account", [10**17 + 7 * i for i in range(ROWS)])),
        "identifies customers",
    ),
    "integers beyond 64 bits": (
        written(with_column("reference", [str(10**30 + i % 5) for i in range(ROWS)])),
        "reference",
    ),
    "free text": (
        written(with_column("remark", [f"said {i} things" for i in range(ROWS)])),
        "identifies customers",
    ),
    "row numbers of an export": (
        lambda path: plain_table().to_csv(path, index=True),
        "Column 1 without a name: row numbers, left out.",
    ),
    "only two columns": (written(plain_table()[["balance", "visits"]]), "balance"),
    "only categories": (
        written(with_column("other", ["x", "y", "y"] * 30)[["plan", "other"]]),
        "Plan",
    ),
    "nine rows": (written(plain_table(9)), "Too few rows"),
    "negative money": (written(with_column("limit", -(np.arange(ROWS) ** 2.0))), "limit"),
    "80 levels": (
        written(plain_table(200).assign(city=[f"town {i % 40}" for i in range(200)])),
        "28 others",
    ),
}  # fmt: skip

# What ends in an error, and what the error says.
REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "two rows": (written(plain_table(2)), "at least 5 customers are alike"),
    "one row": (written(plain_table(1)), "at least one column"),
    "one category only": (written(plain_table()[["plan"]].assign(plan="basic")), "one value only"),
    "no rows": (written(plain_table(0)), "at least one row"),
    "infinities": (
        written(with_column("rate", np.r_[np.inf, np.arange(ROWS - 1)])),
        "rate: expected a finite number",
    ),
    "doubled headers": (lambda p: p.write_text("a,b,a\n1,2,3\n4,5,7\n"), "one column of that name"),
    "400 columns": (written(wide(400)), "at most 300 features"),
    "only dates": (
        written(pd.DataFrame({"opened": DATES, "closed": DATES})),
        "opened: holds dates",
    ),
}


def drafted_and_checked(path: Path) -> Table:
    raw = read_table(str(path))
    schema = infer_schema(raw.frame, "odd")
    return Table.of(raw.frame, schema, path.name, remarks=raw.remarks)


def test_there_are_more_than_twenty_kinds() -> None:
    """The odd tables cover everything asked for."""
    assert len(REPORTED) + len(REFUSED) >= 30


@pytest.mark.parametrize("kind", REPORTED)
def test_an_odd_table_ends_in_a_report(tmp_path: Path, kind: str) -> None:
    """It is read, described and drawn, and the report says what was odd."""
    write, text = REPORTED[kind]
    path = tmp_path / "table.csv"
    write(path)
    exploration = explore(drafted_and_checked(path))
    page = exploration_page(exploration, pictures(exploration), seconds=0.0)
    assert text in page
    assert "What to do" in page


@pytest.mark.parametrize("kind", REFUSED)
def test_an_odd_table_ends_in_a_clear_error(tmp_path: Path, kind: str) -> None:
    """The error names what was found and ends with a remedy."""
    write, text = REFUSED[kind]
    path = tmp_path / "table.csv"
    write(path)
    with pytest.raises(DataError, match=text) as caught:
        drafted_and_checked(path)
    assert all(problem.remedy.endswith(".") for problem in caught.value.problems)
