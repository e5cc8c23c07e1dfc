"""The recipe by which one row a customer is made of transactions, as a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from segmentation.errors import SpecError
from segmentation.schema import TableSchema

WINDOWS = (30, 90, 365)
LONGEST_WINDOW = 36_525
CUT_POINTS = 4  # between five scores
KEEP, LEAVE_OUT = "keep", "leave out"
HEAD = """\
# How one row a customer is made of transactions. Drafted from {source}. Please check, from the top:
#  - customer, time, amount: the columns that say who, when and how much; quantity: multiplies the
#    amount where that is the price of one piece;
#  - time_format: how times are written as text (%d-%b-%y is 5-Dec-17); time_zone: whose days count;
#  - refunds: amounts below zero are refunds; so are all rows with one of these levels;
#  - shares: columns whose levels become shares of what a customer spends;
#  - transaction: the column that names a transaction; rows that repeat one are then left out;
#  - windows: in days; each closes before the day as of which customers are described;
#  - without_transactions: keep customers who bought nothing in the longest window, or leave out;
#  - rfm: where the scores 1 to 5 of the command rfm begin, four values each for recency (days),
#    frequency (purchases) and money; without it they are quintiles.
"""


@dataclass(frozen=True)
class Accounts:
    """The columns of a table with one row a customer: who, and since when."""

    customer: str
    opened: str = ""


@dataclass(frozen=True)
class Statements:
    """The columns of a table of monthly statements: what is owed, due and paid."""

    customer: str
    time: str
    balance: str
    limit: str = ""
    due: str = ""
    paid: str = ""


@dataclass(frozen=True)
class CutPoints:
    """Where scores from 1 to 5 begin: four ascending values for a measure; empty for quintiles.

    A customer who bought at most as many days ago as the first cut point of `recency` has 5, after
    the last one 1. Who reaches the first cut point of `frequency` (purchases) or `money` has 2, the
    last one 5.

    Raises
    ------
    SpecError
        When they are not four finite numbers that ascend.
    """

    recency: tuple[float, ...] = ()
    frequency: tuple[float, ...] = ()
    money: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for measure in fields(self):
            points = tuple(getattr(self, measure.name) or ())
            try:
                numbers = tuple(float(point) for point in points)
            except (TypeError, ValueError):
                numbers = ()
            ascending = sorted({number for number in numbers if isfinite(number)})
            if points and (list(numbers) != ascending or len(numbers) != CUT_POINTS):
                raise SpecError(
                    f"{measure.name}={list(points)}: expected four numbers that ascend, such as "
                    "30, 90, 180, 365. Correct them, or leave them out for quintiles."
                )
            object.__setattr__(self, measure.name, numbers)


@dataclass(frozen=True)
class Recipe:
    """How one row a customer is made of transactions; see :data:`HEAD` for what each field means.

    Raises
    ------
    SpecError
        When a window, time zone or choice is none.
    """

    customer: str
    time: str
    amount: str
    quantity: str = ""
    time_format: str = ""
    time_zone: str = "UTC"
    unit: str = ""  # of the amount, such as €
    currency: str = ""  # column
    transaction: str = ""
    merchant: str = ""
    instalments: str = ""  # column with the number of instalments
    refunds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shares: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    windows: tuple[int, ...] = WINDOWS
    without_transactions: str = KEEP
    accounts: Accounts | None = None
    statements: Statements | None = None
    rfm: CutPoints | None = None

    def __post_init__(self) -> None:
        # A model's files sort keys: features come in one order, whoever has kept the recipe.
        for name in ("refunds", "shares"):
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))
        windows = self.windows
        if not windows or list(windows) != sorted({w for w in windows if 0 < w <= LONGEST_WINDOW}):
            raise SpecError(
                f"windows={list(windows)}: expected days that ascend, such as {list(WINDOWS)}"
            )
        if self.without_transactions not in {KEEP, LEAVE_OUT}:
            raise SpecError(
                f"without_transactions={self.without_transactions!r}: expected {KEEP!r} or "
                f"{LEAVE_OUT!r}"
            )
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SpecError(
                f"time_zone={self.time_zone!r}: expected a name such as Europe/Berlin or UTC"
            ) from error

    @property
    def longest(self) -> int:
        """The longest window, in days."""
        return self.windows[-1]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the transactions that are used."""
        names = (self.customer, self.time, self.amount, self.quantity, self.currency)
        more = (self.transaction, self.merchant, self.instalments, *self.refunds, *self.shares)
        return tuple(dict.fromkeys(name for name in (*names, *more) if name))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data without what is as by default."""
        defaults = {f.name: f.default for f in fields(self) if f.default is not MISSING}
        raw = {k: v for k, v in asdict(self).items() if v not in (defaults.get(k, ()), {}, None)}
        return {key: _plain(value) for key, value in raw.items()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Recipe:
        """Build a recipe from plain data, as read from YAML or a model.

        Raises
        ------
        SpecError
            When a key is missing or unknown, or a value is none.
        """
        values = dict(raw)
        try:
            for key in ("refunds", "shares"):
                levels = values.get(key) or {}
                values[key] = {str(c): tuple(map(str, names)) for c, names in levels.items()}
            values["windows"] = tuple(int(days) for days in values.get("windows", WINDOWS))
            if values.get("accounts"):
                values["accounts"] = Accounts(**values["accounts"])
            if values.get("statements"):
                values["statements"] = Statements(**values["statements"])
            if values.get("rfm"):
                values["rfm"] = CutPoints(**values["rfm"])
            return cls(**values)
        except (TypeError, ValueError, AttributeError) as error:
            if isinstance(error, SpecError):
                raise
            names = ", ".join(f.name for f in fields(cls))
            raise SpecError(f"the recipe is malformed: {error}; its keys are {names}") from error


def recipe_of(schema: TableSchema) -> Recipe:
    """Return the recipe that travels in the schema of collected customers.

    Raises
    ------
    SpecError
        When the schema has none.
    """
    if not schema.recipe:
        raise SpecError(
            f"collect: the model's schema {schema.name!r} has no recipe; expected a model of "
            "customers that collect made. Score a table of customers instead."
        )
    return Recipe.from_dict(schema.recipe)


def load_recipe(path: str) -> Recipe:
    """Return the recipe in a YAML file.

    Raises
    ------
    SpecError
        When there is no such file, or it is no recipe.
    """
    file = Path(path)
    if not file.is_file():
        raise SpecError(f"recipe {path!r} does not exist: draft one with collect --draft")
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SpecError(f"recipe {path!r} is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise SpecError(f"recipe {path!r} is not a mapping of keys to values")
    return Recipe.from_dict(raw)


def recipe_text(recipe: Recipe, source: str) -> str:
    """Return the text of a YAML file that :func:`load_recipe` reads back as an equal recipe."""
    raw = recipe.to_dict() | {"windows": list(recipe.windows), "time_zone": recipe.time_zone}
    raw |= {"without_transactions": recipe.without_transactions}
    order = [f.name for f in fields(recipe) if f.name in raw]
    ordered = {name: raw[name] for name in order}
    text = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100)
    return HEAD.format(source=source) + text


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item != ""}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
