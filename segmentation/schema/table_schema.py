"""What a customer table looks like, as data: columns, units, plausible ranges, ratios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

from segmentation.errors import SpecError

Kind = Literal[
    "money", "count", "frequency", "months", "number", "category", "ordered", "indicator"
]
KINDS: tuple[str, ...] = get_args(Kind)
SENSITIVE = "sensitive: describes segments, does not form them"
CATEGORIES: tuple[Kind, ...] = ("category", "ordered")


@dataclass(frozen=True)
class Column:
    """One feature column of a customer table.

    Parameters
    ----------
    name
        Exactly as in the file.
    label
        What a person reads.
    kind
        ``money`` (currency), ``count`` (whole, at least 0), ``frequency`` (share of months,
        0 to 1), ``months`` or plain ``number``; ``category`` (levels without an order) or
        ``ordered`` (levels from least to most). ``indicator`` (0 or 1) is made of a category,
        see :mod:`segmentation.preprocessing.categorical`; a file has none.
    unit
        For display, for example ``"$"`` or ``"months"``.
    group
        Key into :attr:`TableSchema.groups`; the form's section.
    plausible
        Closed interval; values outside it warn. None where anything goes.
    nullable
        Whether missing values are expected; a null elsewhere warns, it never fails.
    default
        What an empty form starts with; a level where the column is a category.
    help
        One sentence for the form.
    high, low
        A few words for customers whose values are high or low, for segment names, for example
        ``"frequent buyers"``; empty for words made from the label.
    levels
        Of a category, in the order of their codes 0, 1, ...; empty for a number.
    sensitive
        Whether it describes segments but does not form them unless that is switched on.
    of
        The category an indicator was made of; it is 1 for the indicator's levels.
    """

    name: str
    label: str
    kind: Kind = "number"
    unit: str = ""
    group: str = "columns"
    plausible: tuple[float, float] | None = None
    nullable: bool = False
    default: float | str | None = None
    help: str = ""
    high: str = ""
    low: str = ""
    levels: tuple[str, ...] = ()
    sensitive: bool = False
    of: str = ""

    @property
    def categorical(self) -> bool:
        """Whether values are levels, not amounts."""
        return self.kind in CATEGORIES


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
    """The contract of one kind of customer table.

    Parameters
    ----------
    name
        Short name used in specs, for example ``"cc_general"``.
    title, source, period
        For people: what it is, where it is published, what time a row covers.
    identifier
        Column that names the customer, or None; it becomes the index, never a feature.
    columns
        Feature columns in their fixed order.
    groups
        Group key to heading, in the order of the form.
    ratios, identities, examples
        See :class:`Ratio`, :class:`Identity`, :class:`Example`.
    excluded
        Columns of the file that are no features, each with the reason; they are left alone.
    missing
        Texts that mean a value is missing, for example ``"Unknown"``, whatever their case.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    identifier: str | None = None
    source: str = ""
    period: str = ""
    groups: Mapping[str, str] | None = None
    ratios: tuple[Ratio, ...] = ()
    identities: tuple[Identity, ...] = ()
    examples: tuple[Example, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

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
    def sensitive_names(self) -> tuple[str, ...]:
        """Names of the sensitive columns, in order."""
        return tuple(column.name for column in self.columns if column.sensitive)

    def forming(self, *, sensitive: bool = False, excluded: tuple[str, ...] = ()) -> TableSchema:
        """Return the schema of the columns that form segments.

        Parameters
        ----------
        sensitive
            Whether sensitive columns do too.
        excluded
            Names of others that do not.

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
        kept = tuple(column for column in self.columns if column.name not in left_out)
        if not kept:
            raise SpecError(
                f"schema {self.name!r} has no column left that forms segments: "
                f"{', '.join(left_out)} only describe them"
            )
        names = {column.name for column in kept}
        return replace(
            self,
            columns=kept,
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
            schema = cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"schema {raw.get('name', '?')!r} is malformed: {error}") from error
        _check_references(schema)
        return schema


def _column(item: Mapping[str, Any]) -> Column:
    fields = dict(item)
    if fields.get("kind", "number") not in KINDS:
        raise SpecError(
            f"column {fields.get('name')!r}: kind {fields['kind']!r} is not one of {KINDS}"
        )
    if fields.get("plausible") is not None:
        low, high = fields["plausible"]
        fields["plausible"] = (float(low), float(high))
    fields["levels"] = tuple(map(str, fields.get("levels") or ()))
    column = Column(**fields)
    _check_levels(column)
    return column


def _check_levels(column: Column) -> None:
    if (column.categorical or bool(column.of)) != bool(column.levels):
        expected = "levels" if column.categorical else "no levels, or the kind category or ordered"
        raise SpecError(f"column {column.name!r} of kind {column.kind!r}: expected {expected}")
    if len({level.casefold() for level in column.levels}) != len(column.levels):
        raise SpecError(f"column {column.name!r} names a level twice")


def _check_references(schema: TableSchema) -> None:
    known = set(schema.column_names)
    if len(known) != len(schema.columns):
        raise SpecError(f"schema {schema.name!r} names a column twice")
    named = {c for r in schema.ratios for c in (r.numerator, r.denominator)}
    named |= {c for i in schema.identities for c in (i.total, *i.parts)}
    if texts := sorted(named & {c.name for c in schema.columns if c.categorical}):
        raise SpecError(f"schema {schema.name!r} calculates with categories: {', '.join(texts)}")
    named |= {c for e in schema.examples for c in e.values}
    if twice := sorted(known & {*schema.excluded, schema.identifier}):
        raise SpecError(
            f"schema {schema.name!r}: {', '.join(map(str, twice))} cannot be a feature and "
            "excluded or the identifier"
        )
    if unknown := sorted(named - known):
        raise SpecError(f"schema {schema.name!r} refers to columns it lacks: {', '.join(unknown)}")
