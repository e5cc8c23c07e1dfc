"""No number stands on a page that is not recomputed from the raw table here, or explained."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import mlflow
import pandas as pd
import pytest
from flask.testing import FlaskClient

from segmentation.schema import Column
from tests.stores import tracking_store
from tests.tables.banks import BANKS
from tests.tables.checker import Facts, Value, read_number, same, wilson
from tests.tables.journey import Journey, Reader, pages, travelled, typing

BANK = next(shape for shape in BANKS if shape.name == "bank_churn")
OUTCOME = "Exited"
RECORDED = ("stability", "separation", "score")
# Quantiles are of averages of so many customers; an overlap of two middle halves is as near.
AVERAGED, NEARLY = 5, 0.03
# So far from its place, in per cent of the picture's width, a drawn quantile may be for that.
DRAWN = 2.0
# A figure with its sign and unit.
N = r"[−-]?[\d,.]*\d%?(?: months?)?"
# What holds digits and is recomputed elsewhere, or is no number of the table.
EXPLAINED = (
    r"95% interval|5% of all (?:customers )?stay|to the one that 5% exceed",
    r"25% to 75% of its|with 0% the middle halves",
    r"\d{1,2} \w{3,9} \d{4}(, \d\d:\d\d)?|\d{4}-\d\d-\d\d \d\d:\d\d|[Vv]ersion 1\b",
    r"\| [123] (?=\|)|Segment \d (?=\|)|first 20 rows|0 to 1:|of 1 (?=\|)|1 means|with 1 no",
    r"--k \d|with \d segments\.|\d{4}-\d\d-\d\d=",
    r"\d+% of the dots lie among dots",  # by test_separation
    r"Two yes/no facts explain \d+%",  # by test_triviality
)


@dataclass(frozen=True)
class Quantile:
    """What so large a share of values lies below, up to the five that are averaged in it."""

    values: pd.Series
    share: float

    def is_(self, text: str) -> bool:
        """Return whether a printed figure lies at this share of the values."""
        digits = re.sub(r"[^\d.]", "", text)
        number = float(digits) * (-1 if "−" in text else 1)
        unit = 0.5 * 10.0 ** -len(digits.partition(".")[2])
        slack = AVERAGED / max(1, len(self.values))
        below, upto = (self.values < number - unit).mean(), (self.values <= number + unit).mean()
        return bool(below - slack <= self.share <= upto + slack)


class Claim(NamedTuple):
    """A figure as printed, and what it is in the raw table."""

    text: str
    value: Value | Quantile

    @property
    def true(self) -> bool:
        """Whether they agree, to the digits that are printed."""
        if isinstance(self.value, Quantile):
            return self.value.is_(self.text)
        return same(self.text, self.value)


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Return what one table of a bank with an outcome led to."""
    folder = tmp_path_factory.mktemp("numbers")
    with tracking_store(folder):
        yield travelled(BANK, folder)


@pytest.fixture(scope="module")
def browser(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Return a browser of the pages that serve the model."""
    with pages(journey, tmp_path_factory.mktemp("pages")) as client:
        yield client


def text_of(page: str) -> str:
    """Return the main text of a page, a bar where an element begins or ends.

    What is read out, and what is shown at the pointer, stands behind it.
    """
    main = page[page.index("<main") : page.index("</main>")]
    for element in ("script", "style", "form"):
        main = re.sub(rf"<{element}\b.*?</{element}>", " | ", main, flags=re.DOTALL)
    texts = dict.fromkeys(re.findall(r' (?:aria-label|data-tip)="([^"]*)"', main))
    labels = [text for text in texts if not any(text in other for other in texts.keys() - {text})]
    text = " | ".join([re.sub(r"<[^>]+>", " | ", main), *labels, ""])
    return re.sub(r"[\s|]*\|[\s|]*", " | ", html.unescape(text))


class Page:
    """The main text of a page, from which every number is taken out that is right."""

    def __init__(self, text: str, facts: Facts, scored: pd.DataFrame, names: list[str]) -> None:
        self.text, self.facts, self.scored, self.names = text, facts, scored, names
        self.wrong: list[str] = []
        self.name = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
        self.label = "|".join(re.escape(column.label) for column in facts.schema.columns)

    def take(self, pattern: str, claims: Callable[[re.Match[str]], list[Claim]]) -> None:
        """Compare each text of a form with what it claims, and take it out."""

        def taken(match: re.Match[str]) -> str:
            wrong = [claim for claim in claims(match) if not claim.true]
            self.wrong += [f"{match[0]}: {claim}" for claim in wrong]
            return " | "

        self.text = re.sub(pattern, taken, self.text, flags=re.IGNORECASE)

    def take_true(self, pattern: str, wrong: Callable[[re.Match[str], int], object]) -> None:
        """Take out each text of a form that is true of one of the segments."""

        def taken(match: re.Match[str]) -> str:
            numbers = range(1, len(self.names) + 1)
            if all(wrong(match, number) for number in numbers):
                self.wrong.append(f"{match[0]}: true of no segment")
            return " | "

        self.text = re.sub(pattern, taken, self.text)

    def left(self) -> list[str]:
        """Return the numbers that nothing recomputed, with what stands around them."""
        text = self.text
        for pattern in EXPLAINED:
            text = re.sub(pattern, " ", text)
        numbers = re.finditer(r"[\d,.]*\d%?", text)
        return [text[max(0, m.start() - 60) : m.end() + 30] for m in numbers]

    # What the raw table says.

    def number(self, name: str) -> int:
        """Return a segment's number by its name, 0 for all customers."""
        return self.names.index(name) + 1 if name else 0

    def rows(self, number: int) -> pd.Series:
        """Return who is in a segment, everybody for 0."""
        return self.facts.members(number) if number else self.facts.everyone

    def column(self, label: str) -> Column:
        """Return the column that a label names, in any case."""
        label = label.strip().casefold()
        return next(c for c in self.facts.schema.columns if c.label.casefold() == label)

    def values(self, label: str, number: int = 0) -> pd.Series:
        """Return a segment's values that are present."""
        return self.facts.table[self.column(label).name][self.rows(number)].astype(float).dropna()

    def quantile(self, label: str, share: float, number: int = 0) -> Quantile:
        """Return a quantile of a segment's values."""
        return Quantile(self.values(label, number), share)

    def middle(self, label: str, number: int = 0) -> Value:
        """Return a median, or the commonest level, as the pages word it."""
        column = self.column(label)
        if column.categorical:
            return next(iter(self.facts.mode(column)(self.rows(number))))
        median = self.facts.median(column)(self.rows(number))
        return {0.0: "No", 1.0: "Yes"}[float(median)] if column.binary else median

    def value(self, label: str) -> Value:
        """Return a value of the customer who is asked about, as the pages word it."""
        column = self.column(label)
        cell = self.facts.table[column.name].iloc[self.scored.attrs["row"]]
        if column.categorical:
            return str(cell)
        return ("No", "Yes")[int(cell)] if column.binary else float(cell)

    def read(self, label: str, text: str) -> Value:
        """Return a value as the pages word it as the table has it."""
        if self.column(label).categorical:
            return text
        return {"No": 0.0, "Yes": 1.0}[text] if self.column(label).binary else read_number(text)

    def rate(self, number: int) -> float:
        """Return the share of a segment that the outcome happened to."""
        return float(self.facts.table[OUTCOME][self.rows(number)].astype(float).mean())

    def ends(self, number: int) -> tuple[float, float]:
        """Return the interval around that share."""
        return wilson(self.facts.table[OUTCOME][self.rows(number)].astype(float))

    def share(self, number: int) -> float:
        """Return a segment's share of the customers."""
        return float(self.rows(number).mean())

    def size(self, number: int) -> float:
        """Return how many customers a segment has."""
        return float(self.rows(number).sum())

    def apart(self, labels: tuple[str, str]) -> int:
        """Return how many pairs of segments have middle halves apart in one of two columns."""
        count = 0
        for one, other in combinations(range(1, len(self.names) + 1), 2):
            halves = [
                [self.values(label, n).quantile([0.25, 0.75]).tolist() for n in (one, other)]
                for label in labels
            ]
            count += any(a[1] < b[0] or b[1] < a[0] for a, b in halves)
        return count

    def overlap(self, label: str, text: str) -> Value:
        """Return how much of the narrower middle half of two segments lies within the other one.

        The page has it of averages of five: a printed figure that is as near as that is right.
        """
        a, b = (self.values(label, n).quantile([0.25, 0.75]).tolist() for n in (1, 2))
        exact = max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / min(a[1] - a[0], b[1] - b[0])
        return float(text[:-1]) / 100 if abs(float(text[:-1]) / 100 - exact) < NEARLY else exact


def take_what_all_share(page: Page) -> None:
    """Take out sentences, rules, shares, sizes, outcomes, figures, and the map with its columns."""
    facts, name, label = page.facts, page.name, page.label
    page.take(
        rf"({name}), ({N}%) of customers\. (?=[^|]+\|)",
        lambda m: [Claim(m[2], page.share(page.number(m[1])))],
    )
    page.take_true(
        r"(?<=\| )[^|]+ against [^|]+ in the whole table[^|]*\.(?= \|)",
        lambda m, number: facts.wrong_sentence(m[0], number),
    )
    page.take_true(
        r"(?<=\| )[^|]+ \(covers \S+ of the segment, right for \S+\)(?= \|)",
        lambda m, number: facts.wrong_rule(m[0], number),
    )
    interval = rf"({N}) to ({N})"

    def outcome(own: str, low: str, high: str, whole: str, n: str = "") -> Callable[[int], bool]:
        def wrong(number: int) -> bool:
            pairs = [(own, page.rate(number)), (whole, page.rate(0)), (n, page.size(number))]
            pairs += zip((low, high), page.ends(number), strict=True)
            return not all(same(text, value) for text, value in pairs if text)

        return wrong

    for form, order in (
        (
            rf"{OUTCOME} \| ({N}) \| against ({N}) \| 95% interval {interval}, n = ({N})",
            (1, 3, 4, 2, 5),
        ),
        (rf"{OUTCOME} \| ({N}) \| {interval} \| ({N})", (1, 2, 3, 4)),
        (
            rf"({N}) \({interval}\)(?:, n = ({N}))?(?: \| ({N})(?= \| (?:no|times|\d)))?",
            (1, 2, 3, 5, 4),
        ),
    ):
        page.take_true(form, lambda m, number, o=order: outcome(*(m[i] or "" for i in o))(number))
    page.take(
        rf"\| ({name}) \| ({N}%)(?= \|)",
        lambda m: [Claim(m[2], page.share(page.number(m[1])))],
    )
    page.take(
        rf"Segment (\d) · ({N}) customers in training",
        lambda m: [Claim(m[2], page.size(int(m[1])))],
    )
    page.take(rf"Segment (\d) · ({N}) of customers", lambda m: [Claim(m[2], page.share(int(m[1])))])
    figure = r"((?:Share with|Median|Mean) [^|]+) \| "
    page.take_true(
        rf"{figure}({N}) \| against ({N})", lambda m, n: facts.wrong_figure(m[1], m[2], m[3], n)
    )
    page.take(
        rf"({label}), ({N}) \| ({N}) \| ({label}), ({N}) \| ({N})",
        lambda m: [
            Claim(m[2], page.quantile(m[1], 0.05)),
            Claim(m[3], page.quantile(m[1], 0.95)),
            Claim(m[5], page.quantile(m[4], 0.95)),
            Claim(m[6], page.quantile(m[4], 0.05)),
        ],
    )
    halves: list[str] = []

    def middle_halves(match: re.Match[str]) -> list[Claim]:
        halves[:] = [match[2], match[5]]
        return [
            Claim(match[place + 1 + end], page.quantile(match[place], share, int(match[1])))
            for place in (2, 5)
            for end, share in ((0, 0.25), (1, 0.75))
        ]

    page.take(
        rf"(\d) (?:{name}) \| : middle half ({label}) {interval}, ({label}) {interval}\.",
        middle_halves,
    )
    page.take(
        rf"({name}): middle half ({label}) {interval}, ({label}) {interval}\.",
        lambda m: [
            Claim(m[place + 1 + end], page.quantile(m[place], share, page.number(m[1])))
            for place in (2, 5)
            for end, share in ((0, 0.25), (1, 0.75))
        ],
    )
    page.take(
        r"(\d+) of (\d+) pairs of segments",
        lambda m: [
            Claim(m[1], float(page.apart((halves[0], halves[1])))),
            Claim(m[2], len(page.names) * (len(page.names) - 1) / 2),
        ],
    )
    page.take(rf"(?<=\| )(\d) ({name})(?= \|)", lambda m: [Claim(m[1], float(page.number(m[2])))])


def take_home(page: Page) -> None:
    """Take out how many segments and customers there are, and the stability of the version."""
    k = float(len(page.names))
    page.take(r"in (\d+) segments", lambda m: [Claim(m[1], k)])
    page.take(rf"Trained on \| ({N}) customers", lambda m: [Claim(m[1], page.size(0))])


def take_segment(page: Page) -> None:
    """Take out the rows of the table: segment, all, and the ends of the column's scale."""

    def wrong(match: re.Match[str], number: int) -> bool:
        figure, low, high = match[1], match[4], match[5]
        ends = []
        if low:
            label = figure.partition(" ")[2]
            ends = [Claim(low, page.quantile(label, 0.05)), Claim(high, page.quantile(label, 0.95))]
        right = not page.facts.wrong_figure(figure, match[2], match[3], number)
        return not (right and all(claim.true for claim in ends))

    page.take_true(
        rf"((?:Share with|Median|Mean) [^|]+) \| ({N}) \| ({N}) \| [a-z ]+(?:\| ({N}) \| ({N}))?",
        wrong,
    )


def take_spreads(page: Page) -> None:
    """Take out the quantiles that a chart of a column says, of the segment and of all."""
    half = rf"half have ({N}) to ({N}), nine of ten ({N}) to ({N})\."
    shares = (0.25, 0.75, 0.05, 0.95)

    def wrong(match: re.Match[str], number: int) -> bool:
        label = match[1].partition(" ")[2]
        return not all(
            page.quantile(label, share, rows).is_(match[2 + place])
            for place, (rows, share) in enumerate(
                (rows, share) for rows in (number, 0) for share in shares
            )
        )

    page.take_true(rf"(Median [^|]+)\. Segment: {half} All: {half}", wrong)


def take_beside(page: Page) -> None:
    """Take out two segments' medians, that of all, and how much their middle halves overlap."""
    page.take(
        rf"Median ({page.label}) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ({N}%)?",
        lambda m: [
            *(Claim(m[i], page.middle(m[1], n)) for i, n in ((2, 1), (3, 2), (4, 0))),
            *([Claim(m[5], page.overlap(m[1], m[5]))] if m[5] else []),
        ],
    )


def take_answer(page: Page) -> None:
    """Take out what is said of a customer of the table."""
    row = page.scored.attrs["row"]
    scored, first = page.scored.iloc[row], page.facts.table.iloc[row]
    own, other = int(scored["segment"]), int(scored["runner_up"])
    present = sum(not pd.isna(first[c.name]) for c in page.facts.schema.columns)
    page.take(r"\| , (\d+%)", lambda m: [Claim(m[1], float(scored["confidence"]))])
    page.take(
        r"(\d+) of (\d+) values known",
        lambda m: [Claim(m[1], float(present)), Claim(m[2], float(len(page.facts.schema.columns)))],
    )
    is_ = rf"({page.label}): ([^|]+)\. \| The segment's "

    page.take(
        rf"{is_}median is ([^|]+), the runner-up's ([^|]+)\.",
        lambda m: [
            Claim(m[2], page.value(m[1])),
            Claim(m[3], page.middle(m[1], own)),
            Claim(m[4], page.middle(m[1], other)),
        ],
    )

    def share(label: str, level: str, number: int) -> float:
        column = page.column(label)
        return page.facts.share(page.facts.levels(column) == level)(page.rows(number))  # type: ignore[return-value]

    page.take(
        rf"{is_}share with ([^|]+) is ({N}), the runner-up's ({N})\.",
        lambda m: [
            Claim(m[2], page.value(m[1])),
            Claim(m[4], share(m[1], m[3], own)),
            Claim(m[5], share(m[1], m[3], other)),
        ],
    )
    page.take(
        rf"({page.label}): ({N})\. \| Nine of ten in the segment have ({N}) to ({N})\.",
        lambda m: [
            Claim(m[2], page.value(m[1])),
            Claim(m[3], page.quantile(m[1], 0.05, own)),
            Claim(m[4], page.quantile(m[1], 0.95, own)),
        ],
    )
    page.take(
        rf"\| ({page.label}) \| (?:decided \| )?([^|:]+) \| ([^|]+) \| ([^|]+)"
        rf" \| ({N}) \| ({N})(?= \|)",
        lambda m: [
            Claim(m[2], page.value(m[1])),
            Claim(m[3], page.middle(m[1], own)),
            Claim(m[4], page.middle(m[1])),
            Claim(m[5], page.quantile(m[1], 0.05)),
            Claim(m[6], page.quantile(m[1], 0.95)),
        ],
    )


def take_moves(page: Page) -> None:
    """Take out what would move the customer: each change is scored again, by the model itself."""
    model = mlflow.pyfunc.load_model(f"models:/{BANK.name}@champion")
    customer = page.facts.table.iloc[[page.scored.attrs["row"]]]

    def moved(match: re.Match[str]) -> list[Claim]:
        column, text = page.column(match[1]), match[3]
        now, new = page.value(match[1]), page.read(match[1], text)
        changed = customer.assign(**{column.name: new})
        numbers = {c.name: float for c in page.facts.schema.columns if not c.categorical}
        answer = model.predict(changed.astype(numbers))["segment_name"].iloc[0]
        return [Claim(match[2], now), Claim(match[4], answer)]

    before = page.text
    page.take(rf"\| ({page.label}) \| from ([^|]+) to ([^|:]+): \| ({page.name})", moved)
    assert page.text != before, "the page says nothing of what would move the customer"


def take_file(page: Page) -> None:
    """Take out how many were scored, by segment, and the first rows."""
    unlike = float((page.scored["unlike_training"].astype(str).str.lower() == "true").sum())
    page.take(rf"({N}) customers scored", lambda m: [Claim(m[1], page.size(0))])
    page.take(rf"({N}) of them are unlike", lambda m: [Claim(m[1], unlike)])
    page.take(
        rf"\| ({page.name}) \| ({N}) \| ({N}%)",
        lambda m: [
            Claim(m[2], page.size(page.number(m[1]))),
            Claim(m[3], page.share(page.number(m[1]))),
        ],
    )
    rows = page.scored.set_index("CustomerId")
    page.take(
        rf"\| (\d+) \| ({page.name}) \| [A-Z][a-z ]+, (\d+%) \| ({page.name})",
        lambda m: [
            Claim(m[2], str(rows["segment_name"][m[1]])),
            Claim(m[3], min(0.99, float(rows["confidence"][m[1]]))),  # nobody is quite certain
            Claim(m[4], str(rows["runner_up_name"][m[1]])),
        ],
    )


def take_versions(page: Page) -> None:
    """Take out sizes, the range of the outcome, and what the trial's run recorded."""
    trial = mlflow.get_run(page.scored.attrs["trial"]).data.metrics
    rates = sorted(page.rate(n) for n in range(1, len(page.names) + 1))
    page.take(
        rf"{OUTCOME} ({N}) to ({N})", lambda m: [Claim(m[1], rates[0]), Claim(m[2], rates[-1])]
    )
    page.take(
        rf"(?<=\| ){N}(?: · {N})+",
        lambda m: [
            Claim(text, page.share(number + 1)) for number, text in enumerate(m[0].split(" · "))
        ],
    )
    recorded = [value for name, value in trial.items() if name.startswith(RECORDED)]

    def of_trial(match: re.Match[str]) -> list[Claim]:
        return [
            Claim(text, next((v for v in recorded if same(text, v)), float("nan")))
            for text in re.findall(r"\d\.\d+", match[0])
        ]

    page.take(r"(?<=\| )\d\.\d+(?: ± \d\.\d+)?(?= \|)", of_trial)
    page.take(r"\d\.\d+ of 1(?= \|)", of_trial)


PAGES: dict[str, tuple[str, tuple[Callable[[Page], None], ...]]] = {
    "home": ("/", (take_home, take_versions)),
    "segment": ("/segments/1", (take_segment, take_spreads)),
    "another segment": ("/segments/2", (take_segment, take_spreads)),
    "two segments": ("/segments/1/beside/2", (take_beside,)),
    "one customer": ("answer", (take_answer, take_moves)),
    "a customer near a border": ("border", (take_answer, take_moves)),
    "file": ("file", (take_file,)),
    "versions": ("/versions", (take_versions,)),
    "alternatives": ("/versions/alternatives", (take_versions,)),
}


def row_of(address: str, journey: Journey) -> int:
    """Return which customer is asked about: the least sure one, or the first."""
    return int(journey.scored["confidence"].argmin()) if address == "border" else 0


def page_of(browser: FlaskClient, journey: Journey, address: str) -> str:
    """Return a page: an address, the answer for a customer, or the whole file's."""
    if address in {"answer", "border"}:
        customer = journey.truth.iloc[row_of(address, journey)]
        columns = journey.model.schema.columns
        typed = {c.name: typing(customer[c.name], c.decimal) for c in columns}
        return browser.post("/customer", data=typed).text
    if address == "file":
        with journey.file.open("rb") as file:
            sent = {"file": (file, Path(journey.file).name)}
            return browser.post("/file", data=sent, follow_redirects=True).text
    return browser.get(address).text


def facts_of(journey: Journey) -> Facts:
    """Return the raw table with the segment of each row."""
    return Facts(journey.truth, journey.scored["segment"], journey.model.schema)


@pytest.mark.parametrize("what", PAGES)
def test_every_number_of_a_page_is_that_of_the_raw_table(
    what: str, journey: Journey, browser: FlaskClient
) -> None:
    """Each is recomputed, and one that nothing here recomputes fails the test."""
    address, takers = PAGES[what]
    scored = journey.scored.copy()
    scored.attrs |= {"trial": journey.version.tags["trial_run"], "row": row_of(address, journey)}
    names = [profile["name"] for profile in journey.model.profiles]
    text = text_of(page_of(browser, journey, address))
    page = Page(text, facts_of(journey), scored, names)
    take_what_all_share(page)
    for take in takers:
        take(page)
    assert page.wrong == []
    assert page.left() == []


@pytest.mark.parametrize("number", [1, 2])
def test_a_typical_customer_is_filled_in(
    number: int, journey: Journey, browser: FlaskClient
) -> None:
    """Each field holds the segment's median, or its most frequent level."""
    facts, rows = facts_of(journey), facts_of(journey).members(number)
    elements = Reader(browser.get(f"/customer?like={number}").text).elements()
    fields = {e.attributes.get("name"): e for e in elements if e.tag == "input"}
    chosen = {
        e.attributes["name"]: e.attributes["value"] for e in elements if "checked" in e.attributes
    }
    levels = [e.attributes["value"] for e in elements if "selected" in e.attributes]
    for column in journey.model.schema.columns:
        if column.categorical:
            assert set(levels) & facts.mode(column)(rows), column.name
        elif column.binary:
            assert float(str(chosen[column.name])) == facts.median(column)(rows), column.name
        else:
            text = str(fields[column.name].attributes["value"])
            assert same(text, facts.median(column)(rows)), column.name


def places(picture: str) -> list[float]:
    """Return where the elements of a picture begin and how wide they are, in per cent."""
    numbers = re.findall(r' (?:x|cx|width)="(-?[\d.]+)%"', picture)
    return [float(number) for number in numbers if number != "100"]


def pictures(page: str, kind: str) -> list[str]:
    """Return the pictures of a kind on a page."""
    return re.findall(
        rf'<svg class="{kind}".*?</svg>(?=\s*(?:<span|</td>|</div>))', page, re.DOTALL
    )


def test_what_is_drawn_is_what_is_said(journey: Journey, browser: FlaskClient) -> None:
    """Bars of shares, quantiles, intervals and of a customer's values lie where they should."""
    facts, number = facts_of(journey), 1
    numbers = range(1, len(journey.model.profiles) + 1)
    (shares,) = pictures(browser.get("/").text, "shares")
    widths = [100 * float(facts.members(n).mean()) for n in numbers]
    starts = [sum(widths[:n]) for n in range(len(widths))]
    drawn = [part for pair in zip(starts, widths, strict=True) for part in pair]
    assert places(shares) == pytest.approx(drawn, abs=0.01)

    segment = browser.get(f"/segments/{number}").text
    columns = {column.label.casefold(): column for column in journey.model.schema.columns}
    spreads = pictures(segment, "spread")
    assert spreads
    for spread in spreads:
        label = re.findall(r'aria-label="\w+ ([^".]+)\. ', spread)[0]
        values = facts.table[columns[label.casefold()].name].astype(float)
        low, high = values.quantile([0.05, 0.95])
        expected = []
        for rows in (facts.members(number), facts.everyone):
            own = values[rows].quantile([0.05, 0.25, 0.5, 0.75, 0.95])
            a, b, middle, c, d = 100 * (own.clip(low, high) - low) / (high - low)
            expected += [a, max(d - a, 0.4), b, max(c - b, 0.4), middle]
        assert places(spread) == pytest.approx(expected, abs=DRAWN), label

    (interval,) = pictures(segment, "interval")
    happened = facts.table[OUTCOME].astype(float)
    ends = [wilson(happened[facts.members(n)]) for n in numbers]
    scale = 100 / max(high for _, high in ends)
    low, high = (end * scale for end in ends[number - 1])
    at, average = happened[facts.members(number)].mean() * scale, happened.mean() * scale
    assert places(interval)[-4:] == pytest.approx([low, high - low, average, at], abs=0.11)

    answer = page_of(browser, journey, "border")
    row = row_of("border", journey)
    customer, own = facts.table.iloc[row], facts.members(int(journey.scored["segment"].iloc[row]))
    rows = re.findall(r'<th scope="row">([^<]+?)(?: <span.*?)?</th>.*?</tr>', answer, re.DOTALL)
    drawn_dots = dict(zip(rows, answer.split('<th scope="row">')[1:], strict=True))
    drawn_dots = {label: text for label, text in drawn_dots.items() if '<svg class="dots"' in text}
    assert drawn_dots
    for label, text in drawn_dots.items():
        column = columns[label.casefold()].name
        values = facts.table[column].astype(float)
        low, high = values.quantile([0.05, 0.95])
        at = (values.median(), values[own].median(), float(customer[column]))
        expected = [100 * (min(max(value, low), high) - low) / (high - low) for value in at]
        assert places(text) == pytest.approx(expected, abs=DRAWN), label
