"""Recompute what is said of segments from the raw table, with pandas and nothing of the product.

Only labels and levels are taken from the schema: they say which column a text speaks of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from math import sqrt

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy.stats import t

from segmentation.schema import Column, TableSchema

Mask = pd.Series
Value = float | str
Measure = Callable[[Mask], Value]
YES = {"yes", "ja", "si", "true", "1"}
NO = {"no", "nein", "false", "0"}
NUMBER = re.compile(r"[−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
DIRECTIONS = {
    "high": 1,
    "higher": 1,
    "highest": 1,
    "low": -1,
    "lower": -1,
    "lowest": -1,
    "modest": -1,
}
TYPICAL = "Typical customers"
ALIKE = "Nothing sets it apart: no column differs noticeably from the rest of the table."
COMPARED = re.compile(
    r"(?P<own>.+?) against (?P<whole>.+?)(?: in the whole table)?"
    r"(?: \(missing for (?P<gap>\S+) and (?P<all>\S+)\))?"
)
RULE = re.compile(
    r"(?P<conditions>.+) \(covers (?P<covers>\S+) of the segment, right for (?P<right>\S+)\)"
)
OUTCOME = re.compile(
    r"(?P<title>.+?): (?P<own>\S+?)(?: on average)? \((?P<low>\S+) to (?P<high>\S+)\), "
    r"(?P<beside>.+?)(?:; missing for (?P<gap>\S+))?\."
)
WITHHELD = re.compile(
    r"(?P<title>.+?): (?P<why>too few to tell|withheld to protect a small group), "
    r"(?P<n>[\d,]+) with a value(?:; missing for (?P<gap>\S+))?\."
)
LEAST_VALUES = 20


def same(text: str, value: Value) -> bool:
    """Return whether a printed figure is a value, to the digits that are printed."""
    text = text.strip()
    if isinstance(value, str):
        return text == value
    if np.isnan(value):
        return text in {"unknown", "–"}
    match = NUMBER.search(text)
    if match is None:
        return False
    digits = match[0].replace("−", "-").replace(",", "")
    if "−" in text[: match.start()]:  # before a currency sign
        digits = f"-{digits}"
    number, value = float(digits), 100 * value if text.endswith("%") else value
    mantissa, _, exponent = digits.partition("e")
    places = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return abs(number - value) <= 0.5 * 10.0**-places * (1 + 1e-9) + 1e-12


def shortened(label: str) -> str:
    """Return a label without a unit in brackets at its end."""
    return re.sub(r"\s*[(\[][^()\[\]]*[)\]]\s*$", "", label) or label


def as_level(value: object) -> str | None:
    """Return a value as the text of a level."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


class Facts:
    """The raw table and the segment of each of its rows."""

    def __init__(self, table: pd.DataFrame, segment: pd.Series, schema: TableSchema) -> None:
        self.table = table.reset_index(drop=True)
        self.segment = segment.reset_index(drop=True)
        self.schema = schema
        self.everyone = pd.Series(True, index=self.table.index)
        self.measures = dict(self._measures())

    def members(self, number: int) -> Mask:
        """Return who belongs to a segment."""
        return self.segment == number

    def levels(self, column: Column) -> pd.Series:
        """Return a column's values as texts of levels, None where missing."""
        return self.table[column.name].map(as_level).astype(object)

    def share(self, flag: Mask) -> Measure:
        """Return what takes the share of customers a flag is true of."""
        return lambda rows: float(flag[rows].mean())

    def mean(self, values: pd.Series) -> Measure:
        """Return what takes the mean of the values present."""
        return lambda rows: float(values[rows].mean())

    def median(self, column: Column) -> Measure:
        """Return what takes a median; of ordered levels the lower of two middle ones."""
        if not column.categorical:
            values = self.table[column.name].astype(float)
            return lambda rows: float(values[rows].median())
        place = {level: number for number, level in enumerate(column.levels)}
        codes = self.levels(column).map(place)

        def of(rows: Mask) -> Value:
            present = codes[rows].dropna()
            if present.empty:
                return float("nan")
            return column.levels[int(present.quantile(0.5, interpolation="lower"))]

        return of

    def mode(self, column: Column) -> Callable[[Mask], set[str]]:
        """Return what takes the commonest levels; missing counts as one."""
        levels = self.levels(column).fillna("unknown")
        return lambda rows: set(levels[rows].mode())

    def _measures(self) -> Iterator[tuple[str, Measure]]:
        """Yield every statement that can be made, in small letters, and what it is measured by."""
        for column in self.schema.columns:
            label, raw = column.label.lower(), self.table[column.name]
            yield f"{label} missing", self.share(raw.isna())
            if not column.categorical:
                values = raw.astype(float)
                yield f"median {label}", self.median(column)
                yield f"mean {label}", self.mean(values)
                yield f"{label} above 0", self.share(values > 0)
                if set(values.dropna().unique()) == {0.0, 1.0}:
                    yield label, self.share(values == 1)
                    yield f"no {label}", self.share(values == 0)
                continue
            levels = self.levels(column)
            counts = levels.value_counts()
            rare = counts[counts < 0.02 * counts.sum()].index
            yield f"rare {label}", self.share(levels.isin(rare))
            if column.kind == "ordered":
                yield f"median {label}", self.median(column)
            for level in column.levels:
                share = self.share(levels == level)
                yield f"{label} {level}".lower(), share
                if len(column.levels) == 2 and level.lower() in YES:
                    yield label, share
                if len(column.levels) == 2 and level.lower() in NO:
                    yield f"no {label}", share

    def wrong_comparison(self, clause: str, number: int) -> str:
        """Return what is wrong with ``WHAT OWN against WHOLE``; empty where nothing is."""
        begins = [w for w in self.measures if clause.lower().startswith(f"{w} ")]
        wrong = f"{clause}: speaks of nothing in the table"
        for what in begins:
            match = COMPARED.fullmatch(clause[len(what) + 1 :].removeprefix("for "))
            if match is None:
                continue
            measure = self.measures[what]
            own, whole = measure(self.members(number)), measure(self.everyone)
            if same(match["own"], own) and same(match["whole"], whole):
                if match["own"] == match["whole"]:
                    return f"{clause}: equal figures set nothing apart"
                return self._wrong_gap(what, match, number)
            wrong = f"{clause}: in the table {own} against {whole}"
        return wrong

    def _wrong_gap(self, what: str, match: re.Match[str], number: int) -> str:
        if match["gap"] is None:
            return ""
        label = what.split(" ", 1)[1]
        missing = self.measures[f"{label} missing"]
        own, whole = missing(self.members(number)), missing(self.everyone)
        right = same(match["gap"], own) and same(match["all"], whole)
        return "" if right else f"{match[0]}: missing for {own} and {whole}"

    def wrong_figure(self, label: str, own: str, whole: str, number: int) -> str:
        """Return what is wrong with a labelled figure beside the whole table, or nothing."""
        measure = self.measures.get(label.lower().removeprefix("share with "))
        outcome = self._outcome(label)
        if measure is None and outcome is not None:
            own = own.split(maxsplit=1)[0]  # without the interval below it
            measure = self.mean(outcome)
        if measure is None:
            return f"{label}: speaks of nothing in the table"
        values = measure(self.members(number)), measure(self.everyone)
        right = same(own, values[0]) and same(whole, values[1])
        return "" if right else f"{label} {own} against {whole}: in the table {values}"

    def wrong_sentence(self, sentence: str, number: int) -> list[str]:
        """Return what is wrong with the sentence of a card."""
        if sentence == ALIKE:
            return []
        clauses = sentence.removesuffix(".").split("; ")
        return [wrong for clause in clauses if (wrong := self.wrong_comparison(clause, number))]

    def wrong_rule(self, rule: str, number: int) -> str:
        """Return what is wrong with a rule in words; empty where nothing is."""
        match = RULE.fullmatch(rule)
        if match is None:
            return f"{rule}: not a rule"
        readings = list(self._readings(match["conditions"]))
        if not readings:
            return f"{rule}: speaks of nothing in the table"
        inside = self.members(number)
        shares = [
            (
                float((holds & inside).sum() / inside.sum()),
                float((holds & inside).sum() / max(1, holds.sum())),
            )
            for holds in readings
        ]
        right = any(same(match["covers"], a) and same(match["right"], b) for a, b in shares)
        return "" if right else f"{rule}: in the table {shares}"

    def _readings(self, text: str) -> Iterator[Mask]:
        """Yield who meets all conditions of a text, for each way to read it."""
        for length, holds in self._conditions(text):
            rest = text[length:]
            if not rest:
                yield holds
            for between in (", ", " and "):
                if rest.startswith(between):
                    yield from (holds & others for others in self._readings(rest[len(between) :]))

    def _conditions(self, text: str) -> Iterator[tuple[int, Mask]]:
        """Yield each condition a text can begin with: its length, and who meets it."""
        for column in self.schema.columns:
            label = re.escape(column.label)
            raw = self.table[column.name]
            for pattern, holds in (
                (f"{label} missing", raw.isna()),
                (f"{label} known", raw.notna()),
            ):
                if match := re.match(pattern, text, re.IGNORECASE):
                    yield match.end(), holds
            if column.categorical:
                yield from self._level_conditions(column, text)
            else:
                yield from self._number_conditions(column, label, text)

    def _level_conditions(self, column: Column, text: str) -> Iterator[tuple[int, Mask]]:
        levels = self.levels(column)
        place = {level: number for number, level in enumerate(column.levels)}
        counts = levels.value_counts()
        rare = counts[counts < 0.02 * counts.sum()].index
        phrases: dict[str, Mask] = {
            f"{column.label} other": levels.isin(rare),
            f"{column.label} not other": ~levels.isin(rare) & levels.notna(),
            f"{column.label} not other ": ~levels.isin(rare),
        }
        for level in column.levels:
            phrases[f"{column.label} {level}"] = levels == level
            phrases[f"{column.label} not {level}"] = (levels != level) & levels.notna()
            phrases[f"{column.label} not {level} "] = levels != level
        for one in column.levels:
            for other in column.levels:
                between = levels.map(place).between(place[one], place[other])
                phrases[f"{column.label} {one} to {other}"] = between
                phrases[f"{column.label} {one} or {other}"] = between
        if len(column.levels) == 2:
            yes = [level for level in column.levels if level.lower() in YES]
            if yes:
                phrases[f"no {column.label}"] = levels.notna() & (levels != yes[0])
                phrases[column.label] = levels == yes[0]
        for phrase, holds in phrases.items():
            if text.lower().startswith(phrase.rstrip().lower()):
                yield len(phrase.rstrip()), holds

    def _number_conditions(
        self, column: Column, label: str, text: str
    ) -> Iterator[tuple[int, Mask]]:
        values = self.table[column.name].astype(float)
        if set(values.dropna().unique()) == {0.0, 1.0}:
            no, yes = values == 0, values == 1
            phrases = {f"{label} yes": yes, f"{label} no": no, f"no {label}": no, label: yes}
            for phrase, holds in phrases.items():
                if match := re.match(phrase, text, re.IGNORECASE):
                    yield match.end(), holds
        unit = rf"(?: {re.escape(column.unit or 'months')})?"
        amount = r"(\S*\d(?:[\d,.]*\d)?%?)" + unit
        forms: Mapping[str, Callable[..., Mask]] = {
            f"no {label}": lambda: values <= 0,
            f"some {label}": lambda: values > 0,
            f"{label} of {amount}": lambda bound: values <= bound,
            f"{label} up to {amount}": lambda bound: values <= bound,
            f"{label} above {amount}": lambda bound: values > bound,
            f"{label} above {amount} up to {amount}": lambda low, high: (
                (values > low) & (values <= high)
            ),
        }
        for pattern, holding in forms.items():
            if match := re.match(pattern, text, re.IGNORECASE):
                yield match.end(), holding(*map(read_number, match.groups()))

    def true_name(self, name: str, number: int) -> bool:
        """Return whether every phrase of a name is true of its segment."""
        name = re.sub(r" \(alike, \w+\)$", "", name)
        if name == TYPICAL or self._is_true(name, number):
            return True
        commas = [match.start() for match in re.finditer(", ", name)]
        return any(
            self._is_true(name[:at], number) and self.true_name(name[at + 2 :], number)
            for at in commas
        )

    def _is_true(self, claim: str, number: int) -> bool:
        """Return whether a few words are true of a segment."""
        claim, rows = claim.lower(), self.members(number)
        others = ~rows
        for words, direction in DIRECTIONS.items():
            for column in self.schema.columns:
                text = f"{words} {shortened(column.label)}".lower()
                if claim == text and self._rises(column, rows, direction):
                    return True
        for words, holds in (
            ("mostly ", lambda share: share(rows) > 0.5),
            ("more often ", lambda share: share(rows) > share(others)),
            ("less often ", lambda share: share(rows) < share(others)),
            ("", lambda share: share(rows) >= 0.9),
        ):
            shares = self._shares.get(claim.removeprefix(words), ())
            if claim.startswith(words) and any(holds(share) for share in shares):
                return True
        return False

    def _rises(self, column: Column, rows: Mask, direction: int) -> bool:
        """Return whether a segment's values are larger than those of the others, or smaller."""
        values = self.table[column.name]
        if column.categorical:
            values = self.levels(column).map({v: i for i, v in enumerate(column.levels)})
        inside, outside = values[rows].astype(float), values[~rows].astype(float)
        ranks = pd.concat([inside, outside]).rank()
        return direction * (ranks[inside.index].mean() - ranks[outside.index].mean()) > 0

    @cached_property
    def _shares(self) -> dict[str, list[Measure]]:
        """What can be said of a share of customers, in small letters."""
        shares: dict[str, list[Measure]] = {}
        for column in self.schema.columns:
            label, raw = shortened(column.label).lower(), self.table[column.name]
            claims: dict[str, Mask] = {
                f"{label} missing": raw.isna(),
                f"{label} known": raw.notna(),
            }
            bare = re.sub(r"^(is|has|had) ", "", label)
            if not column.categorical:
                values = raw.astype(float)
                for word in (label, bare):
                    some = (f"with {word}", word, f"{word}s")
                    none = (f"no {word}", f"not {word}", f"no {word}s")
                    claims |= dict.fromkeys(some, values > 0) | dict.fromkeys(none, ~(values > 0))
            else:
                levels = self.levels(column)
                counts = levels.value_counts()
                rare = levels.isin(counts[counts < 0.02 * counts.sum()].index)
                claims |= {f"rare {label}": rare, f"no rare {label}": ~rare}
                for level in column.levels:
                    low = level.lower()
                    texts = [f"{label} {low}", f"{low} {label}", low]
                    if low in YES:
                        claims |= {f"not with {label}": levels != level}
                        texts += [f"with {label}", f"with {bare}", bare, f"{bare}s"]
                    if len(column.levels) == 2 and low in NO:
                        claims |= {f"no {word}": levels == level for word in (label, bare)}
                        claims |= dict.fromkeys((f"not {bare}", f"no {bare}s"), levels == level)
                    for text in texts:
                        claims |= {text: levels == level, f"no {text}": levels != level}
            for text, flag in claims.items():
                shares.setdefault(text, []).append(self.share(flag))
        return shares

    def wrong_outcome(self, sentence: str, number: int) -> str:
        """Return what is wrong with the sentence on an outcome; empty where nothing is."""
        if withheld := WITHHELD.fullmatch(sentence):
            return self._wrong_withheld(withheld, number)
        match = OUTCOME.fullmatch(sentence)
        if match is None:
            return f"{sentence}: not read"
        values = self._outcome(match["title"])
        if values is None:
            return f"{sentence}: speaks of no outcome"
        own = values[self.members(number)].dropna()
        rate = set(values.dropna().unique()) <= {0.0, 1.0}
        low, high = wilson(own) if rate else student(own)
        whole, mean = float(values.mean()), float(own.mean())
        wrong = [
            name
            for name, value in (("own", mean), ("low", low), ("high", high))
            if not same(match[name], value)
        ]
        beside = match["beside"]
        times = re.fullmatch(r"([\d.,]+) times the whole table's (\S+)", beside)
        clear = not low <= whole <= high
        if not same(beside.rsplit(" ", 1)[1], whole):
            wrong.append("whole")
        if clear == beside.startswith("no clear difference"):
            wrong.append("clear")
        if times and not same(times[1], mean / whole):
            wrong.append("times")
        return (
            f"{sentence}: {wrong}; in the table {mean}, {low} to {high}, {whole}" if wrong else ""
        )

    def _wrong_withheld(self, match: re.Match[str], number: int) -> str:
        """Return what is wrong with the sentence on an outcome without a figure."""
        values = self._outcome(match["title"])
        if values is None:
            return f"{match[0]}: speaks of no outcome"
        own = values[self.members(number)]
        n, missing = int(own.notna().sum()), float(own.isna().mean())
        right = (
            same(match["n"], n)
            and (n < LEAST_VALUES) == match["why"].startswith("too few")
            and (same(match["gap"], missing) if match["gap"] else missing == 0)
        )
        return "" if right else f"{match[0]}: in the table {n} values, missing for {missing}"

    def _outcome(self, title: str) -> pd.Series | None:
        """Return the outcome a title speaks of: ones where its level happened, or numbers."""
        for column in self.schema.outcomes:
            raw = self.table[column.name]
            if is_numeric_dtype(raw) and title == column.label:
                return raw.astype(float)
            levels = raw.map(as_level)
            for level in levels.dropna().unique():
                yes = title == column.label and level.lower() in YES
                if yes or title == f"{column.label} ({level})":
                    return (levels == level).astype(float).where(levels.notna())
        return None


def read_number(text: str) -> float:
    """Return a printed amount as a number."""
    match = NUMBER.search(text)
    assert match is not None, text
    value = float(match[0].replace("−", "-").replace(",", ""))
    negative = "−" in text[: match.start()]
    return (-value if negative else value) / (100 if text.endswith("%") else 1)


def wilson(values: pd.Series) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927)."""
    n, p, z = len(values), float(values.mean()), 1.959963984540054
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return middle - reach, middle + reach


def student(values: pd.Series) -> tuple[float, float]:
    """Return the 95% interval of a mean (Student 1908)."""
    n, mean = len(values), float(values.mean())
    reach = float(t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / sqrt(n)
    return mean - reach, mean + reach
