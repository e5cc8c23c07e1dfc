"""Names of columns as words: matched as whole words, never as parts of one, and as labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

Vocabulary = frozenset[str]
LONGEST_PHRASE = 4
SYMBOLS = frozenset("#$%€£¥")
# Written in capitals wherever they occur.
ACRONYMS = frozenset(
    {"ID", "BMI", "DOB", "USD", "EUR", "GBP", "CHF", "VIP", "ATM", "URL", "SMS", "APR", "LTV"}
    | {"CLV", "CLTV", "RFM", "NPS", "ZIP", "IBAN", "GDP", "TV", "KPI", "ROI", "EMI", "UPI"}
)
# What people shorten in names of columns and write out elsewhere; the first word counts things.
LONG = {"amt": "amount", "avg": "average", "qty": "quantity", "pct": "percent", "nbr": "number"}
COUNTING = frozenset({"num", "cnt", "nb", "nbr"})
LEAST_BEFORE_DIGITS = 3  # letters: MP3 and H1 stay whole
WHOLE = {"phd": "PhD"}  # words that a capital inside does not cut


def folded(text: str) -> str:
    """Return a text in lower case, without accents and surrounding blanks."""
    if text.isascii():
        return text.strip().casefold()
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def vocabulary(phrases: str) -> Vocabulary:
    """Return words and phrases, separated by commas, for :func:`mentions`."""
    return frozenset(folded(phrase).replace(" ", "") for phrase in phrases.split(","))


def paired(firsts: str, seconds: str) -> Vocabulary:
    """Return the words of two lists next to each other, in either order."""
    return frozenset(
        pair
        for first in vocabulary(firsts)
        for second in vocabulary(seconds)
        for pair in (first + second, second + first)
    )


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name: ``num, of, products`` for ``NumOfProducts``; folded."""
    words: list[str] = []
    for part in re.split(r"[^\w#$%€£¥]+|_+", name):
        for piece in _cut_at_capitals(part):
            words += re.findall(r"\d+|[#$%€£¥]|[^\W\d_]+", folded(piece))
    return tuple(words)


def mentions(words: Sequence[str], phrases: Vocabulary) -> bool:
    """Return whether words next to each other form a phrase, written apart or together."""
    return any(phrase in phrases for phrase in _phrases(words))


def is_named(words: Sequence[str], phrases: Vocabulary) -> bool:
    """Return whether all the words together form a phrase."""
    return "".join(words) in phrases


def ends_with(words: Sequence[str], phrases: Vocabulary) -> bool:
    """Return whether the last words form a phrase."""
    return any("".join(words[-length:]) in phrases for length in range(1, LONGEST_PHRASE + 1))


def _phrases(words: Sequence[str]) -> Iterator[str]:
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST_PHRASE, len(words)) + 1):
            yield "".join(words[start:end])


def label_of(name: str) -> str:
    """Return a name as a person would write it: ``Online security`` for ``OnlineSecurity``."""
    spaced = re.sub(r"(?<=[^\W\d_])\.(?=[^\W\d_])", " ", name)  # as R writes names
    capitals = name.isupper()
    as_is = not name.isascii()  # not English: in German, nouns are capital
    words: list[str] = []
    for part in spaced.replace("_", " ").split():
        if part.startswith("(") or part.endswith(")"):
            words.append(part)
        else:
            words += [_as_written(piece, capitals, as_is) for piece in _cut_at_capitals(part)]
    if len(words) > 1 and words[0].casefold() in COUNTING:
        words[:1] = ["number"] if words[1].casefold() == "of" else ["number", "of"]
    label = " ".join(LONG.get(word.casefold(), word) for word in words)
    return label[:1].upper() + label[1:] or name


def _as_written(word: str, capitals: bool, as_is: bool) -> str:
    """Return a word of a label.

    `capitals`: the whole name is, so that they say nothing; `as_is`: they mean what they say.
    """
    bare = word.strip(".,:;?!#()")
    if bare.upper() in ACRONYMS:
        return word.upper()
    if bare.casefold() in WHOLE:
        return word.replace(bare, WHOLE[bare.casefold()])
    if capitals:
        return word.lower()
    return word if as_is or (bare.isupper() and len(bare) > 1) else word.lower()


def _cut_at_capitals(text: str) -> list[str]:
    """Return the words of a text in camel case; a first small letter alone is no word."""
    if text.strip(".").casefold() in WHOLE:
        return [text]
    pieces, start = [], 0
    for i in range(1, len(text)):
        before, letter, after = text[i - 1], text[i], text[i + 1 : i + 2]
        begins = before.islower() and letter.isupper() and i - start > 1
        begins |= before.isupper() and letter.isupper() and after.islower()
        begins |= before.isdigit() and letter.isupper() and after.islower()
        begins |= before.islower() and letter.isdigit() and i - start >= LEAST_BEFORE_DIGITS
        if begins:
            pieces.append(text[start:i])
            start = i
    return [piece for piece in (*pieces, text[start:]) if piece]
