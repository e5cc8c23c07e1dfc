"""The shipped schema agrees with the published table; a broken one is refused by name."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest

from segmentation.data.validation import validate
from segmentation.errors import SpecError
from segmentation.schema import Column, TableSchema, load_schema, to_yaml

# The header of the public table, in its order (Kaggle arjunbhasin2013/ccdata, OpenML 43618).
PUBLISHED = set(
    """
    CUST_ID BALANCE BALANCE_FREQUENCY PURCHASES ONEOFF_PURCHASES INSTALLMENTS_PURCHASES
    CASH_ADVANCE PURCHASES_FREQUENCY ONEOFF_PURCHASES_FREQUENCY
    PURCHASES_INSTALLMENTS_FREQUENCY CASH_ADVANCE_FREQUENCY CASH_ADVANCE_TRX PURCHASES_TRX
    CREDIT_LIMIT PAYMENTS MINIMUM_PAYMENTS PRC_FULL_PAYMENT TENURE
    """.split()  # noqa: SIM905 - a header is easier to compare as one text
)


@pytest.fixture
def schema() -> TableSchema:
    """Return the shipped schema."""
    return load_schema("cc_general")


def test_the_columns_are_those_published(schema: TableSchema) -> None:
    """Identifier and seventeen features, named exactly as in the public table."""
    assert schema.identifier == "CUST_ID"
    assert {schema.identifier, *schema.column_names} == PUBLISHED
    assert len(schema.columns) == 17


def test_every_column_can_be_shown_to_a_person(schema: TableSchema) -> None:
    """Label, unit, help, range and a known group: the form needs all of them."""
    for column in schema.columns:
        assert column.label
        assert column.unit
        assert column.help.endswith(".")
        assert column.plausible is not None
        assert column.group in (schema.groups or {})


def test_the_examples_are_valid_customers(schema: TableSchema) -> None:
    """Every made-up customer passes validation without a doubt, sums included."""
    assert len(schema.examples) >= 4
    for example in schema.examples:
        assert set(example.values) == set(schema.column_names)
        batch = validate(
            pd.DataFrame([example.values]), dataclasses.replace(schema, identifier=None)
        )
        assert not batch.warnings, example.title
        for identity in schema.identities:
            parts = sum(batch.customers[part].iloc[0] for part in identity.parts)
            assert batch.customers[identity.total].iloc[0] == pytest.approx(parts)


def test_a_schema_survives_plain_data(schema: TableSchema) -> None:
    """What is written as JSON or YAML reads back equal."""
    assert TableSchema.from_dict(schema.to_dict()) == schema


def test_a_column_is_found_by_name(schema: TableSchema) -> None:
    """Looking up a column gives that column; an unknown one is a KeyError."""
    assert schema.column("TENURE").kind == "months"
    with pytest.raises(KeyError):
        schema.column("AGE")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": [{"label": "no name"}]}, "malformed"),
        ({"columns": [{"name": "A", "label": "A", "kind": "colour"}]}, "kind 'colour'"),
        ({"columns": [{"name": "A", "label": "A"}] * 2}, "names a column twice"),
        ({"ratios": [{"name": "R", "label": "R", "numerator": "A", "denominator": "Z"}]}, "Z"),
        ({"examples": [{"title": "T", "values": {"Y": 1}}]}, "Y"),
        ({"surprise": 1}, "malformed"),
    ],
)
def test_a_broken_schema_is_refused(change: dict[str, object], message: str) -> None:
    """The error names what is wrong."""
    plain = {"name": "x", "title": "x", "columns": [{"name": "A", "label": "A"}]}
    with pytest.raises(SpecError, match=message):
        TableSchema.from_dict({**plain, **change})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("credit", "one of bank_churners, cc_general, embedded_people"),
        ("missing.yaml", "does not exist"),
    ],
)
def test_an_unknown_schema_names_the_known_ones(name: str, message: str) -> None:
    """A typo is answered with what there is."""
    with pytest.raises(SpecError, match=message):
        load_schema(name)


LEFT = {"name": "left", "label": "Left", "kind": "category", "levels": ["no", "yes"]}
SPEND = {"name": "spend", "label": "Spend"}
WITH_OUTCOME = {
    **{"name": "x", "title": "x", "columns": [SPEND], "outcomes": [LEFT]},
    "notes": {"spend": "read with a decimal comma"},
}


def test_an_outcome_describes_and_is_never_a_feature(tmp_path: Path) -> None:
    """It is no column, is not needed to score, and nobody is warned where it is in the file."""
    schema = TableSchema.from_dict(WITH_OUTCOME)
    assert schema.outcome_names == ("left",)
    assert schema.column_names == ("spend",)
    assert schema.forming().outcomes == schema.outcomes
    assert validate(pd.DataFrame({"spend": [1.0, 2.0]}), schema).warnings == ()
    described = validate(pd.DataFrame({"spend": [1.0, 2.0], "left": ["no", "yes"]}), schema)
    assert described.warnings == ()
    assert list(described.customers) == ["spend"]
    (tmp_path / "s.yaml").write_text(to_yaml(schema), encoding="utf-8")
    assert load_schema(str(tmp_path / "s.yaml")) == schema
    assert TableSchema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


def test_an_outcome_becomes_a_feature_on_purpose() -> None:
    """Named, it moves behind the features; a name that is no outcome is refused."""
    schema = TableSchema.from_dict(WITH_OUTCOME)
    switched = schema.as_features(("left",))
    assert (switched.column_names, switched.outcomes) == (("spend", "left"), ())
    assert schema.as_features(()) == schema
    with pytest.raises(SpecError, match="as_features=spend: .* expected some of left"):
        schema.as_features(("spend",))


def test_a_schema_saved_before_there_were_outcomes_still_loads() -> None:
    """Keys that an older version did not write have defaults."""
    raw = {key: value for key, value in WITH_OUTCOME.items() if key not in {"outcomes", "notes"}}
    schema = TableSchema.from_dict(raw)
    assert (schema.outcomes, schema.notes) == ((), {})
    assert schema.column("spend").decimal == "."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": [SPEND, LEFT]}, "left cannot be an outcome and a feature"),
        ({"excluded": {"left": "why"}}, "left cannot be an outcome and a feature, excluded"),
        ({"identifier": "left"}, "left cannot be an outcome"),
        ({"outcomes": [LEFT, LEFT]}, "names an outcome twice"),
        ({"outcomes": [{**LEFT, "levels": []}]}, "expected levels"),
        ({"examples": [{"title": "T", "values": {"left": "no"}}]}, "refers to columns it lacks"),
        ({"columns": [{**SPEND, "decimal": ";"}]}, "decimal is '.' or ','"),
    ],
)
def test_an_outcome_is_one_thing(change: dict[str, object], message: str) -> None:
    """The error names the column and its two roles."""
    with pytest.raises(SpecError, match=message):
        TableSchema.from_dict({**WITH_OUTCOME, **change})


@pytest.mark.parametrize(
    ("column", "binary"),
    [
        (Column("a", "A", "category", levels=("No", "Yes")), True),
        (Column("a", "A", "category", levels=("True", "False")), True),
        (Column("a", "A", "ordered", levels=("0", "1")), True),
        (Column("a", "A", "category", levels=("f", "m")), False),
        (Column("a", "A", "category", levels=("no", "yes", "maybe")), False),
        (Column("a", "A", "count", plausible=(0.0, 1.0)), True),
        (Column("a", "A", "count", plausible=(0.0, 2.0)), False),
        (Column("a", "A", "count"), False),
        (Column("a", "A", "frequency", plausible=(0.0, 1.0)), False),
    ],
)
def test_a_binary_column_answers_yes_or_no(column: Column, binary: bool) -> None:
    """Two levels such as yes and no, or whole numbers from 0 to 1."""
    assert column.binary is binary
