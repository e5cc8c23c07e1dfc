"""Draft the schema of a table: kinds, levels and their order, identifier, exclusions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from segmentation.errors import DataError, Problem
from segmentation.schema import Column, Kind, TableSchema
from segmentation.schema.grouping import grouped
from segmentation.schema.levels import as_text, is_missing
from segmentation.types import FloatArray

IDENTIFIER = re.compile(
    r"(^|_|\b)(id|key|number|num|no)$|^(cust|customer|client|account|acct|user|member)"
    r"[_ ]?(id|key|number|num|no|nr)?$",
    re.IGNORECASE,
)
MONEY = re.compile(
    r"amount|amt|bal(ance)?($|_)|limit|payment|purchases?$|income|salary|spend|revenue|price|"
    r"cash|open_to_buy|cost|fee",
    re.IGNORECASE,
)
NOT_MONEY = re.compile(r"freq|trx|count|ratio|chng|change|share|percent|_ct|num", re.IGNORECASE)
SENSITIVE = frozenset(
    {"age", "birth", "born", "sex", "gender", "marital", "married", "religion", "faith"}
    | {"ethnicity", "ethnic", "race", "nationality", "citizenship", "disability", "disabled"}
)
UNKNOWN = frozenset(
    {"unknown", "n/a", "na", "none", "null", "nan", "-", "--", "?", ".", "missing", "unspecified"}
)
MOST_COLUMNS = 300
MOST_LEVELS = 200
MOST_TOKENS = 5
NUMBERS, DATES = 0.5, 0.95
DATE_SAMPLE = 200
LEAST_FOR_LEVELS = 20
IDENTIFIER_SIZE = 1e9
# Words with an order, and bands of numbers.
SCALES: tuple[tuple[str, ...], ...] = (
    ("very low", "low", "medium", "high", "very high"),
    ("none", "low", "moderate", "high"),
    ("small", "medium", "large"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("blue", "classic", "silver", "gold", "platinum", "black"),
    ("basic", "standard", "premium"),
    (
        *("uneducated", "primary", "secondary", "high school", "college", "graduate"),
        *("bachelor", "post-graduate", "postgraduate", "master", "doctorate", "phd"),
    ),
)
BAND = re.compile(r"[-–<>+]|\b(less|under|below|more|over|above|to|up)\b", re.IGNORECASE)
BELOW = re.compile(r"<|\b(less|under|below|up to)\b", re.IGNORECASE)
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Draft:
    """What one column of a file seems to be."""

    column: Column | None  # None where it is no feature
    reason: str = ""  # why it is no feature
    tokens: tuple[str, ...] = ()  # texts that mean a missing value


def infer_schema(frame: pd.DataFrame, name: str = "inferred") -> TableSchema:
    """Draft a schema: numbers, categories and ordered categories become features.

    The first column whose values identify customers becomes the identifier. Dates, free texts,
    constants, empty columns and further identifiers are excluded, each with the reason. Units
    stay empty.

    Raises
    ------
    DataError
        When no column is left, there are too many, or two have one name.
    """
    names = [str(column) for column in frame.columns]
    frame = frame.set_axis(names, axis=1)
    if doubled := sorted({n for n in names if names.count(n) > 1}):
        remedy = "Remove the others."
        raise DataError([Problem(n, "doubled_column", "one such column", remedy) for n in doubled])
    if not len(frame):
        expected = "at least one row below the header"
        raise DataError([Problem(None, "no_rows", expected, "Check the export.")], name)
    identifiers = list(_identifiers(frame))
    drafts = {n: _draft(n, frame[n]) for n in names if n not in identifiers}
    drafts |= {n: Draft(None, "identifies customers") for n in identifiers[1:]}
    columns = tuple(drafts[n].column for n in names if n in drafts)
    features = tuple(column for column in columns if column is not None)
    _check_number(features, drafts, len(frame))
    features, groups = grouped(features)
    tokens = dict.fromkeys(token for draft in drafts.values() for token in draft.tokens)
    return TableSchema(
        name=name,
        title=f"Inferred from {len(features)} columns",
        columns=features,
        identifier=identifiers[0] if identifiers else None,
        groups=groups,
        excluded={n: drafts[n].reason for n in names if n in drafts and drafts[n].reason},
        missing=tuple(tokens),
    )


def _check_number(features: tuple[Column, ...], drafts: dict[str, Draft], rows: int) -> None:
    if not features:
        reasons = "; ".join(f"{n}: {d.reason}" for n, d in list(drafts.items())[:8])
        expected = (
            f"at least one column of numbers or categories, found in {rows:,} rows: "
            f"{reasons or 'no column'}"
        )
        remedy = "Add the features, or describe the table in a schema file."
        raise DataError([Problem(None, "no_features", expected, remedy)])
    if len(features) > MOST_COLUMNS:
        expected = f"at most {MOST_COLUMNS} features, found {len(features)}"
        remedy = "Draft a schema of part of the table and list the others under `excluded`."
        raise DataError([Problem(None, "too_many_columns", expected, remedy)])


def _identifiers(frame: pd.DataFrame) -> Iterator[str]:
    """Yield columns of distinct values that are texts, huge numbers or named like identifiers."""
    for column in map(str, frame.columns):
        values = frame[column]
        if len(frame) < 2 or values.isna().any() or not values.is_unique:
            continue
        if is_bool_dtype(values) or is_datetime64_any_dtype(values):
            continue
        has_name = bool(IDENTIFIER.search(column)) and values.dtype.kind != "f"
        if has_name or _names_by_text(values) or _names_by_number(values):
            yield column


def _names_by_text(values: pd.Series[Any]) -> bool:
    text = not is_numeric_dtype(values)
    return text and not _mostly_numbers(values) and not _are_dates(values)


def _names_by_number(values: pd.Series[Any]) -> bool:
    many = len(values) >= LEAST_FOR_LEVELS
    return bool(many and values.dtype.kind in "iu" and values.min() >= IDENTIFIER_SIZE)


def _draft(name: str, values: pd.Series[Any]) -> Draft:
    if name.startswith("Unnamed:") or not name.strip():
        return Draft(None, "has no name: probably row numbers of an export")
    present = values[~is_missing(values, ())]
    if present.empty:
        return Draft(None, "has no values")
    if is_datetime64_any_dtype(values):
        return Draft(None, DATE)
    if is_numeric_dtype(values) and not is_bool_dtype(values):
        return _drafted_number(name, values, ())
    return _drafted_text(name, values, present)


CONSTANT = "has one value only: customers cannot differ in it"
DATE = "holds dates: add a number, for example the months since"
COMMA = "holds numbers with a decimal comma: export it with a decimal point"


def _drafted_text(name: str, values: pd.Series[Any], present: pd.Series[Any]) -> Draft:
    texts = present.map(as_text)
    tokens = tuple(t for t in texts.unique() if t.casefold() in UNKNOWN)
    texts = texts[~texts.isin(tokens)]
    numbers = pd.to_numeric(texts, errors="coerce")
    if len(texts) and numbers.notna().mean() >= NUMBERS:
        odd = tuple(texts[numbers.isna()].unique())
        if len(odd) <= MOST_TOKENS:
            return _drafted_number(name, values, (*tokens, *odd))
        return Draft(None, f"mixes numbers with {len(odd):,} texts: clean it, or list the levels")
    if reason := _no_category(texts):
        return Draft(None, reason)
    levels = [str(level) for level in texts.unique()]
    return Draft(_category(name, levels, len(texts) < len(values)), "", tokens)


def _no_category(texts: pd.Series[Any]) -> str:
    """Return why texts are no category; empty where they are one."""
    count = texts.nunique()
    if count < 2:
        return CONSTANT
    if _are_dates(texts):
        return DATE
    if texts.str.fullmatch(r"-?\d+,\d+").mean() >= NUMBERS:
        return COMMA
    room = MOST_LEVELS if len(texts) >= LEAST_FOR_LEVELS else len(texts)
    if count > min(room, max(len(texts) // 2, 2)):
        return f"holds {count:,} different texts, too many for a category"
    return ""


def _category(name: str, levels: list[str], nullable: bool) -> Column:
    distinct = list({level.casefold(): level for level in sorted(levels, reverse=True)}.values())
    ordered = in_order(distinct)
    return Column(
        name,
        label_of(name),
        kind="ordered" if ordered else "category",
        levels=tuple(ordered or sorted(distinct)),
        nullable=nullable,
        sensitive=is_sensitive(name),
    )


def _drafted_number(name: str, values: pd.Series[Any], tokens: tuple[str, ...]) -> Draft:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    present = numbers[~np.isnan(numbers)]
    if len(np.unique(present)) < 2:
        return Draft(None, CONSTANT)
    finite = present[np.isfinite(present)]
    kind = _number_kind(name, finite)
    column = Column(
        name,
        label_of(name),
        kind=kind,
        plausible=_plausible(kind, finite),
        nullable=bool(len(present) < len(numbers)),
        sensitive=is_sensitive(name),
    )
    return Draft(column, "", tokens)


def _number_kind(name: str, present: FloatArray) -> Kind:
    whole = bool((present == np.round(present)).all())
    if re.search(r"months?($|_)|tenure", name, re.IGNORECASE) and whole:
        return "months"
    if MONEY.search(name) and not NOT_MONEY.search(name):
        return "money"
    if len(present) and not whole and present.min() >= 0 and present.max() <= 1:
        return "frequency"
    return "count" if whole and len(present) and present.min() >= 0 else "number"


def _plausible(kind: Kind, present: FloatArray) -> tuple[float, float] | None:
    """Return a range around the values, rounded outwards so that it discloses none of them."""
    if kind == "frequency":
        return 0.0, 1.0
    if not len(present):
        return None
    low, high = float(present.min()), float(present.max())
    return (0.0 if low >= 0 else -_rounded_up(-low)), (0.0 if high <= 0 else _rounded_up(high))


def _rounded_up(value: float) -> float:
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999_999))


def label_of(name: str) -> str:
    """Return a column's name as a label: ``Y per day`` for ``y_per_day``."""
    return " ".join(name.replace("_", " ").split()).capitalize() or name


def is_sensitive(name: str) -> bool:
    """Return whether a column's name suggests a trait that the law protects."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    return any(word.casefold() in SENSITIVE for word in words)


def _mostly_numbers(values: pd.Series[Any]) -> bool:
    return bool(pd.to_numeric(values, errors="coerce").notna().mean() >= NUMBERS)


def _are_dates(values: pd.Series[Any]) -> bool:
    """Return whether texts look like dates: digits with separators that pandas can parse."""
    sample = values.iloc[:DATE_SAMPLE].map(as_text)
    marked = sample.str.contains(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}").mean() >= DATES
    return bool(marked and pd.to_datetime(sample, errors="coerce", format="mixed").notna().any())


def in_order(levels: Sequence[str]) -> list[str] | None:
    """Return distinct levels from least to most; None where no order is recognised."""
    return _on_a_scale(levels) or _as_bands(levels)


def _on_a_scale(levels: Sequence[str]) -> list[str] | None:
    for scale in SCALES:
        position = {word: number for number, word in enumerate(scale)}
        if len(levels) >= 2 and all(level.strip().casefold() in position for level in levels):
            return sorted(levels, key=lambda level: position[level.strip().casefold()])
    return None


def _as_bands(levels: Sequence[str]) -> list[str] | None:
    """Return bands such as ``Less than $40K``, ``$40K - $60K``, ``$120K +`` in order."""
    if len(levels) < 3 or not all(BAND.search(level) and NUMBER.search(level) for level in levels):
        return None
    keys = {level: _band_key(level) for level in levels}
    if len(set(keys.values())) < len(levels):
        return None
    return sorted(levels, key=keys.__getitem__)


def _band_key(level: str) -> tuple[float, int]:
    first = float(NUMBER.findall(level)[0].replace(",", "."))
    return first, 0 if BELOW.search(level) else 1
