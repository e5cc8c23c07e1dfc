"""Short names and one sentence for segments, from what sets them apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import isfinite
from string import ascii_uppercase
from typing import Any

from segmentation.interpretation.formatting import (
    RARE,
    Statistic,
    answer,
    counted,
    fact_of,
    figure,
    figure_label,
    inside_sentence,
    percent,
    sentence_case,
)
from segmentation.schema import Column
from segmentation.schema.table_schema import ANSWERS

# What a size of Cliff's delta is called: from 0.147 small, from 0.33 medium (Romano, Kromrey,
# Coraggio and Skowronek 2006, Florida Association of Institutional Research).
NOTICEABLE = 0.147
NAMED = 0.33
# A median is low below this share of the table's values, and high above the mirrored one.
LOW = 0.35
# A share from which a word needs no "mostly".
NEARLY_ALL = 0.9
MENTION_MISSING = 0.1
LONGEST = 60
LONGEST_LABEL = 30
SENTENCE_TRAITS = 2
MOST_PHRASES = 8
MOST_NAMES = 6
LETTERS = ascii_uppercase
ORDINARY = "Typical customers"
PERSONAL = re.compile(r"income|salary|wage|earning|wealth|education|schooling", re.IGNORECASE)
# What a customer is, not has: students instead of "with student", active instead of "with active".
ROLES = frozenset(
    {"student", "owner", "member", "smoker", "customer", "citizen", "homeowner", "subscriber"}
    | {"parent", "pensioner", "resident", "employee", "tenant", "buyer", "user", "holder"}
    | {"borrower", "driver", "traveler", "traveller", "graduate"}
)
STATES = frozenset(
    {"active", "inactive", "dormant", "retired", "employed", "unemployed", "foreign", "married"}
    | {"registered", "verified", "insured", "premium", "eligible", "single"}
)
ALIKE = "Nothing sets it apart: no column differs noticeably from the rest of the table."


@dataclass(frozen=True)
class Trait:
    """One column of a segment in one figure, beside that of the whole table.

    Shares are of all customers, those without a value included; medians and means are of the
    values present.
    """

    column: Column  # of the table, never an indicator
    statistic: Statistic
    value: float  # of the segment
    book: float  # of the whole table
    effect: float  # Cliff's delta, in [-1, 1]; of a share the difference from other customers
    level: str = ""  # of a share; empty for the ones of a column of zeros and ones
    position: float = 0.5  # of a median: share of the table's values below it, in [0, 1]
    # Of a column without values below 0: the shares of segment and table above it.
    some: float | None = None
    book_some: float | None = None
    missing: float = 0.0  # share of the segment without a value
    book_missing: float = 0.0

    @cached_property
    def differs(self) -> bool:
        """Whether the effect is noticeable and the figures, as printed, differ in its direction."""
        rises = self.value > self.book
        return (
            abs(self.effect) >= NOTICEABLE
            and self.texts[0] != self.texts[1]
            and rises == (self.effect > 0)
        )

    @cached_property
    def texts(self) -> tuple[str, str]:
        """The figures of segment and table as printed."""
        own, whole = (figure(v, self.column, self.statistic) for v in (self.value, self.book))
        return own, whole

    @property
    def clause(self) -> str:
        """The figures in words: ``"median income $40 against $62"``."""
        own, whole = self.texts
        if self.statistic not in {"median", "mean"}:
            return f"{counted(self.column, self.statistic, self.level)} for {own} against {whole}"
        text = f"{self.statistic} {inside_sentence(self.column.label)} {own} against {whole}"
        if max(self.missing, self.book_missing) < MENTION_MISSING:
            return text
        return f"{text} (missing for {percent(self.missing)} and {percent(self.book_missing)})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that is valid JSON."""
        return {
            "column": self.column.name,
            "label": figure_label(self.column, self.statistic, self.level),
            "statistic": self.statistic,
            "level": self.level,
            "value": self.value if isfinite(self.value) else None,
            "book": self.book if isfinite(self.book) else None,
            "effect": self.effect,
            "differs": self.differs,
            "missing": self.missing,
            "book_missing": self.book_missing,
            "some": self.some,
            "book_some": self.book_some,
        }


@dataclass(frozen=True)
class Phrase:
    """A few words that are true of a segment, ``"large balances"`` for example."""

    text: str
    trait: Trait | None = None  # None where nothing sets the segment apart

    @property
    def column(self) -> str:
        """Its column's name."""
        return self.trait.column.name if self.trait else ""

    @property
    def group(self) -> str:
        """Its column's group in the schema: two phrases of a name should not come from one."""
        return self.trait.column.group if self.trait else ""


Name = tuple[Phrase, ...]
ORDINARY_PHRASE = Phrase(ORDINARY)


Alike = Callable[[Trait, Trait], bool]


def never_alike(_one: Trait, _other: Trait) -> bool:
    """Tell that two traits differ, where nothing is known of the customers."""
    return False


def strongest_first(traits: Sequence[Trait]) -> tuple[Trait, ...]:
    """Return traits by falling size of their effect, those that do not differ last."""
    return tuple(sorted(traits, key=lambda trait: (not trait.differs, -abs(trait.effect))))


def segment_names(
    traits: Sequence[Sequence[Trait]], alike: Alike = never_alike
) -> tuple[tuple[str, ...], ...]:
    """Return short names for each segment, the best first; the first ones are all different.

    A name begins with what sets the segment most apart. Its phrases together are true of no other
    segment where that is possible: the next columns are added until then.

    Parameters
    ----------
    traits
        Of each segment, the one that sets it most apart first.
    alike
        Whether two traits say nearly the same of every customer: a name says one of them, if it
        can.
    """
    strong = [_phrases(own, NAMED) for own in traits]
    true_of = [_true_texts(own, phrases) for own, phrases in zip(traits, strong, strict=True)]
    extremes = _extremes(traits)
    names: list[tuple[str, ...]] = []
    for number, own in enumerate(strong):
        others = [texts for place, texts in enumerate(true_of) if place != number]
        named = {phrase.column for phrase in own}
        weak = [p for p in _phrases(traits[number], NOTICEABLE) if p.column not in named]
        extreme = extremes.get(number, [])
        choices = [
            *_choices(own, weak, alike),
            *(c for lead in extreme for c in _choices([lead], weak, alike)),
        ]
        choices.sort(key=lambda choice: _describes_another(choice, others))
        texts = list(dict.fromkeys(map(_text, choices)))
        taken = [first for first, *_ in names]
        free = [text for text in texts if text not in taken]
        names.append(tuple(free[:MOST_NAMES]) or (_another(texts[0], taken),))
    return tuple(names)


def sentence(traits: Sequence[Trait], alike: Alike = never_alike) -> str:
    """Return one sentence with the figures that set a segment most apart from the whole table.

    Parameters
    ----------
    traits
        The one that sets the segment most apart first.
    alike
        Whether two traits say nearly the same of every customer: the sentence says one of them,
        if it can.
    """
    facts: dict[tuple[float, float] | str, Trait] = {}
    for trait in traits:
        if trait.differs:
            fact = fact_of(trait.column, trait.statistic, trait.value, trait.book)
            facts.setdefault(fact, trait)
    apart = list(facts.values())
    if len({trait.column.group for trait in apart}) > 1:
        groups = dict.fromkeys(trait.column.group for trait in apart)
        apart = [next(t for t in apart if t.column.group == group) for group in groups]
    if not apart:
        return ALIKE
    apart[1:] = sorted(apart[1:], key=lambda trait: alike(apart[0], trait))
    first, *more = [trait.clause for trait in apart[:SENTENCE_TRAITS]]
    head, missing, tail = first.partition(" (missing")
    return f"{sentence_case('; '.join([f'{head} in the whole table{missing}{tail}', *more]))}."


def phrases_of(trait: Trait) -> list[str]:
    """Return what is true of a segment by a trait that differs, the strongest words first."""
    label = _short_label(trait.column)
    up, column = trait.effect > 0, trait.column
    if trait.statistic in {"median", "mean"}:
        texts = [f"{'higher' if up else 'lower'} {label}"]
        if trait.statistic == "median" and not LOW <= trait.position <= 1 - LOW:
            high = trait.position > LOW
            texts.insert(0, (column.high if high else column.low) or f"{_end(high, label)} {label}")
        return texts
    if trait.statistic == "missing":
        return _by_share(trait, f"{label} missing", f"{label} known")
    if trait.statistic == "above zero":
        return _by_share(trait, f"with {label}", f"no {label}")
    if (says_yes := answer(column, trait.level)) is not None:
        bare = re.sub(r"^(is|has|had|ist|hat|es|tiene|est) ", "", label)
        ends = _ends_of(bare)
        return _by_share(trait, *(ends if says_yes else ends[::-1]))
    if trait.level.casefold() in {yes for _, yes in ANSWERS if len(yes) > 1}:
        return _by_share(trait, f"with {label}", f"not with {label}")
    words = _level_words(trait.level, label)
    return _by_share(trait, words, f"no {words}")


def _ends_of(answered: str) -> tuple[str, str]:
    """Return words for customers who answer a question with yes and with no."""
    last = answered.rpartition(" ")[2]
    if last in ROLES:
        return f"{answered}s", f"no {answered}s"
    if last in STATES:
        return answered, f"not {answered}"
    return f"with {answered}", f"no {answered}"


def _by_share(trait: Trait, some: str, none: str) -> list[str]:
    """Return words for what a share of a segment's customers have, or are known not to have."""
    unknown = 0.0 if trait.statistic == "missing" else trait.missing
    share = trait.value if trait.effect > 0 else 1 - trait.value - unknown
    words = some if trait.effect > 0 else none
    texts = [f"{'more' if trait.effect > 0 else 'less'} often {some}"]
    if words.startswith("no no "):
        return texts
    if share > 0.5:
        texts.insert(0, f"mostly {words}")
    if share >= NEARLY_ALL:
        texts.insert(0, words)
    return texts


def _end(high: bool, label: str) -> str:
    """Return the word for an end of a column; for people's means one that people can be shown."""
    return "high" if high else "modest" if PERSONAL.search(label) else "low"


def _level_words(level: str, label: str) -> str:
    """Return a level with its column as one would say it: ``"two year contract"``."""
    if level == RARE:
        return f"rare {label}"
    if not re.search(r"[^\W\d_]{2}", level):
        return f"{label} {level}"
    if label.casefold() in level.casefold():
        return _spoken(level)
    if re.match(r"(no|without|never) ", level, re.IGNORECASE):
        return inside_sentence(level)
    return f"{_spoken(level)} {label}"


def _spoken(level: str) -> str:
    """Return a level for the middle of a name: ``Two year`` small, ``Bonn`` and ``DSL`` as is."""
    return inside_sentence(level) if re.search(r"[ /-][a-zß-ÿ]", level) else level


def _short_label(column: Column) -> str:
    """Return a label without a unit in brackets, cut between words where it is long."""
    bare = re.sub(r"\s*[(\[][^()\[\]]*[)\]]\s*$", "", column.label)
    return _cut(inside_sentence(bare or column.label), LONGEST_LABEL)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    whole_words = text[:longest].rpartition(" ")[0]
    return f"{(whole_words or text[: longest - 1]).rstrip(' ,;:')}…"


def _phrases(traits: Sequence[Trait], least: float) -> list[Phrase]:
    """Return words for each trait of at least this effect, no text twice, in their order.

    From :data:`NAMED` on they say what a segment is, and a median near the middle gives none;
    below it they compare the segment with the other customers.
    """
    phrases: dict[str, Phrase] = {}
    for trait in traits:
        if trait.differs and abs(trait.effect) >= least:
            texts = phrases_of(trait)
            if least < NAMED or len(texts) > 1 or trait.statistic not in {"median", "mean"}:
                compared = least < NAMED and trait.statistic in {"median", "mean"}
                phrase = Phrase(texts[-1 if compared else 0], trait)
                phrases.setdefault(phrase.text, phrase)
    return list(phrases.values())


def _true_texts(traits: Sequence[Trait], strong: Sequence[Phrase]) -> set[str]:
    texts = {text for trait in traits if trait.differs for text in phrases_of(trait)}
    return texts if strong else {*texts, ORDINARY}


def _describes_another(choice: Name, others: Sequence[set[str]]) -> bool:
    texts = {phrase.text for phrase in choice}
    return any(texts <= other for other in others)


def _extremes(traits: Sequence[Sequence[Trait]]) -> dict[int, list[Phrase]]:
    """Return, by segment, words for the lowest and the highest median of all segments."""
    by_column: dict[str, list[tuple[float, int, Trait]]] = {}
    for number, own in enumerate(traits):
        for trait in own:
            if trait.statistic == "median":
                rows = by_column.setdefault(trait.column.name, [])
                rows.append((trait.value, number, trait))
    extremes: dict[int, list[Phrase]] = {}
    for rows in by_column.values():
        if not 1 < len(rows) == len(traits):
            continue
        rows.sort(key=lambda row: row[:2])
        for end, beside, word in ((0, 1, "lowest"), (-1, -2, "highest")):
            _, number, trait = rows[end]
            if trait.differs and trait.texts[0] != rows[beside][2].texts[0]:
                phrase = Phrase(f"{word} {_short_label(trait.column)}", trait)
                extremes.setdefault(number, []).append(phrase)
    return extremes


def _choices(phrases: Sequence[Phrase], weak: Sequence[Phrase], alike: Alike) -> list[Name]:
    """Return the phrases of possible names, the best first; at least one."""
    if not phrases:
        lead, rest, more = ORDINARY_PHRASE, [], list(weak)
    else:
        lead, rest, more = phrases[0], list(phrases[1:MOST_PHRASES]), list(weak)
    if len({phrase.group for phrase in phrases}) > 1:
        rest.sort(key=lambda phrase: phrase.group == lead.group)
    more = [phrase for phrase in more[:MOST_PHRASES] if phrase.column != lead.column]
    same = [p for p in rest if lead.trait and p.trait and alike(lead.trait, p.trait)]
    rest = [*(phrase for phrase in rest if phrase not in same), *same]
    base = (lead, *rest[: len(rest) > len(same)])
    every = [*rest, *more]
    names = [
        base,
        *((*base, phrase) for phrase in every if phrase not in base),
        *((lead, phrase) for phrase in every),
        *((lead, *pair) for pair in combinations(every, 2)),
    ]
    return [name for name in names if len(_joined(name)) <= LONGEST] or [(lead,)]


def _joined(phrases: Name) -> str:
    return ", ".join(phrase.text for phrase in phrases)


def _text(phrases: Name) -> str:
    return sentence_case(_cut(_joined(phrases), LONGEST))


def _another(name: str, taken: Sequence[str]) -> str:
    """Return a name for a segment that no figure tells from another one."""
    marks = (f" (alike, {first}{letter})" for first in ("", *LETTERS) for letter in LETTERS)
    next(marks)  # the first of them has the name without a mark
    return next(
        text for mark in marks if (text := _cut(name, LONGEST - len(mark)) + mark) not in taken
    )
