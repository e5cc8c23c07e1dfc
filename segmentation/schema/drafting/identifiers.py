"""Columns that name customers or number rows: the identifier, further keys, running numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from segmentation.schema.dates import MOST_JUDGED, order_of, spread
from segmentation.schema.drafting.words import (
    ends_with,
    is_named,
    mentions,
    paired,
    vocabulary,
    words_of,
)
from segmentation.schema.levels import as_text, texts_of
from segmentation.schema.numbers import decimal_of, read_numbers
from segmentation.types import FloatArray

PEOPLE = (
    "customer, customers, cust, client, clients, account, acct, user, member, subscriber, card,"
    "card holder, household, person, guest, visitor, contact, shopper, buyer, donor, borrower,"
    "applicant, passenger, patient, policy, policy holder, contract, respondent, kunde, kunden,"
    "konto, mitglied, mitglieds, nutzer, cliente, clientes, usuario, utente, cuenta, conto, conta,"
    "abonne, klant, klanten, membre, socio"
)
WHO = vocabulary(PEOPLE)
# `customer_id`, `clientnum`, `id_cliente`, `numero client`.
CUSTOMERS = paired(
    PEOPLE, "id, key, no, nr, num, number, nummer, numero, code, uuid, identifier, ref"
)
PLAIN = vocabulary("id, uid, uuid, guid, key, identifier, kennung, identifiant, identificador")
KEYS = vocabulary("id, ids, uid, uuid, guid, key, identifier, no, nr, number, nummer, numero")
SERIAL = vocabulary(
    "sno, s no, slno, sl no, srno, sr no, serial, serial no, serial number, lfdnr, lfd nr,"
    "laufende nummer, no, nr, number, nummer, numero, num, n, #, seq, sequence"
)
ROWS = vocabulary(
    "row, rows, row number, row num, row no, row nr, row id, row names, row name, index, idx,"
    "obs, observation, record number, record no, level 0, unnamed 0, zeile, zeilennummer, ligne,"
    "fila, linha, riga"
)
COUNTING = vocabulary("num, number, no, nr, nb, count, total, avg, average, sum, n, of, per")
PERSONAL = vocabulary(
    "surname, last name, first name, fore name, given name, family name, full name, name,"
    "customer name, client name, nachname, vorname, nom, prenom, apellido, apellidos, nombre,"
    "sobrenome, nome, cognome, email, e mail, mail, email address, phone, phone number, telephone,"
    "tel, mobile, mobile number, telefon, telefonnummer, telefono, telefone, address, street,"
    "adresse, strasse, direccion, endereco, indirizzo, ip, ip address, iban, passport, ssn, tax id,"
    "user name, login, url, website"
)
BESIDE = vocabulary(
    "amount, amt, price, unit price, quantity, qty, sales, invoice, invoice no, order id,"
    "transaction, transaction id, trans, total, value, payment, betrag, menge, preis, montant,"
    "quantite, prix, importe, cantidad, precio, importo, quantita, prezzo, valor, quantidade"
)
# What a row is where its key is that of a purchase.
PURCHASES = vocabulary(
    "invoice, order, transaction, trans, txn, receipt, purchase, sale, sales, basket, booking,"
    "reservation, ticket, bill, payment, checkout, rechnung, rechnungs, bestellung, beleg, bon,"
    "kauf, buchung, commande, facture, achat, factura, pedido, compra, reserva, recibo, fattura,"
    "ordine, acquisto, nota fiscal, bestelling, factuur"
)
ROW_IS_PURCHASE = (
    "names purchases, not customers: if a row is a purchase, sum up per customer first; if every "
    "customer has one row, choose or add the customers' own identifier"
)
LEAST_RUN = 10
LEAST_DENSE = 40
HUGE, LEAST_HUGE = 1e9, 20
FEW_LEVELS = 20
NO_NUMBERS = 0.5  # a larger share of texts that are no numbers makes a column of texts
LOG_SHARE = 0.8  # of different values in all: fewer repeat
LEAST_CUSTOMERS = 5


@dataclass(frozen=True)
class Key:
    """A column that names customers or rows; the smallest rank makes the best identifier."""

    rank: int | None  # None: never the identifier
    reason: str  # why it is no feature


class RepeatedCustomers(NamedTuple):
    """A column that names customers, how many it names, and in how many rows."""

    column: str
    customers: int
    rows: int


def key_of(name: str, values: pd.Series[Any]) -> Key | None:
    """Return what makes a column a key; None where it may be a feature.

    Parameters
    ----------
    name, values
        Of the column, which holds no dates.
    """
    present = values.dropna()
    if len(present) < 2 or is_bool_dtype(values):
        return None
    words = words_of(name)
    numbers = _numbers(present)
    whole = None if numbers is None else _whole(numbers)
    if whole is None and numbers is not None:
        return None
    unique = bool(present.is_unique) and len(present) == len(values)
    if whole is not None and _is_running(whole) and not names_customers(words):
        reason = f"numbers the rows from {whole.min():,.0f} to {whole.max():,.0f}"
        gaps = ", with gaps" if len(np.unique(np.diff(np.sort(whole)))) > 1 else ""
        return Key(4 if is_named(words, SERIAL) else None, reason + gaps)
    if is_named(words, ROWS) and unique:
        return Key(None, "numbers the rows")
    rank = _rank(words, present, whole)
    if unique and rank is not None:
        return Key(rank, "identifies customers")
    return _repeated_key(words, present, whole)


def is_key_name(name: str) -> bool:
    """Return whether a name is one for keys: ``customer_id``, ``Kundennummer``, ``order no``."""
    words = words_of(name)
    return names_customers(words) or (ends_with(words, KEYS) and not _counts(words))


def names_purchases(name: str) -> bool:
    """Return whether a key's name is one for purchases: ``Invoice ID``, ``order_no``."""
    words = words_of(name)
    return mentions(words, PURCHASES) and not names_customers(words)


def _rank(words: tuple[str, ...], distinct: pd.Series[Any], whole: FloatArray | None) -> int | None:
    """Return how good an identifier a column of distinct values is; None where it is none."""
    if is_named(words, SERIAL):
        return 4
    if names_customers(words):
        return 0
    if ends_with(words, KEYS) and not _counts(words):
        return 1
    if whole is None:
        return 5 if ends_with(words, PERSONAL) else 2
    return 3 if len(distinct) >= LEAST_HUGE and whole.min() >= HUGE else None


def _repeated_key(
    words: tuple[str, ...], present: pd.Series[Any], whole: FloatArray | None
) -> Key | None:
    """Return why a key that repeats, or has holes, is no feature; None where it may be one."""
    count = int(present.nunique())
    sizes = f"{count:,} different in {len(present):,} rows"
    few = count <= FEW_LEVELS
    if names_customers(words) and not (few and is_named(words, WHO)):
        few_repeat = count > LOG_SHARE * len(present)
        remedy = (
            "; it becomes the identifier once every row names another one" if few_repeat else ""
        )
        return Key(None, f"names customers: {sizes}{remedy}")
    if few:
        return None
    if ends_with(words, PLAIN if whole is not None else KEYS) and not _counts(words):
        return Key(None, f"holds keys, which measure nothing: {sizes}")
    if ends_with(words, PERSONAL) and (whole is None or whole.min() >= 1e6):
        if count > LOG_SHARE * len(present):
            return Key(None, f"names single customers: {sizes}")
        return Key(None, f"holds names or addresses, which measure nothing: {sizes}")
    return None


def names_customers(words: tuple[str, ...]) -> bool:
    """Return whether a name is one for customers' keys."""
    bare = tuple(word for word in words if word != "#")
    named = is_named(bare, PLAIN | WHO) or ends_with(bare, CUSTOMERS)
    return named and not _counts(bare)


def _counts(words: tuple[str, ...]) -> bool:
    """Return whether a name counts things: ``number of customers``, ``orders per client``."""
    return "of" in words or "per" in words or (len(words) > 2 and words[0] in COUNTING)


def _numbers(present: pd.Series[Any]) -> FloatArray | None:
    """Return values as numbers; None where they are texts, such as keys with leading zeros."""
    if is_numeric_dtype(present):
        return present.to_numpy(np.float64)
    texts = texts_of(present)
    if texts.str.match(r"0\d").any():
        return None
    few = spread(texts, MOST_JUDGED)
    if decimal_of(few) is None and np.isnan(read_numbers(few)).mean() > NO_NUMBERS:
        return None
    decimal = decimal_of(texts)
    numbers = read_numbers(texts, decimal or ".")
    return None if decimal is None and np.isnan(numbers).mean() > NO_NUMBERS else numbers


def _whole(numbers: FloatArray) -> FloatArray | None:
    """Return numbers that are whole; None where one is not."""
    finite = np.isfinite(numbers).all()
    return numbers if finite and (numbers == np.round(numbers)).all() else None


def _is_running(whole: FloatArray) -> bool:
    """Return whether distinct whole numbers count rows, in whatever order.

    Numbers that fill more than half of their range without one that repeats are no measurement:
    of independent values some would be equal.
    """
    distinct = np.unique(whole)
    if len(distinct) < len(whole) or len(whole) < LEAST_RUN:
        return False
    steps = np.diff(distinct)
    if (steps == steps[0]).all():
        return True
    return len(whole) >= LEAST_DENSE and bool(distinct[-1] - distinct[0] < 2 * len(whole))


def repeated_customers(frame: pd.DataFrame) -> RepeatedCustomers | None:
    """Return the column whose customers repeat, where a row is a purchase and not a customer.

    That is a column named for customers with fewer of them than 80% of its rows, beside a
    date, an amount or a quantity. None where every row is a customer.
    """
    for column in frame.columns:
        words = words_of(str(column))
        values = frame[column].dropna()
        customers = int(values.nunique())
        if not names_customers(words) or not LEAST_CUSTOMERS <= customers <= LOG_SHARE * len(
            values
        ):
            continue
        if is_named(words, WHO) and not _look_like_keys(values, customers):
            continue
        if any(_is_beside(str(n), frame[n]) for n in frame.columns if n != column):
            return RepeatedCustomers(str(column), customers, len(values))
    return None


def _look_like_keys(values: pd.Series[Any], customers: int) -> bool:
    texts = values.iloc[:200].map(as_text)
    return customers > FEW_LEVELS or bool(texts.str.contains(r"\d").all())


def _is_beside(name: str, values: pd.Series[Any]) -> bool:
    words = words_of(name)
    return mentions(words, BESIDE) or bool(order_of(values.iloc[:1000], words))
