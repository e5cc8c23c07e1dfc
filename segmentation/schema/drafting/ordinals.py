"""The order of levels: words on a scale, bands of numbers, durations, sizes, ranks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from segmentation.schema.drafting.words import folded

Key = tuple[float, ...]
# A scale from least to most. Words for one step are separated by "|"; a column that holds two of
# them has no order. Punctuation and accents do not matter.
SCALES: tuple[str, ...] = (
    "none|no|nothing|nil|zero, very low|extremely low|very little|minimal|lowest,"
    "low|little|small|light|slight|few|minor, medium low|lower medium|low medium|mid low|"
    "low moderate,"
    "moderate|medium|mid|middle|average|normal|intermediate|regular, medium high|upper medium|"
    "high medium|mid high, high|large|big|heavy|major|much|many, very high|very large|"
    "extremely high|"
    "highest|very heavy",
    "keine|kein, sehr niedrig|sehr gering, niedrig|gering|klein|wenig, mittel|normal|mittelgross,"
    "hoch|gross|viel, sehr hoch|sehr gross",
    "aucun|aucune, tres faible|tres bas, faible|bas|basse|petit|petite, moyen|moyenne|normal,"
    "eleve|elevee|haut|haute|fort|grand|grande, tres eleve|tres elevee|tres haut|tres grand",
    "ninguno|ninguna|nenhum|nessuno, muy bajo|muy baja|muito baixo|muito baixa|molto basso,"
    "bajo|baja|baixo|baixa|basso|bassa|pequeno|pequena|piccolo, medio|media|mediano|normal,"
    "alto|alta|grande, muy alto|muy alta|muito alto|muito alta|molto alto",
    "very poor, poor, little|modest, moderate|comfortable, quite rich|wealthy|well off, rich,"
    "very rich",
    "never, almost never|hardly ever|very rarely, rarely|seldom, occasionally, sometimes,"
    "regularly,"
    "often|frequently|usually, very often|almost always|very frequently, always",
    "non travel|never travel|no travel, travel rarely, travel frequently",
    "nie, selten, manchmal|gelegentlich, oft|haufig, sehr oft, immer",
    "jamais, rarement, parfois, souvent, tres souvent, toujours",
    "nunca|mai, rara vez|raramente, a veces|as vezes|a volte, a menudo|frequentemente|spesso,"
    "siempre|sempre",
    "hourly, daily|every day, weekly|every week, fortnightly|biweekly|bi weekly|every 2 weeks,"
    "monthly|every month, quarterly|every 3 months, half yearly|semi annually|semiannually|"
    "biannually,"
    "annually|yearly|annual|every year",
    "free|free trial|trial, starter|start|lite|light|entry, basic|essential|basis|basico|essentiel,"
    "standard|regular|classic, plus|extended|extra|enhanced|comfort|komfort|confort,"
    "premium|pro|professional|advanced|full|complete|completo|comprehensive,"
    "enterprise|ultimate|deluxe|vip|elite|luxury|max",
    "economy|eco, economy plus|eco plus|premium economy, business|business class, first|"
    "first class",
    "uneducated|illiterate|no education|no schooling|none, preschool, primary|elementary|basic|"
    "primary school|primary education|hauptschule|primaria|primaire, lower secondary|middle school|"
    "realschule, secondary|high school|secondary school|secondary education|hs grad|"
    "secondary secondary special|secondary special|upper secondary|abitur|secundaria|highschool,"
    "vocational|professional course|apprenticeship|some college|incomplete higher|undergraduate,"
    "college|associate|associate degree, graduate|graduation|university|tertiary|university degree|"
    "higher education|degree, bachelor|bachelors|bachelor s|bachelor s degree|licence,"
    "post graduate|postgraduate, master|masters|master s|master s degree|maestria|2nd cycle|"
    "2n cycle|"
    "second cycle, doctorate|phd|ph d|doctor|doctoral|promotion|academic degree|doctorado|doctorat",
    "very unsatisfied|very dissatisfied|extremely dissatisfied|highly dissatisfied|"
    "not at all satisfied,"
    "unsatisfied|dissatisfied|not satisfied|neutral or dissatisfied, somewhat dissatisfied|"
    "slightly dissatisfied, neutral|neither satisfied nor dissatisfied|indifferent,"
    "somewhat satisfied|"
    "slightly satisfied, satisfied, very satisfied|extremely satisfied|highly satisfied|"
    "completely satisfied",
    "sehr unzufrieden, unzufrieden, neutral|teils teils, zufrieden, sehr zufrieden",
    "tres insatisfait, insatisfait, neutre, satisfait, tres satisfait",
    "muy insatisfecho|muito insatisfeito|molto insoddisfatto, insatisfecho|insatisfeito|"
    "insoddisfatto,"
    "neutral|neutro|neutrale, satisfecho|satisfeito|soddisfatto, muy satisfecho|muito satisfeito|"
    "molto soddisfatto",
    "strongly disagree|totally disagree|completely disagree, disagree, somewhat disagree|"
    "slightly disagree, neutral|undecided|neither agree nor disagree, somewhat agree|"
    "slightly agree,"
    "agree, strongly agree|totally agree|completely agree",
    "very bad|very poor|terrible|awful, bad|poor, fair|ok|okay|acceptable|mediocre|so so|standard,"
    "average|neutral, good, very good|great, excellent|outstanding|superb",
    "very negative, negative, neutral, positive, very positive",
    "very unlikely, unlikely, neutral|maybe|possible, likely, very likely|certain",
    "not important|unimportant, slightly important, moderately important|neutral, important,"
    "very important, extremely important",
    "unskilled and non resident|unskilled non resident|unemployed unskilled, unskilled|"
    "unskilled and resident|unskilled resident|low skilled, semi skilled, skilled, highly skilled|"
    "high skilled|very skilled",
    "beginner|novice|newbie, elementary, intermediate, advanced, expert|master",
    "intern|trainee, entry|entry level, junior, mid|middle|mid level|intermediate, senior,"
    "lead|principal|staff, manager, director, executive|c level",
    "child|children|kid, teen|teenager|adolescent, young|young adult|youth, adult, middle aged|"
    "middle age, senior|elderly|old|older adult",
    "cold, warm, hot",
    "very slow, slow, medium|normal, fast, very fast",
    "no, maybe|not sure|undecided|partly, yes",
)
# The metals of loyalty programmes; colours alone are no tiers.
METALS = (
    "basic|standard|base|member, blue|green, classic, bronze, silver, gold, platinum|titanium,"
    "palladium, diamond, black"
)
PRECIOUS = frozenset({"bronze", "silver", "gold", "platinum", "diamond"})
SIZES = (
    "xxxs|3xs, xxs|2xs, xs|extra small|x small, s|small, m|medium, l|large, xl|extra large|x large,"
    "xxl|2xl|xx large, xxxl|3xl, xxxxl|4xl"
)
ANSWERS = frozenset({"no", "yes"})
STAGES = frozenset(
    {"level", "tier", "stage", "grade", "rank", "step", "phase", "class", "st", "nd", "rd", "th"}
    | {"stufe", "niveau", "nivel", "classe", "livello"}
)
ORDINALS = {
    word: number
    for words in ("first second third fourth fifth sixth seventh", "erste zweite dritte vierte")
    for number, word in enumerate(words.split(), 1)
}
COUNTS = {
    word: number
    for words in (
        "one two three four five six seven eight nine ten eleven twelve",
        "ein zwei drei vier funf sechs",
        "un deux trois quatre cinq six",
        "un dos tres cuatro cinco seis",
    )
    for number, word in enumerate(words.split(), 1)
}
UNITS = {
    **dict.fromkeys(("day", "days", "tag", "tage", "jour", "jours", "dia", "dias"), 1 / 30),
    **dict.fromkeys(("week", "weeks", "woche", "wochen", "semaine", "semana", "semanas"), 7 / 30),
    **dict.fromkeys(("month", "months", "mo", "monat", "monate", "mois", "mes", "meses"), 1.0),
    **dict.fromkeys(("year", "years", "yr", "yrs", "jahr", "jahre", "an", "ans", "ano"), 12.0),
}
MONTHLY = frozenset({"month to month", "monthly", "no contract", "monat zu monat", "rolling"})
BAND = re.compile(r"[-–—<>+≤≥]|\b(less|under|below|more|over|above|to|up|at least|bis)\b", re.I)
BELOW = re.compile(r"[<≤]|\b(less|under|below|up to|bis zu|unter)\b", re.I)
NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+(?:[.,]\d+)?)\s*([kKmMbB](?![a-zA-Z]))?")
THOUSANDS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}


def in_order(levels: Sequence[str]) -> list[str] | None:
    """Return distinct levels from least to most; None where no order is recognised."""
    if len(levels) < 2:
        return None
    plain = {level: _plain(level) for level in levels}
    for key_of in (_on_a_scale, _by_size, _by_metal, _by_duration, _by_stage):
        if keys := key_of(_without_shared(plain)) or key_of(plain):
            return sorted(levels, key=keys.__getitem__)
    if keys := _as_bands(levels):
        return sorted(levels, key=keys.__getitem__)
    return None


def _plain(level: str) -> str:
    """Return a level in words: folded, apart, without punctuation."""
    return " ".join(re.findall(r"[^\W_]+", folded(level)))


def _without_shared(plain: Mapping[str, str]) -> Mapping[str, str]:
    """Return levels without leading numbers and words that all of them share.

    ``1 - low income`` and ``2 - high income`` are ``low`` and ``high``.
    """
    rows = {level: text.split() for level, text in plain.items()}
    if all(len(words) > 1 and re.fullmatch(r"\d{1,2}", words[0]) for words in rows.values()):
        rows = {level: words[1:] for level, words in rows.items()}
    shared = set.intersection(*(set(words) for words in rows.values()))
    bare = {level: " ".join(w for w in words if w not in shared) for level, words in rows.items()}
    return bare if all(bare.values()) else plain


def _steps(scale: str) -> dict[str, tuple[float, ...]]:
    return {
        " ".join(word.split()): (float(place),)
        for place, words in enumerate(scale.split(","))
        for word in words.split("|")
    }


def _placed(plain: Mapping[str, str], steps: Mapping[str, Key]) -> dict[str, Key] | None:
    """Return each level's place on a scale; None where one has none, or two have the same."""
    keys = {level: steps[text] for level, text in plain.items() if text in steps}
    return keys if len(keys) == len(plain) == len(set(keys.values())) else None


def _on_a_scale(plain: Mapping[str, str]) -> dict[str, Key] | None:
    if set(plain.values()) <= ANSWERS:
        return None
    for steps in STEPS:
        if keys := _placed(plain, steps):
            return keys
        # `basic 4y` comes before `basic 6y`.
        numbered = {
            level: (*steps[words], float(number.group()))
            for level, text in plain.items()
            if (number := re.search(r"\d+", text))
            and (words := re.sub(r"\s*\d+\w*\s*", " ", text).strip()) in steps
        }
        rest = {level: text for level, text in plain.items() if level not in numbered}
        keys = numbered | (_placed(rest, steps) or {})
        if numbered and rest and len(keys) == len(plain) == len(set(keys.values())):
            return keys
    return None


def _by_size(plain: Mapping[str, str]) -> dict[str, Key] | None:
    """Return the places of sizes; two letters alone may mean anything."""
    letters = [text for text in plain.values() if len(text) == 1]
    few = len(letters) == len(plain) and len(plain) < 3
    return None if few else _placed(plain, _steps(SIZES))


def _by_metal(plain: Mapping[str, str]) -> dict[str, Key] | None:
    return _placed(plain, _steps(METALS)) if PRECIOUS & set(plain.values()) else None


def _by_duration(plain: Mapping[str, str]) -> dict[str, Key] | None:
    """Return durations such as ``Month-to-month``, ``One year``, ``24 months`` in months."""
    keys: dict[str, Key] = {}
    for level, text in plain.items():
        words = re.findall(r"\d+|[^\W\d_]+", text)
        units = [UNITS[word] for word in words if word in UNITS]
        if text in MONTHLY:
            keys[level] = (1.0, 0.0)
        elif len(words) == 2 and len(units) == 1:
            count = float(words[0]) if words[0].isdecimal() else COUNTS.get(words[0])
            if count is None:
                return None
            keys[level] = (units[0] * count, 1.0)
    return keys if len(keys) == len(plain) == len(set(keys.values())) else None


def _by_stage(plain: Mapping[str, str]) -> dict[str, Key] | None:
    """Return the numbers of ``1st``, ``2nd class``, ``third``, ``tier 2``."""
    keys: dict[str, Key] = {}
    others = set()
    for level, text in plain.items():
        words = re.findall(r"\d+|[^\W\d_]+", text)
        numbers = [float(w) for w in words if w.isdecimal()]
        numbers += [float(ORDINALS[w]) for w in words if w in ORDINALS]
        others |= {w for w in words if not w.isdecimal() and w not in ORDINALS}
        if len(numbers) != 1:
            return None
        keys[level] = (numbers[0],)
    spelled = all(set(text.split()) & set(ORDINALS) for text in plain.values())
    stages = bool(others) and others <= STAGES
    return keys if (stages or spelled) and len(set(keys.values())) == len(keys) else None


def _as_bands(levels: Sequence[str]) -> dict[str, Key] | None:
    """Return places of bands such as ``Less than $40K``, ``$40K - $60K``, ``$120K +``.

    A level may be one number beside such bands, as in ``0``, ``1``, ``2+``; a letter before
    each, as in ``A: 0-100``, does not matter.
    """
    marked = [level for level in levels if BAND.search(level) and NUMBER.search(level)]
    bare = [level for level in levels if re.fullmatch(r"\s*\d+(?:[.,]\d+)?\s*", level)]
    enough = len(levels) > 2 or any(BELOW.search(level) for level in marked)
    if not marked or not enough or len({*marked, *bare}) < len(levels):
        return None
    keys = {level: _band_key(level) for level in levels}
    return keys if len(set(keys.values())) == len(levels) else None


def _band_key(level: str) -> Key:
    numbers = NUMBER.findall(level)
    (first, size), (_, last_size) = numbers[0], numbers[-1]
    plain = first.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", first) else first
    # In `40 - 60K` the first number is in thousands too.
    factor = THOUSANDS[(size or last_size).casefold()]
    return float(plain.replace(",", ".")) * factor, 0.0 if BELOW.search(level) else 1.0


STEPS = tuple(_steps(scale) for scale in SCALES)
