"""Traits that the law protects, by a column's name or by its levels, in several languages.

Protected are age, sex, marital status, origin, religion, disability, health and opinion (GDPR
article 9; US Equal Credit Opportunity Act). How many children or dependants a customer has is not
among them, so such columns stay features.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from segmentation.schema.drafting.words import (
    ends_with,
    folded,
    is_named,
    mentions,
    vocabulary,
    words_of,
)

PROTECTED = vocabulary(
    # birth
    "birth, birthday, birthdate, birth date, birth year, date of birth, year of birth, dob, born,"
    "geburt, geburtstag, geburtsdatum, geburtsjahr, geboren, naissance, nacimiento, nascimento,"
    "nascita, geboortedatum, age group, age range, age band, age bracket, altersgruppe,"
    # sex
    "gender, sex, sexo, sesso, sexe, geschlecht, geslacht, is male, is female, male, female,"
    "salutation, anrede, pronouns, sexual orientation,"
    # marital status
    "marital, marital status, marriage, married, mar stat, mar status, civil status, estado civil,"
    "familienstand, zivilstand, family status, situation familiale, situation matrimoniale,"
    "etat civil, stato civile, burgerlijke staat, spouse, wife, husband, divorced, widowed,"
    "is single, personal status, has partner,"
    # old age
    "senior citizen, is senior, pensioner,"
    # origin
    "ethnic, ethnicity, ethnie, etnia, raza, raca, ethnicite, nationality, nationalitat,"
    "nationalitaet, staatsangehorigkeit, staatsangehoerigkeit, staatsburgerschaft, nationalite,"
    "nacionalidad, nacionalidade, nazionalita, nationaliteit, citizenship, citizen,"
    "foreign worker, foreigner, immigrant, immigration, migrant, skin colour, skin color, caste,"
    "mother tongue, native language, native country, muttersprache,"
    # religion and opinion
    "religion, religious, faith, belief, konfession, religione, religiao, religie, political,"
    "politics, political party, trade union, union member,"
    # health
    "disability, disabled, handicap, handicapped, behinderung, discapacidad, deficiencia,"
    "disabilita, disease, diagnosis, illness, pregnant, pregnancy, hiv"
)
# Protected at the end of a name: `customer_age`, not `age_of_account`.
LAST = vocabulary("age, edad, alter, idade, eta, leeftijd, wiek, age years, age in years, race")
# Things whose age, sex or health is nobody's.
THINGS = vocabulary(
    "account, acct, card, contract, policy, vehicle, car, house, home, building, property, device,"
    "loan, company, firm, business, product, subscription, relationship, website, site, file,"
    "credit, line, debt, invoice, order, bike, phone, equipment, machine, store, membership"
)
# Protected where there are few levels, or numbers; others, such as `genre`, only by their levels.
AMBIGUOUS = vocabulary("genero, partner, senior")
FEW = 4

GENDERS = vocabulary(
    "male, female, man, woman, men, women, homme, femme, hombre, mujer, masculino, femenino,"
    "feminino, masculin, feminin, mann, frau, mannlich, weiblich, maennlich, maschio, femmina,"
    "uomo,"
    "donna, homem, mulher, masculine, feminine, nonbinary, mr, mrs, ms, herr, man, vrouw, boy, girl"
)
LETTERS = ({"m", "f"}, {"m", "w"})
NEUTRAL = {"x", "d", "u", "o", "other", "divers", "diverse", "unknown", "non binary", "n a"}
MARITAL = vocabulary(
    "single, married, divorced, widowed, widow, widower, separated, unmarried, cohabiting,"
    "together,"
    "ledig, verheiratet, geschieden, verwitwet, getrennt, celibataire, marie, mariee, divorce,"
    "divorcee, veuf, veuve, pacse, pacsee, soltero, soltera, casado, casada, divorciado,"
    "divorciada,"
    "viudo, viuda, separado, separada, solteiro, solteira, viuvo, viuva, celibe, nubile, coniugato,"
    "coniugata, sposato, sposata, divorziato, divorziata, vedovo, vedova, husband, wife, marriage"
)
RELIGIONS = vocabulary(
    "christian, catholic, protestant, orthodox, muslim, islam, jewish, judaism, hindu, hinduism,"
    "buddhist, buddhism, sikh, atheist, agnostic, evangelisch, katholisch, muslimisch, catolico,"
    "cattolico, catholique, musulman, christianity"
)
PEOPLES = vocabulary(
    "asian, hispanic, latino, latina, caucasian, african, africanamerican, native american,"
    "pacific islander, white, black, mixed, amer indian, eskimo, arab, roma"
)
COLOURS = vocabulary("white, black, mixed")
MOSTLY = 0.6


def is_sensitive(name: str, levels: Iterable[str] = ()) -> bool:
    """Return whether a column's name, or its levels, suggest a trait that the law protects."""
    words = words_of(name)
    plain = [" ".join(re.findall(r"[^\W_]+", folded(level))) for level in levels]
    if _by_levels(plain):
        return True
    if mentions(words, THINGS):
        return False
    if ends_with(words, LAST) or (is_named(words, AMBIGUOUS) and len(plain) <= FEW):
        return True
    return mentions(words, PROTECTED)


def _by_levels(levels: Sequence[str]) -> bool:
    """Return whether levels name sexes, marital states, religions or peoples."""
    if len(levels) < 2:
        return False
    distinct = set(levels) - NEUTRAL
    if distinct in LETTERS:
        return True
    rows = [_terms(level) for level in levels]
    if _share(rows, GENDERS) >= MOSTLY and len(set.union(*rows) & GENDERS) >= 2:
        return True
    if any(
        _share(rows, terms) >= MOSTLY and len(set.union(*rows) & terms) >= 2
        for terms in (MARITAL, RELIGIONS)
    ):
        return True
    peoples = set.union(*rows) & PEOPLES
    return len(peoples) >= 2 and bool(peoples - COLOURS) and _share(rows, PEOPLES) >= MOSTLY


def _terms(level: str) -> set[str]:
    words = level.split()
    return {*words, *("".join(words[i : i + 2]) for i in range(len(words) - 1))}


def _share(rows: Sequence[set[str]], terms: frozenset[str]) -> float:
    return sum(bool(row & terms) for row in rows) / len(rows)
