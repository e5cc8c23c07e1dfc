"""The customer form, built from the schema of the served model."""

from __future__ import annotations

from math import isfinite
from typing import Any

import pandas as pd
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import StringField
from wtforms.validators import ValidationError

from segmentation.errors import DataError
from segmentation.schema import Column, TableSchema
from segmentation.validation import validate


class NumberField(StringField):  # type: ignore[misc]
    """A number typed by a person; empty means unknown. What was typed is kept on error."""

    number: float | None = None

    def pre_validate(self, form: FlaskForm) -> None:  # noqa: ARG002 - WTForms passes it
        """Read the number.

        Raises
        ------
        ValidationError
            Naming what was found and what was expected.
        """
        typed = (self.data or "").strip().replace(",", "").replace(" ", "")
        if not typed:
            self.number = None
            return
        try:
            self.number = float(typed)
        except ValueError:
            raise ValidationError(
                f"“{self.data}” is not a number. Type digits, for example 1250.50, "
                "or leave the field empty if it is unknown."
            ) from None
        if not isfinite(self.number):
            raise ValidationError("Type a finite number, or leave the field empty.")


class UploadForm(FlaskForm):  # type: ignore[misc]
    """A file of customers."""

    file = FileField("Customer file (CSV)", validators=[FileRequired("Choose a CSV file first.")])


def customer_form(schema: TableSchema) -> FlaskForm:
    """Return a form with one field per column of the schema."""
    fields: dict[str, Any] = {
        column.name: NumberField(
            column.label,
            description=column.help,
            default="" if column.default is None else f"{column.default:g}",
        )
        for column in schema.columns
    }
    return type("CustomerForm", (FlaskForm,), fields)()


def groups(schema: TableSchema) -> list[tuple[str, list[Column]]]:
    """Return the form's sections, heading and columns, as the schema's columns bring them up."""
    headings = schema.groups or {}
    found: dict[str, list[Column]] = {}
    for column in schema.columns:
        found.setdefault(headings.get(column.group, "Customer"), []).append(column)
    return list(found.items())


def typed_customer(form: FlaskForm, schema: TableSchema) -> pd.DataFrame:
    """Return the customer of a valid form as a table of one row."""
    return pd.DataFrame([{name: form[name].number for name in schema.column_names}], dtype=float)


def doubts(customer: pd.DataFrame, schema: TableSchema) -> list[str]:
    """Return what looks implausible about a customer, one sentence each."""
    try:
        warnings = validate(customer, schema).warnings
    except DataError as error:
        return [str(problem) for problem in error.problems]
    return [
        f"{schema.column(w.column).label}: {w.expected} is usual, you typed {w.examples[0]}."
        for w in warnings
        if w.check == "implausible" and w.column
    ]
