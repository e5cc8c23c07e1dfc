"""Validation lists every failure at once, by row, and never shows an identifier."""

import datetime
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.data.synthetic import generate
from segmentation.data.validation import validate
from segmentation.errors import DataError
from segmentation.schema import Column, TableSchema, load_schema

SCHEMA = load_schema("cc_general")
TABLE = generate(60, seed=3)
NAMES = SCHEMA.column_names


def problems_of(frame: pd.DataFrame, *, to_train: bool = False) -> list[tuple[str | None, str]]:
    with pytest.raises(DataError) as caught:
        validate(frame, SCHEMA, to_train=to_train)
    return [(problem.column, problem.check) for problem in caught.value.problems]


def test_a_good_table_becomes_customers() -> None:
    """Float features in schema order, indexed by customer, no warnings."""
    batch = validate(TABLE, SCHEMA)
    assert tuple(batch.customers.columns) == NAMES
    assert batch.customers.index.name == "CUST_ID"
    assert set(batch.customers.dtypes) == {np.dtype("float64")}
    assert batch.warnings == ()


@settings(max_examples=25, deadline=None)
@given(st.permutations(list(TABLE.columns)))
def test_the_order_of_columns_does_not_matter(order: list[str]) -> None:
    """Any permutation validates to the same customers."""
    expected = validate(TABLE, SCHEMA).customers
    pd.testing.assert_frame_equal(validate(TABLE[order], SCHEMA).customers, expected)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(NAMES), st.integers(0, len(TABLE) - 1)),
        st.sampled_from(["n/a?", "1,5", "--", "12 months", "€€3", "1e", "0x1"]),
        min_size=1,
        max_size=8,
    )
)
def test_bad_cells_are_found_in_exactly_their_rows(bad: dict[tuple[str, int], str]) -> None:
    """Text in numbers is reported for those cells, all columns at once, and for no other."""
    frame = TABLE.astype(object)
    for (column, row), text in bad.items():
        frame.loc[row, column] = text
    with pytest.raises(DataError) as caught:
        validate(frame, SCHEMA)
    cells = {(p.column, row) for p in caught.value.problems for row in p.rows}
    assert cells == set(bad)
    assert all(len(problem.examples) <= 3 for problem in caught.value.problems)
    assert all(problem.count == len(problem.rows) for problem in caught.value.problems)


def test_missing_columns_are_named_together_with_a_near_miss() -> None:
    """Two missing columns are two problems; a typo is offered as a remedy."""
    frame = TABLE.rename(columns={"BALANCE": "BALANCES"}).drop(columns="TENURE")
    with pytest.raises(DataError, match="Rename 'BALANCES'") as caught:
        validate(frame, SCHEMA)
    assert [p.column for p in caught.value.problems] == ["BALANCE", "TENURE"]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        (str.lower, "'balance'"),
        (str.title, "'Balance'"),
        (lambda name: f" {name} ", "' BALANCE '"),
        (lambda name: name.replace("_", " "), ""),
        (lambda name: name.replace("_", ""), ""),
    ],
)
def test_another_spelling_of_every_name_is_recognised(
    written: Callable[[str], str], hint: str
) -> None:
    """Each missing column is told which one to rename, and never one that is required too."""
    frame = TABLE.rename(columns=written)
    with pytest.raises(DataError) as caught:
        validate(frame, SCHEMA)
    assert hint in str(caught.value)
    for problem in caught.value.problems:
        assert problem.remedy == f"Rename {written(str(problem.column))!r}, if that is it."


def test_a_required_column_is_never_to_be_renamed() -> None:
    """PURCHASES is like PURCHASES_TRX, which the model needs as it is."""
    with pytest.raises(DataError) as caught:
        validate(TABLE.drop(columns="PURCHASES"), SCHEMA)
    assert caught.value.problems[0].remedy == "Add it, or check the file."


BINARY = TableSchema(
    "binary",
    "Binary",
    (
        Column("flag", "Flag", kind="count", plausible=(0.0, 1.0)),
        Column("answer", "Answer", kind="category", levels=("No", "Yes")),
        Column("amount", "Amount"),
        Column("umsatz", "Umsatz", decimal=","),
    ),
)
GOOD = pd.DataFrame(
    {"flag": [0, 1], "answer": ["No", "Yes"], "amount": [1.5, 2], "umsatz": ["1,5", "2.000"]}
)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([False, True]),
        pd.Series([False, True], dtype="boolean"),
        pd.Series([False, "TRUE"], dtype=object),
        pd.Series(["false", " True "]),
        pd.Series([0, True], dtype=object),
    ],
)
def test_true_and_false_answer_questions(values: "pd.Series[bool]") -> None:
    """In a column of 0 and 1 with a remark, in one of yes and no as they are."""
    batch = validate(GOOD.assign(flag=values), BINARY)
    assert batch.customers["flag"].tolist() == [0, 1]
    assert [(w.column, w.check) for w in batch.warnings] == [("flag", "true_or_false")]
    if not (values == 0).any() or values.dtype != object:
        answers = validate(GOOD.assign(answer=values), BINARY)
        assert (answers.customers["answer"].tolist(), answers.warnings) == ([0, 1], ())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([False, True]), "found true and false"),
        (pd.Series([False, None], dtype="boolean"), "found true and false"),
        (pd.Series([1, True], dtype=object), "found 'True' in 1 row"),
        (pd.Series(["true", "1"]), "found 'true' in 1 row"),
        (pd.Series(pd.to_datetime(["2026-01-01", None])), "found dates"),
        (pd.Series(pd.to_datetime(["2026-01-01"] * 2)).dt.tz_localize("UTC"), "found dates"),
        (pd.Series(pd.to_timedelta(["1h", "2h"])), "found durations"),
        (pd.Series([datetime.date(2026, 1, 1), 3], dtype=object), "found '2026-01-01' in 1 row"),
        (pd.Series([pd.Timestamp(2026, 1, 1), 3], dtype=object), "in 1 row"),
        (pd.Series([datetime.time(1), 3], dtype=object), "in 1 row"),
    ],
)
def test_dates_durations_and_truths_measure_nothing(
    values: "pd.Series[float]", expected: str
) -> None:
    """Whatever format the column came in, it is refused by name and with a remedy."""
    with pytest.raises(DataError, match=f"column amount: expected numbers.*{expected}"):
        validate(GOOD.assign(amount=values), BINARY)


def test_a_column_is_read_with_its_decimal_mark() -> None:
    """A comma before decimals and a point before thousands; the error names the mark."""
    assert validate(GOOD, BINARY).customers["umsatz"].tolist() == [1.5, 2000]
    with pytest.raises(DataError, match="column umsatz: expected numbers with a decimal comma"):
        validate(GOOD.assign(umsatz=["1.5", "2,0"]), BINARY)
    with pytest.raises(DataError, match="column amount: expected numbers with a decimal point"):
        validate(GOOD.assign(amount=["1,5", "2"]), BINARY)


def test_amounts_may_be_dressed() -> None:
    """Thousands, signs of money and percent in a text are what they are in training."""
    frame = GOOD.assign(amount=["$1,234.50", "12 %"])
    assert validate(frame, BINARY).customers["amount"].tolist() == [1234.5, 12]


def test_doubled_columns_are_refused() -> None:
    """Which of two columns is meant cannot be guessed."""
    frame = pd.concat([TABLE, TABLE[["PAYMENTS"]]], axis=1)
    assert problems_of(frame) == [("PAYMENTS", "doubled_column")]


def test_an_empty_table_is_refused() -> None:
    """A header alone is no table."""
    assert problems_of(TABLE.iloc[:0]) == [(None, "no_rows")]


def test_infinities_are_refused_and_all_failures_listed() -> None:
    """An infinite amount and a text are both in the one error."""
    frame = TABLE.astype(object)
    frame.loc[4, "PAYMENTS"] = float("inf")
    frame.loc[5, "BALANCE"] = "much"
    assert problems_of(frame) == [("BALANCE", "not_a_number"), ("PAYMENTS", "infinite")]


def test_a_column_without_values_fails_only_training() -> None:
    """Nothing can be learnt from it; a customer to score may well lack it."""
    frame = TABLE.assign(MINIMUM_PAYMENTS=None)
    assert problems_of(frame, to_train=True) == [("MINIMUM_PAYMENTS", "no_values")]
    assert validate(frame, SCHEMA).customers["MINIMUM_PAYMENTS"].isna().all()


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("CASH_ADVANCE_FREQUENCY", 1.5, "implausible"),
        ("BALANCE", -20.0, "implausible"),
        ("PURCHASES", None, "missing_value"),
    ],
)
def test_what_is_odd_warns_and_does_not_fail(column: str, value: float | None, check: str) -> None:
    """Implausible and missing values are used, and said."""
    frame = TABLE.copy()
    frame.loc[7, column] = value
    (warning,) = validate(frame, SCHEMA).warnings
    assert (warning.column, warning.check, warning.rows) == (column, check, (7,))


def test_a_nullable_column_may_be_empty_without_a_word() -> None:
    """Missing minimum payments are how the table is."""
    assert TABLE["MINIMUM_PAYMENTS"].isna().any()
    assert validate(TABLE, SCHEMA).warnings == ()


def test_unknown_columns_are_dropped_with_a_warning() -> None:
    """The model never sees a column that the schema does not know."""
    batch = validate(TABLE.assign(AGE=40), SCHEMA)
    assert "AGE" not in batch.customers
    assert [(w.column, w.check) for w in batch.warnings] == [("AGE", "unknown_column")]


def test_customers_without_identifier_are_numbered() -> None:
    """The table is usable; the warning says how rows are called."""
    batch = validate(TABLE.drop(columns="CUST_ID"), SCHEMA)
    assert list(batch.customers.index[:2]) == [0, 1]
    assert [w.check for w in batch.warnings] == ["no_identifier"]


def test_doubled_identifiers_warn_without_showing_them() -> None:
    """Positions are given, identifiers are not."""
    frame = TABLE.assign(CUST_ID=["secret-canary"] * 2 + list(TABLE["CUST_ID"][2:]))
    (warning,) = validate(frame, SCHEMA).warnings
    assert warning.rows == (0, 1)
    assert "canary" not in str(warning)


def test_a_problem_can_be_logged_without_values() -> None:
    """The sentence for logs names column, check and count only."""
    frame = TABLE.astype(object)
    frame.loc[1, "BALANCE"] = "canary-value"
    with pytest.raises(DataError, match="canary-value") as caught:
        validate(frame, SCHEMA)
    assert "canary" not in caught.value.problems[0].without_values()
    assert "BALANCE" in caught.value.problems[0].without_values()


def test_a_problem_speaks_to_people() -> None:
    """Neither sentence has the code of the check, and that for logs says what was expected."""
    frame = TABLE.assign(AGE=40)
    frame.loc[1, "PAYMENTS"] = -3.0
    for warning in validate(frame, SCHEMA).warnings:
        for sentence in (str(warning), warning.without_values()):
            assert warning.check not in sentence
            assert f"column {warning.column}: expected {warning.expected}" in sentence


@pytest.mark.data
def test_the_public_table_is_valid(data_folder: object) -> None:
    """8,950 customers; only the frequencies above 1 are odd."""
    frame = pd.read_csv(f"{data_folder}/CC GENERAL.csv")
    batch = validate(frame, SCHEMA, to_train=True)
    assert batch.customers.shape == (8950, 17)
    assert [(w.column, w.check, w.count) for w in batch.warnings] == [
        ("CASH_ADVANCE_FREQUENCY", "implausible", 8)
    ]


LEFT = Column("Left", "Left", "category", levels=("no", "yes"))
NEXT = Column("Next year", "Revenue next year", "money", "$")
WITH_OUTCOMES = replace(SCHEMA, outcomes=(LEFT, NEXT))


def with_outcomes() -> pd.DataFrame:
    table = TABLE.assign(Left="no").astype({"Left": object})
    table["Next year"] = 100.0
    table.loc[[0, 2], "Left"] = ["YES ", None]
    return table


def test_outcomes_come_beside_the_customers() -> None:
    """Codes and numbers with the customers' index, and no word of warning."""
    batch = validate(with_outcomes(), WITH_OUTCOMES, to_train=True)
    assert batch.warnings == ()
    assert tuple(batch.customers.columns) == NAMES
    assert batch.outcomes is not None
    assert batch.outcomes.index.equals(batch.customers.index)
    assert set(batch.outcomes.dtypes) == {np.dtype("float64")}
    assert batch.outcomes["Left"].tolist()[:2] == [1.0, 0.0]
    assert np.flatnonzero(batch.outcomes["Left"].isna()).tolist() == [2]


@pytest.mark.parametrize("bad", [{"Left": "perhaps"}, {"Next year": "much"}, {"Next year": np.inf}])
def test_a_bad_outcome_is_missing_and_a_warning_in_training_only(bad: dict[str, object]) -> None:
    """Scoring does not look at outcomes; training says which cells count as missing."""
    table = with_outcomes().astype(dict.fromkeys(bad, object))
    ((name, value),) = bad.items()
    table.loc[[5, 9], name] = value
    scored = validate(table, WITH_OUTCOMES)
    assert scored.warnings == ()
    (warning,) = validate(table, WITH_OUTCOMES, to_train=True).warnings
    assert (warning.column, warning.check, warning.rows) == (name, "unread_outcome", (5, 9))
    assert scored.outcomes is not None
    assert scored.outcomes[name].iloc[[5, 9]].isna().all()


def test_dates_in_a_number_s_place_are_no_outcome() -> None:
    """They count as missing, all of them, and scoring goes on."""
    dates = pd.date_range("2026-01-01", periods=len(TABLE))
    batch = validate(with_outcomes().assign(**{"Next year": dates}), WITH_OUTCOMES, to_train=True)
    assert [(w.column, w.check) for w in batch.warnings] == [("Next year", "unread_outcome")]
    assert batch.outcomes is not None
    assert batch.outcomes["Next year"].isna().all()


def test_a_missing_outcome_is_a_warning_in_training_only() -> None:
    """New customers have none yet; a table to learn from that lacks one is described without it."""
    assert validate(TABLE, WITH_OUTCOMES).warnings == ()
    assert validate(TABLE, WITH_OUTCOMES).outcomes is None
    batch = validate(with_outcomes().drop(columns="Left"), WITH_OUTCOMES, to_train=True)
    assert [(w.column, w.check) for w in batch.warnings] == [("Left", "missing_outcome")]
    assert batch.outcomes is not None
    assert list(batch.outcomes) == ["Next year"]


def test_another_table_is_called_one() -> None:
    """Not a line for each of the schema's columns; one that looks like one of them is offered."""
    frame = pd.DataFrame({"Balance": [1.0], "logins": [3], "region": ["a"]})
    with pytest.raises(DataError, match="2 problems") as caught:
        validate(frame, load_schema("cc_general"))
    text = str(caught.value)
    assert "the 17 columns of the schema cc_general, found 0 of them" in text
    assert "schema=auto" in text
    assert "Rename 'Balance', if that is it." in text
