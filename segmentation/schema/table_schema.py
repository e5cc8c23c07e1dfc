"""What a customer table looks like, as data: columns, outcomes, units, ranges, ratios."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, Literal, get_args

from segmentation.errors import SpecError

Kind = Literal[
    "money", "count", "frequency", "months", "number", "category", "ordered", "indicator"
]
KINDS: tuple[str, ...] = get_args(Kind)
SENSITIVE = "sensitive: describes segments, does not form them"
# How dates are written, and what to call it.
DATE_ORDERS: Mapping[str, str] = {
    "ymd": "year-month-day",
    "dmy": "day-month-year",
    "mdy": "month-day-year",
    "ym": "year-month",
    "my": "month-year",
    "seconds": "seconds since 1970",
    "milliseconds": "milliseconds since 1970",
    "serial": "as days of a spreadsheet, 1 for 1 January 1900",
}
CATEGORIES: tuple[Kind, ...] = ("category", "ordered")
# Two levels that answer a question: the first means no.
ANSWERS = frozenset(
    {("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"), ("0", "1"), ("off", "on")}
    | {("nein", "ja"), ("n", "j"), ("non", "oui"), ("n", "o"), ("no", "si"), ("no", "sí")}
    | {("não", "sim"), ("nao", "sim"), ("n", "s"), ("no", "sì"), ("nee", "ja"), ("nie", "tak")}
)


@dataclass(frozen=True)
class Column:
    """One feature column of a customer table.

    The kind is ``money`` (currency), ``count`` (whole, at least 0), ``frequency`` (share of
    months, 0 to 1), ``months``, ``number``, ``category`` (levels without an order), ``ordered``
    (levels from least to most) or ``indicator`` (0 or 1), which
    :mod:`segmentation.preprocessing.categorical` makes of a category.
    """

    name: str  # exactly as in the file
    label: str
    kind: Kind = "number"
    unit: str = ""  # for display, for example "$" or "months"
    group: str = "columns"  # key into TableSchema.groups, a section of the form
    plausible: tuple[float, float] | None = None  # closed interval; values outside it warn
    nullable: bool = False  # whether missing values are expected; others warn, never fail
    help: str = ""  # one sentence for the form
    high: str = ""  # words for high values in segment names; empty: made from the label
    low: str = ""
    levels: tuple[str, ...] = ()  # in the order of their codes 0, 1, ...
    sensitive: bool = False  # describes segments; forms them only if that is switched on
    of: str = ""  # the category of an indicator, which is 1 for the indicator's levels
    decimal: str = "."  # how the column writes decimals in texts: "." or ","
    against: tuple[str, ...] = ()  # of a category's only indicator: the levels for which it is 0
    missing: tuple[str, ...] = ()  # what means a missing value in this column alone, as "-1"
    # Where cells hold dates: their order, a key of `DATE_ORDERS`, and the day (year-month-day) to
    # which they count; kind `months` counts months, any other number years.
    dates: str = ""
    since: str = ""

    @property
    def categorical(self) -> bool:
        """Whether values are levels, not amounts."""
        return self.kind in CATEGORIES

    @property
    def binary(self) -> bool:
        """Whether values answer yes or no: two such levels, or whole numbers from 0 to 1."""
        if self.categorical:
            levels = tuple(level.casefold() for level in self.levels)
            return levels in ANSWERS or levels[::-1] in ANSWERS
        return self.kind == "count" and self.plausible == (0.0, 1.0)


@dataclass(frozen=True)
class Ratio:
    """A derived feature: numerator column divided by denominator column."""

    name: str
    label: str
    numerator: str
    denominator: str


@dataclass(frozen=True)
class Identity:
    """Internal arithmetic that should hold: ``total`` equals the sum of ``parts``."""

    total: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """A made-up customer for the form, never a real one."""

    title: str
    values: Mapping[str, float | str | None]


@dataclass(frozen=True)
class TableSchema:
    """The contract of one kind of customer table."""

    name: str  # used in specs, for example "cc_general"
    title: str
    columns: tuple[Column, ...]  # features in their fixed order
    identifier: str | None = None  # becomes the index, never a feature
    source: str = ""  # where the table is published
    period: str = ""  # the time that a row covers
    customers: str = "customers"  # what they are called on pages, in the plural
    groups: Mapping[str, str] | None = None  # key to heading, in the order of the form
    ratios: tuple[Ratio, ...] = ()
    identities: tuple[Identity, ...] = ()
    examples: tuple[Example, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)  # column to reason
    missing: tuple[str, ...] = ()  # texts for a missing value, such as "Unknown", in any case
    # What happened to customers: describes segments, is no feature and not needed to score.
    # Of an outcome with two levels the second is the event that is counted.
    outcomes: tuple[Column, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)  # column to what a draft noticed
    # How the table is made of transactions: :class:`segmentation.data.transactions.recipe.Recipe`.
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Names of the feature columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @cached_property
    def every_name(self) -> frozenset[str]:
        """Names of all columns of the table that the schema speaks of."""
        identifier = (self.identifier,) if self.identifier else ()
        return frozenset({*self.column_names, *self.outcome_names, *self.excluded, *identifier})

    @cached_property
    def detail_column(self) -> str:
        """Name of the column that asks a scoring server for more or less, beside the table's."""
        return free_name("detail", self.every_name)

    @cached_property
    def sensitive_names(self) -> tuple[str, ...]:
        """Names of the sensitive columns, in order."""
        return tuple(column.name for column in self.columns if column.sensitive)

    @cached_property
    def outcome_names(self) -> tuple[str, ...]:
        """Names of the outcomes, in order."""
        return tuple(column.name for column in self.outcomes)

    def as_features(self, names: Iterable[str]) -> TableSchema:
        """Return the schema in which some outcomes are features, after the other features.

        Raises
        ------
        SpecError
            When one is no outcome of this schema.
        """
        chosen = dict.fromkeys(names)
        if unknown := [name for name in chosen if name not in self.outcome_names]:
            expected = f"some of {', '.join(self.outcome_names)}" if self.outcomes else "none"
            raise SpecError(
                f"as_features={', '.join(unknown)}: schema {self.name!r} has no such outcome; "
                f"expected {expected}"
            )
        return replace(
            self,
            columns=(*self.columns, *(c for c in self.outcomes if c.name in chosen)),
            outcomes=tuple(c for c in self.outcomes if c.name not in chosen),
        )

    def forming(self, *, sensitive: bool = False, excluded: tuple[str, ...] = ()) -> TableSchema:
        """Return the schema of the columns that form segments.

        Sensitive columns are left out unless `sensitive`; so are those named in `excluded`.

        Raises
        ------
        SpecError
            When one is unknown, or no column would be left.
        """
        if unknown := sorted(set(excluded) - set(self.column_names)):
            raise SpecError(
                f"excluded={', '.join(unknown)}: schema {self.name!r} has no such column; "
                f"expected some of {', '.join(self.column_names)}"
            )
        left_out = dict.fromkeys(excluded, "left out: describes segments, does not form them")
        if not sensitive:
            left_out |= dict.fromkeys(self.sensitive_names, SENSITIVE)
        if not left_out:
            return self
        forming = tuple(column for column in self.columns if column.name not in left_out)
        if not forming:
            raise SpecError(
                f"schema {self.name!r} has no column left that forms segments: "
                f"{', '.join(left_out)} only describe them"
            )
        names = {column.name for column in forming}
        return replace(
            self,
            columns=forming,
            ratios=tuple(r for r in self.ratios if {r.numerator, r.denominator} <= names),
            identities=tuple(i for i in self.identities if {i.total, *i.parts} <= names),
            examples=tuple(
                replace(e, values={k: v for k, v in e.values.items() if k in names})
                for e in self.examples
            ),
            excluded={**self.excluded, **left_out},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that :meth:`from_dict` turns back into an equal schema."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> TableSchema:
        """Build a schema from plain data, as read from YAML or JSON.

        Raises
        ------
        SpecError
            When a key is missing or unknown, a kind is unknown, or a ratio, identity or
            example names a column that is not there.
        """
        fields = dict(raw)
        try:
            fields["columns"] = tuple(_column(item) for item in fields["columns"])
            fields["ratios"] = tuple(Ratio(**item) for item in fields.get("ratios", ()))
            fields["identities"] = tuple(
                Identity(total=item["total"], parts=tuple(item["parts"]))
                for item in fields.get("identities", ())
            )
            fields["examples"] = tuple(Example(**item) for item in fields.get("examples", ()))
            fields["excluded"] = dict(fields.get("excluded") or {})
            fields["missing"] = tuple(map(str, fields.get("missing") or ()))
            fields["outcomes"] = tuple(_column(item) for item in fields.get("outcomes") or ())
            fields["recipe"] = dict(fields.get("recipe") or {})
            fields["notes"] = {str(k): str(v) for k, v in (fields.get("notes") or {}).items()}
            schema = cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"schema {raw.get('name', '?')!r} is malformed: {error}") from error
        _check_references(schema)
        return schema


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name for a column beside those of a table: with ``_`` behind it until it is free."""
    while name in taken:
        name += "_"
    return name


def _column(item: Mapping[str, Any]) -> Column:
    fields = dict(item)
    if fields.get("kind", "number") not in KINDS:
        raise SpecError(
            f"column {fields.get('name')!r}: kind {fields['kind']!r} is not one of {KINDS}"
        )
    if fields.get("plausible") is not None:
        low, high = fields["plausible"]
        fields["plausible"] = (float(low), float(high))
    fields["name"] = str(fields["name"])  # YAML reads 2020 as a number
    fields.pop("default", None)  # of earlier releases, whose form did not start blank
    for key in ("levels", "against", "missing"):
        fields[key] = tuple(map(str, fields.get(key) or ()))
    fields["since"] = str(fields.get("since") or "")  # YAML reads a day as a date
    if fields.get("decimal", ".") not in {".", ","}:
        raise SpecError(
            f"column {fields['name']!r}: decimal is '.' or ',', not {fields['decimal']!r}"
        )
    column = Column(**fields)
    _check_dates(column)
    _check_levels(column)
    return column


def _check_dates(column: Column) -> None:
    if not (column.dates or column.since):
        return
    try:
        date.fromisoformat(column.since)
        right = column.dates in DATE_ORDERS and not column.categorical
    except ValueError:
        right = False
    if not right:
        raise SpecError(
            f"column {column.name!r}: dates={column.dates!r} and since={column.since!r} with kind "
            f"{column.kind!r}; expected dates to be one of {', '.join(DATE_ORDERS)}, since to be a "
            "day such as 2024-07-01, and the kind months or number"
        )


def _check_levels(column: Column) -> None:
    if (column.categorical or bool(column.of)) != bool(column.levels):
        expected = "levels" if column.categorical else "no levels, or the kind category or ordered"
        raise SpecError(f"column {column.name!r} of kind {column.kind!r}: expected {expected}")
    if len({level.casefold() for level in column.levels}) != len(column.levels):
        raise SpecError(f"column {column.name!r} names a level twice")


def _check_references(schema: TableSchema) -> None:
    features = set(schema.column_names)
    if len(features) != len(schema.columns):
        raise SpecError(f"schema {schema.name!r} names a column twice")
    referenced = {c for r in schema.ratios for c in (r.numerator, r.denominator)}
    referenced |= {c for i in schema.identities for c in (i.total, *i.parts)}
    if texts := sorted(referenced & {c.name for c in schema.columns if c.categorical}):
        raise SpecError(f"schema {schema.name!r} calculates with categories: {', '.join(texts)}")
    referenced |= {c for e in schema.examples for c in e.values}
    if twice := sorted(features & {*schema.excluded, schema.identifier}):
        raise SpecError(
            f"schema {schema.name!r}: {', '.join(map(str, twice))} cannot be a feature and "
            "excluded or the identifier"
        )
    outcomes = set(schema.outcome_names)
    if len(outcomes) != len(schema.outcomes):
        raise SpecError(f"schema {schema.name!r} names an outcome twice")
    if twice := sorted(outcomes & {*features, *schema.excluded, schema.identifier}):
        raise SpecError(
            f"schema {schema.name!r}: {', '.join(map(str, twice))} cannot be an outcome and "
            "a feature, excluded or the identifier"
        )
    if unknown := sorted(referenced - features):
        raise SpecError(f"schema {schema.name!r} refers to columns it lacks: {', '.join(unknown)}")
