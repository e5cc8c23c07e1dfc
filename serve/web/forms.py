"""The customer form, built from the schema of the served model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any, ClassVar

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from markupsafe import Markup
from wtforms import (
    BooleanField,
    FloatField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import HiddenInput

from experiments.registry.client import LONGEST_SEGMENT_NAME
from segmentation.interpretation.formatting import quantity
from segmentation.schema import Column, Identity, TableSchema
from serve.web.views import level_labels, switch_labels, typed

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = "Unknown"
# More levels are searched, not looked through; more columns below one heading are cut in parts.
MOST_LISTED = 30
MOST_TOGETHER = 20
MOST_ACTION = 500
MOST_REASON = 1_000
SHORTER = f"At most {MOST_REASON:,} characters; shorten it a little."


class NumberField(StringField):  # type: ignore[misc]
    """A number as a person writes it; empty means unknown. What was typed is kept on error."""

    number: float | None = None

    def __init__(self, column: Column, **more: Any) -> None:
        super().__init__(column.label, description=column.help, **more)
        self.column = column

    def pre_validate(self, form: FlaskForm) -> None:  # noqa: ARG002 - WTForms passes it
        """Read the number, with the column's decimal mark.

        Raises
        ------
        ValidationError
            Naming what was found and what was expected.
        """
        typed = (self.data or "").strip()
        self.number = typed_number(typed, self.column) if typed else None
        if self.number is not None and not isfinite(self.number):
            point = self.column.decimal == "."
            mark, example = ("point", "1250.50") if point else ("comma", "1250,50")
            raise ValidationError(
                f"“{typed}” is not a number. Type digits and a decimal {mark}, for example "
                f"{example}, or leave the field empty if it is unknown."
            )


def typed_number(typed: str, column: Column) -> float:
    """Return what was typed as a number, NaN where it is none; a share is typed in per cent."""
    import pandas as pd  # noqa: PLC0415 - a page starts without it

    from segmentation.schema.numbers import read_numbers  # noqa: PLC0415 - it needs pandas

    number = float(read_numbers(pd.Series([typed]), column.decimal)[0])
    return number / 100 if column.kind == "frequency" else number


class LevelField(SelectField):  # type: ignore[misc]
    """A level chosen by a person; empty means unknown."""

    def __init__(self, column: Column, **more: Any) -> None:
        labels = zip(column.levels, level_labels(column), strict=True)
        choices = [SelectChoice("", UNKNOWN), *(SelectChoice(*choice) for choice in labels)]
        super().__init__(column.label, choices=choices, description=column.help, **more)
        self.column = column

    def __call__(self, **attributes: Any) -> str:
        """Render the field as a list to choose from."""
        attributes["class"] = str(attributes.get("class", "")).replace(
            "form-control", "form-select"
        )
        attributes.pop("inputmode", None)
        rendered: str = super().__call__(**attributes)
        return rendered

    @property
    def number(self) -> float | None:
        """The level's code, None where it is unknown."""
        return float(self.column.levels.index(self.data)) if self.data else None

    def pre_validate(self, form: FlaskForm) -> None:
        """Check that the level is one of the list.

        Raises
        ------
        ValidationError
            Naming what was expected.
        """
        try:
            super().pre_validate(form)
        except ValidationError:
            self.data = ""
            levels = ", ".join(self.column.levels)
            raise ValidationError(
                f"This level is not known. Choose one of {levels}, or leave it unknown."
            ) from None


class SwitchField(RadioField):  # type: ignore[misc]
    """Yes, no or unknown."""

    def __init__(self, column: Column, **more: Any) -> None:
        self.values = column.levels or ("0", "1")
        labels = zip(self.values, switch_labels(column), strict=True)
        choices = [*(SelectChoice(*choice) for choice in labels), SelectChoice("", UNKNOWN)]
        super().__init__(column.label, choices=choices, description=column.help, **more)

    @property
    def number(self) -> float | None:
        """0 or 1 as in the table, a level's code; None where it is unknown."""
        return float(self.values.index(self.data)) if self.data else None


class SearchField(StringField):  # type: ignore[misc]
    """A level out of many: typed, with those that fit offered; empty means unknown."""

    data: str | None
    number: float | None = None

    def __init__(self, column: Column, **more: Any) -> None:
        super().__init__(column.label, description=column.help, **more)
        self.choices = list(zip(column.levels, level_labels(column), strict=True))

    def __call__(self, **attributes: Any) -> Markup:
        """Render the field and its list of levels, which browsers search while one types."""
        attributes.pop("inputmode", None)
        options = Markup("").join(
            Markup('<option value="{}">{}</option>').format(level, "" if level == label else label)
            for level, label in self.choices
        )
        levels = Markup('<datalist id="{}-levels">{}</datalist>').format(self.id, options)
        field: Markup = super().__call__(**attributes, list=f"{self.id}-levels")
        return field + levels

    def pre_validate(self, form: FlaskForm) -> None:  # noqa: ARG002 - WTForms passes it
        """Find the level, in any case and with or without underscores.

        Raises
        ------
        ValidationError
            Naming what was found and the levels most like it.
        """
        typed = " ".join((self.data or "").split()).casefold()
        self.number = None
        if not typed:
            return
        code_of = {label.casefold(): code for code, (_, label) in enumerate(self.choices)}
        code_of |= {level.casefold(): code for code, (level, _) in enumerate(self.choices)}
        if typed not in code_of:
            like = dict.fromkeys(code_of[text] for text in get_close_matches(typed, code_of))
            levels = " or ".join(self.choices[code][0] for code in like)
            raise ValidationError(
                f"“{self.data}” is none of the {len(self.choices)} levels of this column. "
                + (f"Did you mean {levels}? " if like else "Choose one of the list. ")
                + "Leave the field empty if it is unknown."
            )
        self.number = float(code_of[typed])
        self.data = self.choices[code_of[typed]][0]


class ActionForm(FlaskForm):  # type: ignore[misc]
    """What to do for the customers of a segment."""

    text = TextAreaField(
        "Action",
        validators=[
            Length(
                max=MOST_ACTION, message=f"At most {MOST_ACTION:,} characters; shorten it a little."
            )
        ],
    )


class NameForm(FlaskForm):  # type: ignore[misc]
    """Another name for a segment."""

    name = StringField(
        "Name",
        validators=[
            DataRequired("Enter a name."),
            Length(max=LONGEST_SEGMENT_NAME, message=f"At most {LONGEST_SEGMENT_NAME} characters."),
        ],
    )


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    name = StringField("Name", validators=[DataRequired("Type your name."), Length(max=64)])
    password = PasswordField(
        "Password", validators=[DataRequired("Type your password."), Length(max=200)]
    )


class MoveForm(FlaskForm):  # type: ignore[misc]
    """Why the champion moves."""

    reason = TextAreaField("Why", validators=[Length(max=MOST_REASON, message=SHORTER)])
    force = BooleanField("Even if a check of quality fails")
    seen = IntegerField(widget=HiddenInput(), validators=[Optional()])

    def validate_force(self, field: BooleanField) -> None:
        """Require a reason where a failed check is overridden.

        Raises
        ------
        ValidationError
            When there is none.
        """
        if field.data and not (self.reason.data or "").strip():
            self.reason.errors = [*self.reason.errors, "Give a reason: it is recorded."]
            raise ValidationError("Give a reason.")


class LookUpForm(FlaskForm):  # type: ignore[misc]
    """Which customer of a scored table."""

    identifier = StringField(
        "Customer", validators=[DataRequired("Type the customer's identifier."), Length(max=200)]
    )


class ControlForm(FlaskForm):  # type: ignore[misc]
    """In which format a list is taken, and whom it leaves alone for comparison."""

    format = RadioField(
        "Format",
        choices=[
            SelectChoice(".csv", "CSV"),
            SelectChoice(".xlsx", "Excel"),
            SelectChoice(".parquet", "Parquet"),
        ],
        default=".csv",
    )
    share = FloatField(
        "Control group, % of every segment",
        default=0,
        validators=[Optional(), NumberRange(0, 90, "Type a number from 0 to 90.")],
    )
    seed = IntegerField(
        "Seed",
        default=1,
        validators=[Optional(), NumberRange(0, 999_999_999, "Type a whole number from 0 on.")],
    )


class UploadForm(FlaskForm):  # type: ignore[misc]
    """A file of customers."""

    file = FileField("Customer file", validators=[FileRequired("Choose a file first.")])
    compare = BooleanField("Ask the challenger too, and show who would move")


class CustomerForm(FlaskForm):  # type: ignore[misc]
    """One field per column of a schema, for :func:`customer_form` to fill in.

    WTForms makes a field an attribute of its form. A column may have any name, also that of a
    method, so the attributes are numbered and `keys` says which column has which.
    """

    keys: ClassVar[dict[str, str]] = {}

    def column(self, name: str) -> Any:
        """Return the field of a column."""
        return self[self.keys[name]]


def customer_form(schema: TableSchema) -> CustomerForm:
    """Return a form with one field per column of the schema; its HTML names are the columns'."""
    keys = {column.name: f"column_{place}" for place, column in enumerate(schema.columns)}
    fields = {keys[column.name]: _field(column, keys[column.name]) for column in schema.columns}
    form: CustomerForm = type("CustomerForm", (CustomerForm,), {"keys": keys, **fields})()
    return form


def _field(column: Column, key: str) -> Any:
    # The page's own token has this name.
    name = key if column.name == "csrf_token" else column.name
    place = {"name": name, "id": key.replace("_", "-"), "default": ""}
    if column.binary:
        return SwitchField(column, **place)
    if column.categorical:
        return (SearchField if len(column.levels) > MOST_LISTED else LevelField)(column, **place)
    return NumberField(column, **place)


def groups(schema: TableSchema) -> list[tuple[str, list[Column]]]:
    """Return the form's sections, heading and columns, as the schema's columns bring them up.

    Long ones are cut into parts. The heading is empty where there is only one.
    """
    headings = schema.groups or {}
    columns_of: dict[str, list[Column]] = {}
    for column in schema.columns:
        columns_of.setdefault(headings.get(column.group, "Other"), []).append(column)
    sections = []
    for heading, columns in columns_of.items():
        parts = ceil(len(columns) / MOST_TOGETHER)
        size = ceil(len(columns) / parts)
        for part in range(parts):
            title = f"{heading}, part {part + 1} of {parts}" if parts > 1 else heading
            sections.append((title, columns[part * size : (part + 1) * size]))
    return sections if len(sections) > 1 else [("", columns) for _, columns in sections]


def typed_customer(form: CustomerForm, schema: TableSchema) -> pd.DataFrame:
    """Return the customer of a valid form as a table of one row, levels as codes.

    A total, or one of its parts, that was left empty follows from the others.
    """
    import pandas as pd  # noqa: PLC0415 - a page starts without it

    values = {name: form.column(name).number for name in schema.column_names}
    for identity in schema.identities:
        values |= _following(values, identity)
    return pd.DataFrame([values], dtype=float)


def _following(values: Mapping[str, float | None], identity: Identity) -> dict[str, float]:
    """Return the one value of a sum that is unknown and follows from the others."""
    unknown = [name for name in (identity.total, *identity.parts) if values[name] is None]
    if len(unknown) != 1:
        return {}
    parts = sum(values[name] or 0.0 for name in identity.parts)
    if unknown == [identity.total]:
        return {identity.total: parts}
    left = (values[identity.total] or 0.0) - parts
    return {unknown[0]: left} if left >= 0 else {}


def moved_totals(form: CustomerForm, changed: str, schema: TableSchema) -> dict[str, str]:
    """Move the totals of a valid form with a part that was changed; return what to type there.

    The other way there is no answer: which part a changed total is made of, nobody can tell.

    Parameters
    ----------
    form
        Its totals are changed in place.
    changed
        The HTML name of the field that was changed.
    schema
        Its identities are the sums.

    Returns
    -------
    dict
        By HTML name, the total as one would type it.
    """
    moved = {}
    for identity in schema.identities:
        numbers = [form.column(name).number for name in identity.parts]
        names = [form.column(name).name for name in identity.parts]
        total = form.column(identity.total)
        if changed in names and None not in numbers:
            total.number = sum(numbers)
            total.data = typed(total.number, schema.column(identity.total))
            moved[total.name] = total.data
    return moved


def n_known(customer: pd.DataFrame) -> int:
    """Return how many values of a table of one customer are known."""
    return int(customer.notna().to_numpy().sum())


def doubts(customer: pd.DataFrame, schema: TableSchema) -> list[str]:
    """Return what looks implausible about a customer, one sentence each."""
    values = {name: float(customer[name].iloc[0]) for name in schema.column_names}
    return [*_implausible(values, schema), *_broken_sums(values, schema)]


def _implausible(values: dict[str, float], schema: TableSchema) -> Iterator[str]:
    for column in schema.columns:
        if column.categorical:
            continue
        low, high = column.plausible or (float("-inf"), float("inf"))
        if values[column.name] < low or values[column.name] > high:
            yield (
                f"{column.label}: you typed {quantity(values[column.name], column)}, "
                f"usual is {quantity(low, column)} to {quantity(high, column)}."
            )


def _broken_sums(values: dict[str, float], schema: TableSchema) -> Iterator[str]:
    for identity in schema.identities:
        total, parts = schema.column(identity.total), map(schema.column, identity.parts)
        together = sum(values[name] for name in identity.parts)
        if abs(values[total.name] - together) > max(1.0, 0.01 * abs(together)):
            yield (
                f"{total.label}: you typed {quantity(values[total.name], total)}, but "
                f"{' and '.join(p.label.lower() for p in parts)} make {quantity(together, total)}."
            )
