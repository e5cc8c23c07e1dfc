"""Draft the schema of a table: roles, kinds, levels and their order, and what was noticed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from segmentation.disclosure import minimum_group
from segmentation.errors import DataError, Problem
from segmentation.schema import Column, Kind, TableSchema
from segmentation.schema.dates import MOST_JUDGED, dates_of, is_ambiguous, order_of, spread
from segmentation.schema.drafting.identifiers import ROW_IS_PURCHASE, key_of, names_purchases
from segmentation.schema.drafting.number_kinds import is_postal, kind_of, sentinel_note
from segmentation.schema.drafting.ordinals import in_order
from segmentation.schema.drafting.outcome_names import event_last, is_outcome
from segmentation.schema.drafting.sensitivity import is_sensitive
from segmentation.schema.drafting.words import folded, label_of, mentions, vocabulary, words_of
from segmentation.schema.grouping import grouped
from segmentation.schema.levels import MISSING_TEXTS, as_text, is_missing, texts_of
from segmentation.schema.numbers import decimal_of, read_numbers, style_of
from segmentation.schema.table_schema import DATE_ORDERS
from segmentation.types import FloatArray

UNKNOWN = MISSING_TEXTS | {
    *("unspecified", "undefined", "n.d.", "nd", "s/d", "k.a.", "not available", "not specified"),
    *("not stated", "not known", "not given", "no answer", "no response", "prefer not to say"),
    *("don't know", "dont know", "do not know", "unbekannt", "keine angabe", "inconnu", "inconnue"),
    *("desconocido", "desconhecido", "sconosciuto", "onbekend", "sin datos", "non renseigne"),
}
LONGEST = 2 * max(map(len, UNKNOWN))  # no longer text needs to be looked up
NONE = "none"  # may be a level: a customer who has none
COMMON = 0.05
COLOURS = vocabulary("color, colour, farbe, couleur, colore, cor")
MOST_COLUMNS = 300
MOST_LEVELS = 200
MOST_TOKENS = 5
MOST_STATES = 12  # whole numbers that an outcome's name is weighed with
NUMBERS = 0.5
# `50-` in every cell is no negative number but from 50 on.
OPEN_BAND = "[0-9] ?[-\u2212\u2013+]$"
LEAST_FOR_LEVELS = 20
LEAST_CODES = 20  # texts of two letters each, which are codes of states or countries
MOSTLY_EMPTY = 0.5

CONSTANT = "has one value only: customers cannot differ in it"
COPY = "repeats {original}: the same value in every row"
TOO_RARE = "has no two levels that at least {group} customers have each"
WITHHELD = (
    "{count:,} level{s} that fewer than {group} customers have {are} left out, read as missing"
)
OUTCOME = (
    "drafted as an outcome: it describes segments and does not form them; move it to columns if "
    "it should"
)
CODED_OUTCOME = (
    "codes 1 and 2 do not say which is the event: the share of 2 is shown; exchange the levels to "
    "show that of 1"
)


@dataclass(frozen=True)
class Draft:
    """What one column of a file seems to be."""

    column: Column | None = None  # None where it is neither feature nor outcome
    reason: str = ""  # why it is neither
    rank: int | None = None  # as an identifier; the smallest is the best, None: it is none
    outcome: bool = False
    tokens: tuple[str, ...] = ()  # texts that mean a missing value
    note: str = ""


def infer_schema(frame: pd.DataFrame, name: str = "inferred") -> TableSchema:
    """Draft a schema: what each column is, by its name and its values together.

    Numbers, categories and ordered categories become features; what happened to customers
    becomes an outcome. The best column whose values identify customers becomes the identifier.
    Further keys, running numbers, dates, free texts, constants, copies of another column and empty
    columns are excluded, each with the reason. Units stay empty. Levels that fewer customers have
    than the minimum group (:mod:`segmentation.disclosure`) are left out: a draft names nothing
    that singles one out.

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
    drafts = _without_copies({n: _draft(n, frame[n]) for n in names}, frame)
    ranks = {n: draft.rank for n, draft in drafts.items() if draft.rank is not None}
    identifier = min(ranks, key=ranks.__getitem__, default=None)
    features = _columns(drafts.values(), outcome=False)
    _check_number(features, drafts, len(frame))
    notes = {n: draft.note for n, draft in drafts.items() if draft.note}
    if identifier is not None and names_purchases(identifier):
        notes = {identifier: ROW_IS_PURCHASE, **notes}
    features, groups = grouped(features)
    tokens = dict.fromkeys(token for draft in drafts.values() for token in draft.tokens)
    return TableSchema(
        name=name,
        title=f"Inferred from {len(features)} column{'' if len(features) == 1 else 's'}",
        columns=features,
        identifier=identifier,
        groups=groups,
        excluded={n: d.reason for n, d in drafts.items() if d.reason and n != identifier},
        missing=tuple(tokens),
        outcomes=_columns(drafts.values(), outcome=True),
        notes=notes,
    )


def _columns(drafts: Iterable[Draft], *, outcome: bool) -> tuple[Column, ...]:
    return tuple(d.column for d in drafts if d.column is not None and d.outcome is outcome)


def _without_copies(drafts: Mapping[str, Draft], frame: pd.DataFrame) -> dict[str, Draft]:
    """Return drafts in which columns that hold another's values in every row are excluded.

    Of several the outcome stays, else the sensitive one, else the first.
    """
    result = dict(drafts)
    described = [(n, d.column, d.outcome) for n, d in drafts.items() if d.column is not None]
    described.sort(key=lambda item: (not item[2], not item[1].sensitive))
    originals: dict[int, list[str]] = {}
    for name, _, _ in described:
        cells = _plain(frame[name])
        alike = originals.setdefault(int(pd.util.hash_pandas_object(cells, index=False).sum()), [])
        original = next((other for other in alike if cells.equals(_plain(frame[other]))), None)
        if original is None:
            alike.append(name)
        elif len(frame) >= LEAST_FOR_LEVELS:
            result[name] = Draft(reason=COPY.format(original=original))
    return result


def _plain(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return cells without their name; whole numbers as others."""
    numeric = is_numeric_dtype(values) and not is_bool_dtype(values)
    cells = values.to_numpy(np.float64, na_value=np.nan) if numeric else values.astype(object)
    return pd.Series(cells).reset_index(drop=True)


def _check_number(features: tuple[Column, ...], drafts: Mapping[str, Draft], rows: int) -> None:
    if not features:
        reasons = "; ".join(f"{n}: {d.reason or 'an outcome'}" for n, d in list(drafts.items())[:8])
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


def _draft(name: str, values: pd.Series[Any]) -> Draft:
    present = values[~is_missing(values, ())]
    if present.empty:
        return Draft(reason="has no values")
    if name.startswith("Unnamed:") or not name.strip():
        return Draft(reason=_without_name(present, len(values)))
    words = words_of(name)
    if order := order_of(_without_tokens(spread(present, MOST_JUDGED)), words):
        single = present.astype("str").nunique() == 1
        return Draft(reason=CONSTANT if single else _date_reason(name, present, order))
    if key := key_of(name, values):
        return Draft(reason=key.reason, rank=key.rank)
    if is_numeric_dtype(values) and not is_bool_dtype(values):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        return _drafted_number(name, numbers)
    return _drafted_text(name, values, present)


def _without_name(present: pd.Series[Any], rows: int) -> str:
    """Return why a column without a name is no feature."""
    key = key_of("row", present)
    if key is not None and len(present) == rows:
        return "has no name and numbers the rows, as an export does"
    if len(present) < MOSTLY_EMPTY * rows:
        gaps = f"{rows - len(present):,} of {rows:,} rows"
        return f"has no name and is empty in {gaps}: notes beside the table"
    return "has no name: name it if it is a feature"


def _without_tokens(present: pd.Series[Any]) -> pd.Series[Any]:
    """Return cells without the texts that mean a missing value."""
    if present.dtype != object and not pd.api.types.is_string_dtype(present):
        return present
    return present[~present.map(_means_missing).to_numpy(bool)]


def _means_missing(value: object) -> bool:
    return isinstance(value, str) and len(value) < LONGEST and folded(value) in UNKNOWN


def _date_reason(name: str, present: pd.Series[Any], order: str) -> str:
    """Return that a column holds dates, how they are written, and how to use them."""
    days = dates_of(present, order)
    newest = days[~np.isnat(days)].max()
    # The first day of the next month: it gives no single customer away.
    since = (newest.astype("datetime64[M]") + 1).astype("datetime64[D]")
    unclear = " (day and month may be the other way round)" if is_ambiguous(present, order) else ""
    return (
        f"holds dates, written {DATE_ORDERS[order]}{unclear}; to use the months before {since}, "
        f"move it to columns with kind: months, dates: {order}, since: {since}"
        f"{', sensitive: true' if is_sensitive(name) else ''}"
    )


def _drafted_text(name: str, values: pd.Series[Any], present: pd.Series[Any]) -> Draft:
    cells = texts_of(present)
    tokens = _tokens(cells.drop_duplicates().to_list())
    remarks = _common_tokens(cells, tokens)
    texts = cells[~cells.isin(tokens)]
    if draft := _read_as_numbers(name, values, texts, tokens, remarks):
        return draft
    if reason := _too_many(texts):
        return Draft(reason=reason)
    levels = _levels(texts)
    if nones := [token for token in tokens if folded(token) == NONE]:
        share = cells.isin(nones).mean()
        if in_order([*levels, NONE]) or (levels and share > COMMON):
            tokens = [token for token in tokens if token not in nones]
            texts = cells[~cells.isin(tokens)]
            levels = _levels(texts)
            remarks = _common_tokens(cells, tokens)
            if not in_order(levels):
                remarks.append(
                    "'none' is read as a level; list it under missing if it means unknown"
                )
    if len(levels) < 2:
        return Draft(reason=CONSTANT)
    common = _common(texts, levels)
    if len(common) < 2:
        return Draft(reason=TOO_RARE.format(group=minimum_group()))
    rare = len(levels) - len(common)
    if rare:
        levels = common
        remarks.append(_withheld(rare))
    outcome = is_outcome(name, levels, len(levels))
    nullable = len(texts) < len(values) or rare > 0
    column = _category(name, levels, nullable=nullable, outcome=outcome)
    notes = [OUTCOME, *remarks] if outcome else remarks
    return Draft(column, outcome=outcome, tokens=tuple(tokens), note="; ".join(notes))


def _tokens(distinct: Sequence[str]) -> list[str]:
    """Return the texts that mean a missing value; ``ND`` among codes of states is one of them."""
    tokens = [text for text in distinct if _means_missing(text)]
    others = [text for text in distinct if text not in tokens]
    coded = len(others) >= LEAST_CODES and all(len(t) == 2 and t.isalpha() for t in others)
    return [text for text in tokens if not (coded and len(text) == 2 and text.isalpha())]


def _common_tokens(texts: pd.Series[Any], tokens: Sequence[str]) -> list[str]:
    """Return a sentence on each text that is read as missing in many rows."""
    counts = texts[texts.isin(tokens)].value_counts()
    return [
        f"{token!r} in {count:,} of {len(texts):,} values is read as missing"
        for token, count in counts.items()
        if count > COMMON * len(texts)
    ]


def _read_as_numbers(
    name: str,
    values: pd.Series[Any],
    texts: pd.Series[Any],
    tokens: Sequence[str],
    remarks: Sequence[str],
) -> Draft | None:
    """Return the draft of a column of numbers in texts; None where it holds none."""
    if texts.str.contains(OPEN_BAND).all():
        return None
    few = spread(texts, MOST_JUDGED)
    if not any(np.isfinite(read_numbers(few, mark)).any() for mark in (".", ",")):
        return None
    agreed = decimal_of(texts)
    decimal: str = agreed or "."
    odd: tuple[str, ...] = ()
    if agreed is None:
        shares = {mark: np.isfinite(read_numbers(texts, mark)).mean() for mark in (".", ",")}
        decimal = max(shares, key=shares.__getitem__)
        if shares[decimal] < NUMBERS:
            return None
        odd = tuple(texts[np.isnan(read_numbers(texts, decimal))].unique())
        if len(odd) > MOST_TOKENS:
            reason = f"mixes numbers with {len(odd):,} texts: clean it, or list the levels"
            return Draft(reason=reason)
        if any(any(map(str.isdigit, text)) for text in odd):
            return None  # codes, such as 85123A among 22000
    numbers = read_numbers(values, decimal)
    draft = _drafted_number(name, numbers, decimal, [style_of(texts, decimal), *remarks])
    return replace(draft, tokens=(*tokens, *odd))


def _levels(texts: pd.Series[Any]) -> list[str]:
    """Return distinct levels; of those that differ in case only, the most common."""
    counts = texts.value_counts()
    rarest_first = sorted(counts.index, key=lambda level: (counts[level], level))
    return sorted({level.casefold(): level for level in map(str, rarest_first)}.values())


def _common(texts: pd.Series[Any], levels: Sequence[str]) -> list[str]:
    """Return the levels that at least the minimum group has, in any case."""
    counts = texts.astype(str).str.casefold().value_counts()
    return [level for level in levels if counts[level.casefold()] >= minimum_group()]


def _withheld(count: int) -> str:
    s, are = ("", "is") if count == 1 else ("s", "are")
    return WITHHELD.format(count=count, s=s, are=are, group=minimum_group())


def _too_many(texts: pd.Series[Any]) -> str:
    """Return that texts are too many for the levels of a category; empty where they are not."""
    count = pd.Series(texts.unique()).str.casefold().nunique()
    room = MOST_LEVELS if len(texts) >= LEAST_FOR_LEVELS else len(texts)
    if count > min(room, max(len(texts) // 2, 2)):
        return f"holds {count:,} different texts in {len(texts):,} rows, too many for a category"
    return ""


def _category(name: str, levels: list[str], *, nullable: bool, outcome: bool) -> Column:
    ordered = None if mentions(words_of(name), COLOURS) else in_order(levels)
    if outcome and len(levels) == 2:
        ordered, levels = None, event_last(levels, name)
    return Column(
        name,
        label_of(name),
        kind="ordered" if ordered else "category",
        levels=tuple(ordered or levels),
        nullable=nullable,
        sensitive=is_sensitive(name, levels) and not outcome,
    )


def _drafted_number(
    name: str, numbers: FloatArray, decimal: str = ".", remarks: Sequence[str] = ()
) -> Draft:
    """Return the draft of numbers with NaN for a missing value, shape (n,)."""
    present = numbers[~np.isnan(numbers)]
    distinct, counts = np.unique(present, return_counts=True)
    if len(distinct) < 2:
        return Draft(reason=CONSTANT)
    common = distinct[counts >= minimum_group()]
    finite = present[np.isfinite(present)]
    few = len(distinct) <= MOST_STATES and bool((distinct == np.round(distinct)).all())
    states = [as_text(value) for value in distinct] if few else []
    outcome = is_outcome(name, states, len(distinct))
    if is_postal(name, distinct) and not states:
        reason = f"holds {len(distinct):,} postal codes: numbers that measure nothing"
        return Draft(reason=reason)
    kind, note = _kind_and_note(name, finite)
    categorical = kind == "category"
    if categorical and len(common) < 2:
        return Draft(reason=TOO_RARE.format(group=minimum_group()))
    if rare := categorical * (len(distinct) - len(common)):
        note = "; ".join([note, _withheld(rare)])
    column = Column(
        name,
        label_of(name),
        kind=kind,
        plausible=None if categorical else _plausible(kind, finite),
        nullable=bool(len(present) < len(numbers) or rare),
        levels=tuple(as_text(value) for value in common) if categorical else (),
        sensitive=is_sensitive(name) and not outcome,
        decimal=decimal,
    )
    if outcome:
        note = "; ".join([OUTCOME, CODED_OUTCOME] if states == ["1", "2"] else [OUTCOME])
    notes = (
        [note, *remarks, sentinel_note(finite)]
        if outcome
        else [*remarks, note, sentinel_note(finite)]
    )
    return Draft(column, outcome=outcome, note="; ".join(filter(None, notes)))


def _kind_and_note(name: str, finite: FloatArray) -> tuple[Kind, str]:
    if not len(finite):
        return "number", ""
    verdict = kind_of(name, finite)
    return verdict.kind, verdict.note


def _plausible(kind: Kind, present: FloatArray) -> tuple[float, float] | None:
    """Return a range around the values, rounded outwards so that it discloses none of them.

    An end that fewer customers have than the minimum group lies inside the range.
    """
    if kind == "frequency":
        return 0.0, 1.0
    if not len(present):
        return None
    low, high = float(present.min()), float(present.max())
    rare_low, rare_high = ((present == end).sum() < minimum_group() for end in (low, high))
    return (
        0.0 if low >= 0 else -_rounded_up(-low, beyond=bool(rare_low)),
        0.0 if high <= 0 else _rounded_up(high, beyond=bool(rare_high)),
    )


def _rounded_up(value: float, *, beyond: bool) -> float:
    """Return 1, 2 or 5 times a power of ten, at or above a value; `beyond`: above it."""
    power = 10.0 ** np.floor(np.log10(value))
    least = value * (1.000_001 if beyond else 0.999_999)
    return float(next(step * power for step in (1, 2, 5, 10, 20) if step * power >= least))
