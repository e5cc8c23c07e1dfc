"""Outcomes: what happened to customers, or will, told by a column's name and content together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from segmentation.schema.drafting.words import (
    ends_with,
    folded,
    is_named,
    mentions,
    vocabulary,
    words_of,
)

# An outcome whatever its values are.
ALWAYS = vocabulary(
    "churn, churned, churner, churners, attrition, attrited, abwanderung, abgewandert, desercion,"
    "evasao, abbandono clienti"
)
# An outcome where customers are in one of two states, wherever the words stand in the name.
HAPPENED = vocabulary(
    "exited, cancelled, canceled, unsubscribed, defaulted, fraud, fraudulent, is fraud, converted,"
    "responded, bankrupt, bankruptcy, charged off, fully paid, not fully paid, repurchased,"
    "serious dlqin, kundigung, kuendigung, gekundigt, gekuendigt, ausgefallen, zahlungsausfall,"
    "resilie, resiliation, desabonne, defaut paiement, cancelado, cancelamento, inadimplente,"
    "inadimplencia, moroso, morosidad, fraude, frode, betrug, disdetta, insolvente, opgezegd,"
    "accepted cmp, accepted campaign, accepted offer, default payment, in default,"
    "clicked on ad, loan default, credit default, will buy, will leave, will churn, upsold"
)
# Likewise at the end of a name, or before a word that only says that it is a mark.
AT_THE_END = vocabulary(
    "default, response, responder, conversion, subscribed, subscription taken, retained, renewed,"
    "renewal, lapsed, left, cancel, cancellation, purchased, bought, sold, clicked, survived,"
    "delinquent, creditability, repaid, dropout, dropped out, departed, terminated, withdrawn,"
    "antwort, reponse, respuesta, resposta, risposta, conversione, compro"
)
MARKS = vocabulary("flag, ind, indicator, status, yn, bin, binary, label, target, class, value")
# Likewise where they are the whole name.
ALONE = vocabulary(
    "y, target, label, outcome, class, result, dv, is target, target flag, ground truth, deposit,"
    "term deposit, risk, credit risk, good bad, revenue, purchase, sale, baja, abandono, fuga,"
    "abbandono, recesso, ergebnis, zielvariable, ziel, cible, objetivo, resultado, alvo, esito,"
    "won,"
    "bad, loan status, credit status, customer status, abgang, depart, salida, sortie"
)
# Of these a few levels more than two are an outcome too.
TARGETS = vocabulary("target, label, outcome, class, result, zielvariable, ergebnis, cible, y")
NOT_TWO = vocabulary("class, result, y")  # several levels of these describe
# What lies ahead of the row: any values.
AHEAD = vocabulary(
    "next month, next year, next quarter, next week, next day, next period, next purchase,"
    "next order, next visit, next season, following month, following year, future, upcoming,"
    "forecast, nachster monat, naechster monat, nachsten monat, naechsten monat, nachstes jahr,"
    "naechstes jahr, folgemonat, folgejahr, zukunft, mois prochain, mois suivant, annee prochaine,"
    "futur, proximo mes, mes siguiente, proximo ano, futuro, prossimo mese, prossimo anno,"
    "customer lifetime value, lifetime value, ltv, clv, cltv, kundenwert"
)
NEXT_COUNT = re.compile(
    r"\bnext (\d+|three|six|twelve) ?(d|days?|w|weeks?|m|mo|months?|y|years?)\b"
)
# Before these words a name speaks of the past or of something else.
PAST = vocabulary("previous, prev, prior, past, last, earlier, historical, history, former")
# Levels that say it by themselves.
STATES = vocabulary(
    "churned, attrited, attrited customer, exited, cancelled, canceled, defaulted, charged off,"
    "unsubscribed, abgewandert, gekundigt, non churn, not churned, resilie"
)
RISKS = ({"good", "bad"}, {"gut", "schlecht"}, {"bueno", "malo"}, {"bon", "mauvais"})
RISK_NAMES = vocabulary("risk, class, credit, target, label, rating, status, type, creditability")
CODED = {"1", "2"}  # says that there are two states, not which one is the event
MOST_STATES = 6
# Of two levels, what is counted: the event, not its absence.
EVENTS = vocabulary(
    "yes, true, 1, y, t, ja, j, oui, o, si, s, sim, bad, schlecht, malo, mauvais, churned, churn,"
    "attrited, attrited customer, exited, left, cancelled, canceled, default, defaulted, fraud,"
    "charged off, success, accepted, converted, subscribed, unsubscribed, lost, inactive, late"
)
ABSENCES = vocabulary(
    "no, false, 0, n, f, nein, non, nao, good, gut, bueno, bon, stayed, active, retained, existing,"
    "existing customer, loyal, none, fully paid, paid, failure, rejected, genuine, legitimate,"
    "not churned, non churn, no churn, not default, no default, current"
)


def is_outcome(name: str, levels: Sequence[str], distinct: int) -> bool:
    """Return whether a column tells what happened to customers, by its name and values.

    Parameters
    ----------
    name
        Of the column.
    levels
        Its texts, or its whole numbers as texts where they are few; empty for other numbers.
    distinct
        How many different values there are.
    """
    words = words_of(name)
    plain = {_plain(level) for level in levels}
    if distinct < 2:
        return False
    if _lies_ahead(words) or mentions(words, ALWAYS):
        return True
    states = {state.replace(" ", "") for state in plain}
    if len(plain) <= MOST_STATES and states & STATES:
        return True
    if plain in RISKS and mentions(words, RISK_NAMES):
        return True
    if distinct == 2:
        return bool(plain) and _happened(words, plain)
    several = is_named(words, TARGETS - NOT_TWO) and 0 < len(plain) <= MOST_STATES
    return several and not mentions(words, PAST)


def _happened(words: Sequence[str], levels: set[str]) -> bool:
    """Return whether a name of a column with two values tells that something happened."""
    if mentions(words, PAST):
        return False
    answers = all(_is_event(level) or _is_absence(level) for level in levels) or levels == CODED
    end = tuple(word for word in words if word not in MARKS) or words
    named = mentions(words, HAPPENED) or ends_with(end, AT_THE_END)
    return (named or is_named(words, ALONE)) and answers


def _lies_ahead(words: Sequence[str]) -> bool:
    return mentions(words, AHEAD) or bool(NEXT_COUNT.search(" ".join(words)))


def event_last(levels: Sequence[str], name: str = "") -> list[str]:
    """Return the two levels of an outcome with the event last; others as they are."""
    if len(levels) != 2:
        return list(levels)
    scores = _scores(levels, name)
    return sorted(levels, key=lambda level: (scores[level], levels.index(level)))


def event_of(levels: Sequence[str], counts: Sequence[int], name: str = "") -> str:
    """Return the level of an outcome that is counted: the event, else what fewest customers have.

    Levels that nobody has, and the absence of an event, count only where there are no others; of
    equally rare ones the last is taken.
    """
    scores = _scores(levels, name)
    events = [level for level in levels if scores[level] == 1]
    if len(events) == 1:
        return events[0]
    present = [code for code, count in enumerate(counts) if count] or list(range(len(levels)))
    states = [code for code in present if scores[levels[code]] >= 0] or present
    return levels[max(states, key=lambda code: (-counts[code], code))]


def _scores(levels: Sequence[str], name: str) -> dict[str, int]:
    """Return 1 for each level that is the event, -1 for its absence, and 0 for others."""
    stems = [word[:5] for word in words_of(name) if len(word) > 4]
    return {level: _score(level, stems) for level in levels}


def _score(level: str, stems: Sequence[str]) -> int:
    if _is_absence(level):
        return -1
    echoes = any(word.startswith(stem) for word in words_of(level) for stem in stems)
    return 1 if _is_event(level) or echoes else 0


def _is_event(level: str) -> bool:
    return _plain(level).replace(" ", "") in EVENTS


def _is_absence(level: str) -> bool:
    plain = _plain(level)
    return plain.replace(" ", "") in ABSENCES or plain.split(" ")[0] in {"no", "not", "non"}


def _plain(level: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", folded(level)))
