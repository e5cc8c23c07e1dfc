"""What a customer table looks like, as data: columns, units, plausible ranges, ratios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from segmentation.errors import SpecError

Kind = Literal["money", "count", "frequency", "months", "number"]
KINDS: tuple[str, ...] = get_args(Kind)


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
        0 to 1), ``months`` or plain ``number``.
    unit
        For display, for example ``"$"`` or ``"months"``.
    group
        Key into :attr:`TableSchema.groups`; the form's section.
    plausible
        Closed interval; values outside it warn. None where anything goes.
    nullable
        Whether missing values are expected; a null elsewhere warns, it never fails.
    default
        What an empty form starts with.
    help
        One sentence for the form.
    high, low
        A few words for customers whose values are high or low, for segment names, for example
        ``"frequent buyers"``; empty for words made from the label.
    """

    name: str
    label: str
    kind: Kind = "number"
    unit: str = ""
    group: str = "columns"
    plausible: tuple[float, float] | None = None
    nullable: bool = False
    default: float | None = None
    help: str = ""
    high: str = ""
    low: str = ""


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
    values: Mapping[str, float | None]


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
            schema = cls(**fields)
        except (KeyError, TypeError) as error:
            raise SpecError(f"schema {raw.get('name', '?')!r} is malformed: {error}") from error
        _check_references(schema)
        return schema


def load_schema(name_or_path: str) -> TableSchema:
    """Return the schema that ships under a name, or the one in a YAML file.

    Raises
    ------
    SpecError
        When neither a shipped schema nor a file of that name exists.
    """
    shipped = files("segmentation") / "schemas"
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise SpecError(f"schema file {name_or_path!r} does not exist")
        text = path.read_text(encoding="utf-8")
    else:
        resource = shipped / f"{name_or_path}.yaml"
        if not resource.is_file():
            names = sorted(r.name.removesuffix(".yaml") for r in shipped.iterdir())
            raise SpecError(
                f"schema {name_or_path!r} is unknown: use one of {', '.join(names)}, "
                "or the path of a .yaml file"
            )
        text = resource.read_text(encoding="utf-8")
    return TableSchema.from_dict(yaml.safe_load(text))


def _column(item: Mapping[str, Any]) -> Column:
    fields = dict(item)
    if fields.get("kind", "number") not in KINDS:
        raise SpecError(
            f"column {fields.get('name')!r}: kind {fields['kind']!r} is not one of {KINDS}"
        )
    if fields.get("plausible") is not None:
        low, high = fields["plausible"]
        fields["plausible"] = (float(low), float(high))
    return Column(**fields)


def _check_references(schema: TableSchema) -> None:
    known = set(schema.column_names)
    if len(known) != len(schema.columns):
        raise SpecError(f"schema {schema.name!r} names a column twice")
    named = {c for r in schema.ratios for c in (r.numerator, r.denominator)}
    named |= {c for i in schema.identities for c in (i.total, *i.parts)}
    named |= {c for e in schema.examples for c in e.values}
    if unknown := sorted(named - known):
        raise SpecError(f"schema {schema.name!r} refers to columns it lacks: {', '.join(unknown)}")
