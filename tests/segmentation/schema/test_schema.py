"""The shipped schema agrees with the published table; a broken one is refused by name."""

import dataclasses

import pandas as pd
import pytest

from segmentation.data.validation import validate
from segmentation.errors import SpecError
from segmentation.schema import TableSchema, load_schema

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
    """Label, unit, help, range, default and a known group: the form needs all of them."""
    for column in schema.columns:
        assert column.label
        assert column.unit
        assert column.help.endswith(".")
        assert column.plausible is not None
        assert column.default is not None
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
