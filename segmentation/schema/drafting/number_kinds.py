"""What a column of numbers measures: money, months, counts, shares, codes; and odd values in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segmentation.disclosure import minimum_group
from segmentation.schema import Kind
from segmentation.schema.drafting.words import ends_with, is_named, mentions, vocabulary, words_of
from segmentation.types import FloatArray, IntArray

MONEY = vocabulary(
    "amount, amounts, amt, amts, balance, bal, limit, payment, payments, purchases, purchase,"
    "income,"
    "salary, wage, wages, pay amt, earnings, spend, spends, spending, spent, expense, expenses,"
    "expenditure, revenue, sales, turnover, price, cost, costs, fee, fees, charge, charges, bill,"
    "cash, advance, wealth, savings, deposit, deposits, withdrawal, withdrawals, debt, premium,"
    "open to buy, lifetime value,"
    "order value, basket value, cart value, cashback amount, cashback, tax, rent, mortgage,"
    "pension,"
    "usd, eur, gbp, chf, $, €, £, ¥,"
    "betrag, saldo, kontostand, einzahlungen, auszahlungen, abhebungen, umsatz, umsatze,"
    "einkommen, gehalt, lohn, preis, kosten, guthaben, ausgaben, einnahmen,"
    "pramie, praemie, gebuhr, gebuehr, miete, erlos, montant, revenu, revenus, salaire, prix,"
    "solde,"
    "depense, depenses, chiffre d affaires, chiffre affaires, cout, frais, prime, ingreso,"
    "ingresos,"
    "importe, gasto, gastos, precio, salario, renta, sueldo, prima, coste, costo, cuota, receita,"
    "renda, valor, preco, despesa, despesas, faturamento, custo, reddito, stipendio, spesa, spese,"
    "importo, ricavo, ricavi, prezzo, fatturato"
)
NOT_MONEY = vocabulary(
    "freq, frequency, trx, count, counts, ct, cnt, num, number, no, nr, nb, n, of times, ratio,"
    "chng,"
    "change, hike, growth, increase, share, percent, percentage, pct, prc, %, rate, score, scores,"
    "rating, index, rank, since, delay, term, terms, duration,"
    "utilization, utilisation, method, mode, type, category,"
    "status, flag, has, is, code, class, level, band, group, tier, quantity, qty, items, orders,"
    "anzahl, menge, quote, anteil, nombre, taux, part, numero, cantidad, porcentaje, quantidade,"
    "quantita, punteggio, puntuacion"
)
UNITS = vocabulary(
    "day, days, week, weeks, month, months, year, years, yrs, hour, hours, minute, minutes, min,"
    "mins,"
    "tage, wochen, monate, jahre, jours, mois, ans, dias, meses, anos, giorni, mesi, anni"
)
MONTHS = frozenset({"months", "monate", "meses", "mesi", "maanden"})
NO_MONTHS = vocabulary("days, day, weeks, week, years, year, yrs, hours, tage, jahre, jours, ans")
COUNTS = vocabulary(
    "num, number, count, counts, cnt, ct, nb, nr, no, n, total, qty, quantity, times, visits,"
    "orders,"
    "purchases, transactions, calls, contacts, items, products, children, kids, kidhome, teenhome,"
    "dependents, dependants, family members, persons, people, members, cards, accounts, tickets,"
    "complaints, logins, returns, coupons, wishlist, clicks, sessions, rooms, cars, days, weeks,"
    "months, years, hours, age, anzahl, kinder, nombre, enfants, hijos, numero, filhos, figli,"
    "cantidad, quantidade, quantita, tenure, besuche, bestellungen, kaufe, kaeufe, anrufe, visites,"
    "commandes, achats, visitas, pedidos, compras, visite, ordini, acquisti"
)
CODES = vocabulary(
    "code, type, class, category, cat, group, region, area, zone, channel, sector, branch,"
    "education,"
    "edu, educ, marriage, marital, marital status, mar stat, civil status, sex, gender, genre,"
    "occupation,"
    "job, profession, employment, status, state, country, city, settlement, district, department,"
    "dept, division, plan, method, mode, device, brand, segment, cluster, purpose, race, ethnicity,"
    "religion, nationality, product type, industry, territory, location, store, shop, language,"
    "housing, contract, internet service, payment method, home ownership, color, colour, source,"
    "campaign type, weekday, day of week, dow, quarter, zip, zip code, postal code, postcode, plz,"
    "geschlecht, beruf, familienstand, bildung, kanal, land, ort, stadt, typ, art, gruppe, klasse,"
    "sexe, sexo, sesso, profession, ocupacion, profesion, canal, pais, ciudad, estado civil, tipo,"
    "categoria, grupo, zona, regione, settore, canale, professione, segmento, ville, pays, secteur"
)
# Of few whole numbers under these words nobody can tell money from how often.
COUNTED_OR_PAID = vocabulary(
    "purchases, purchase, sales, payments, advances, deposits, withdrawals, einzahlungen,"
    "auszahlungen, abhebungen"
)
MOST_TIMES = 100
# A name that ends so grades something, whatever its first word is: `JobSatisfaction`.
GRADES = vocabulary("satisfaction, involvement, level, rating, score, balance, rank, grade")
# Of these, codes have one digit; what goes on to 18 is years at school.
SCHOOLING = vocabulary("education, edu, educ, schooling, bildung, formation, educacion")
CALENDAR = vocabulary("month, mon, monat, mois, mes, mese, birth month, signup month, join month")
POSTAL = vocabulary("zip, zip code, postal code, postcode, plz, postleitzahl")
# As the last word of a longer name these mean something else: `income_cap`.
POSTAL_ALONE = vocabulary("cp, cep, cap")
LEAST_POSTAL = 10_000  # of the largest of them
TIMES = UNITS | vocabulary("tenure, age, alter, edad")
FEW_CODES = 12
MOST_CODES = 60  # under a name that says so
MOST_COUNTED = 6
NARROW = 24  # the widest range of what may be a code
# Values that stand for something else than an amount.
SENTINELS = frozenset(
    {-1.0, -2.0, -7.0, -8.0, -9.0, 97.0, 98.0, 997.0, 998.0, 365_243.0}
    | {sign * float(digit * n) for sign in (1, -1) for digit in "98" for n in range(2, 8)}
)
LEAST_REPEATED = 3
RARE = 0.05
GAP = 0.5


@dataclass(frozen=True)
class NumberKind:
    """What a column of numbers is: a kind, a category where they are codes, and what to note."""

    kind: Kind
    note: str = ""


def kind_of(name: str, numbers: FloatArray) -> NumberKind:
    """Return what finite numbers under a name are; `numbers` has shape (n,), n at least 1."""
    words = words_of(name)
    distinct, counts = np.unique(numbers, return_counts=True)
    whole = bool((distinct == np.round(distinct)).all())
    if whole and not (distinct[0] >= 0 and distinct[-1] <= 1) and _repeat(numbers, distinct):
        coded = _codes(words, distinct, distinct[counts >= minimum_group()])
        if coded is not None:
            return coded
    small = whole and len(distinct) <= FEW_CODES and np.abs(distinct).max() < NARROW
    if whole and distinct[-1] > 1 and _months(words):
        return NumberKind("months")
    times = whole and distinct[-1] <= MOST_TIMES and ends_with(words, COUNTED_OR_PAID)
    if not small and not times and _money(words):
        return NumberKind("money")
    if not whole and distinct[0] >= 0 and distinct[-1] <= 1:
        return NumberKind("frequency")
    return NumberKind("count" if whole and distinct[0] >= 0 else "number")


def _repeat(numbers: FloatArray, distinct: FloatArray) -> bool:
    """Return whether values repeat as codes do."""
    return len(distinct) <= MOST_CODES and len(numbers) >= 2 * len(distinct)


def _codes(words: Sequence[str], distinct: FloatArray, common: FloatArray) -> NumberKind | None:
    """Return the verdict on a few whole numbers, which may be codes; None where they are many.

    Of `distinct` the remark names those that are `common`.
    """
    span = "whole numbers"
    if len(common):
        span = f"whole numbers from {common[0]:.0f} to {common[-1]:.0f}".replace("-", "−")
    dense = distinct[-1] - distinct[0] <= max(NARROW, 2 * len(distinct))
    counts = _counts(words)
    first = mentions(words[:1], CODES) and not ends_with(words, GRADES)
    named = ends_with(_bare(words), CODES) or first
    named |= is_named(words, CALENDAR) and distinct[0] >= 1 and distinct[-1] <= 12
    named &= not (ends_with(_bare(words), SCHOOLING) and distinct[-1] > 9)
    few = len(distinct) <= FEW_CODES
    if not counts and ((named and (few or dense)) or tuple(distinct) == (1.0, 2.0)):
        remedy = "if they are amounts, set kind: count and delete the levels"
        return NumberKind("category", f"{span}, read as codes, a category; {remedy}")
    # What a name counts begins with zero, or goes beyond a few.
    plain = counts and (distinct[0] != 1 or len(distinct) > MOST_COUNTED)
    if not (few and dense) or mentions(words, TIMES) or plain:
        return None
    kind: Kind = "count" if distinct[0] >= 0 else "number"
    how = "a count, by its name" if counts else f"a {kind}"
    remedy = "if they are codes, set kind: category and list the levels"
    return NumberKind(kind, f"{span}, read as {how}; {remedy}")


def _counts(words: Sequence[str]) -> bool:
    """Return whether a name counts something: ``NumOfProducts``, ``visits``, ``children``."""
    return ends_with(words, COUNTS) or mentions(words[:1], COUNTS) or "of" in words


def _bare(words: Sequence[str]) -> Sequence[str]:
    """Return words without numbers and marks at the end."""
    return words[:-1] if words and (words[-1].isdecimal() or words[-1] in {"id", "cd"}) else words


def _months(words: Sequence[str]) -> bool:
    """Return whether a name says that it is in months; `visits_last_3_months` counts visits."""
    if "tenure" in words:
        return not mentions(words, NO_MONTHS)
    if words[:1] and words[0] in MONTHS:
        return True
    last = len(words) > 1 and words[-1] in MONTHS
    before = words[-2] if last else ""
    return last and not (before.isdecimal() or before in {"last", "past", "per", *COUNTS, *MONEY})


def _money(words: Sequence[str]) -> bool:
    if not mentions(words, MONEY) or mentions(words, NOT_MONEY):
        return False
    # `days_to_payment` and `payment_days` are times, `spend_last_30_days` is money.
    return not (
        mentions(words[:1], UNITS) or (len(words) > 1 and words[-1] in UNITS and words[-2] in MONEY)
    )


def is_postal(name: str, distinct: FloatArray) -> bool:
    """Return whether numbers, in their order, are postal codes, by their name and their size."""
    words, largest = words_of(name), float(distinct[-1])
    if distinct[0] < 0 or (distinct != np.round(distinct)).any():
        return False
    return ends_with(words, POSTAL) or (is_named(words, POSTAL_ALONE) and largest >= LEAST_POSTAL)


def sentinel_note(numbers: FloatArray) -> str:
    """Return a sentence on repeated values that stand apart; empty where there are none.

    Parameters
    ----------
    numbers
        Finite values, shape (n,).
    """
    distinct, counts = np.unique(numbers, return_counts=True)
    if tuple(distinct) == (-1.0, 0.0, 1.0) and counts[0] > RARE * len(numbers):
        return ""  # less, as it is, more
    for step in (1, -1):  # from the smallest value on, then from the largest
        values, times = distinct[::step], counts[::step]
        marks = [v in SENTINELS and n >= LEAST_REPEATED for v, n in zip(values, times, strict=True)]
        most = min(marks.index(False) if False in marks else len(marks), len(values) - 2)
        for n in range(most, 0, -1):
            if _stand_apart(values[:n], np.sort(values[n:])):
                return _sentinels(values[:n], times[:n], len(numbers))
    return ""


def _sentinels(values: FloatArray, counts: IntArray, rows: int) -> str:
    """Return a sentence on values that may mean missing."""
    each = [f"{v:.0f} in {n:,}" for v, n in zip(values, counts, strict=True)]
    several = len(each) > 1
    what = f"{', '.join(each[:-1])} and {each[-1]}" if several else each[0]
    return (
        f"{what} of {rows:,} values {'stand' if several else 'stands'} apart from the other ones "
        f"and may mean missing; if so, write missing: {[f'{v:.0f}' for v in values]} in this column"
    )


def _stand_apart(values: FloatArray, rest: FloatArray) -> bool:
    """Return whether values are far from all others, or the only ones below zero.

    Several below zero that others follow without a gap, as -2, -1, 0, 1, are a scale.
    """
    inner = values[-1]
    gap = float(min(abs(inner - rest[0]), abs(inner - rest[-1])))
    scale = len(values) > 1 and bool((np.diff([*values, rest[0]]) == 1).all())
    negative = values[0] <= inner < 0 <= rest[0] and not scale
    return negative or gap > GAP * float(rest[-1] - rest[0])
