"""Reports as people open them: their first sentence, their words, and how they look."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from playwright.sync_api import Browser

from experiments import compare, explore, history, monitor, rfm
from experiments.registry import segment_lineage
from experiments.search.workflow import run
from segmentation.data.validation import validate
from segmentation.schema import Column, TableSchema, to_yaml
from tests.e2e.walking import accessible, watched
from tests.experiments.conftest import OPTIONS
from tests.stores import tracking_store

pytestmark = pytest.mark.e2e

REPORTS = ("explore", "compare", "monitor", "history", "rfm")
SCHEMA = TableSchema(
    "club",
    "Members of a club",
    (
        Column("income", "Monthly income", "money", "€"),
        Column("visits", "Visits to the club house", "count"),
        Column("tenure", "Time as a member", "months"),
        Column("online", "Share of payments online", "frequency"),
        Column("plan", "Plan", "category", levels=("Blue", "Silver", "Gold")),
        Column("house", "Number of the house", "number"),
    ),
    identifier="id",
    customers="members",
    outcomes=(Column("left", "Left", "category", levels=("No", "Yes")),),
)
# Elements in which a text is wider than its place, but for pictures that can be moved sideways.
CLIPPED = """() => [...document.querySelectorAll("body *")]
    .filter((e) => !e.closest("svg, .pan, nav, thead") && getComputedStyle(e).display !== "inline")
    .filter((e) => e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1)
    .filter((e) => getComputedStyle(e).overflowX !== "visible")
    .map((e) => `${e.tagName} ${e.className}: ${e.textContent.trim().slice(0, 60)}`)"""
OUTSIDE = """() => [...document.querySelectorAll("body svg text, .verdict, .result, td, tbody th")]
    .filter((e) => !e.closest(".wide .pan"))
    .map((e) => [e, e.getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.left < -1 || box.right > innerWidth + 1))
    .map(([e]) => e.textContent.trim().slice(0, 60))"""


def club(rows: int = 500, seed: int = 0) -> pd.DataFrame:
    """Return members of three kinds, some without an income, all of one house."""
    chance = np.random.default_rng(seed)
    kind = chance.integers(0, 3, rows)
    table = pd.DataFrame(
        {
            "id": [f"M-{i:05d}" for i in range(rows)],
            "income": (
                np.array([1500, 3400, 9000])[kind] * chance.lognormal(0, 0.15, rows)
            ).round(),
            "visits": np.array([30, 5, 18])[kind] + chance.integers(0, 5, rows),
            "tenure": np.array([10, 60, 35])[kind] + chance.integers(0, 9, rows),
            "online": np.array([0.1, 0.5, 0.8])[kind] + chance.uniform(0, 0.15, rows).round(3),
            "plan": np.array(["Blue", "Silver", "Gold"])[kind],
            "house": 7,
            "left": np.where(chance.random(rows) < 0.1 + 0.2 * (kind == 1), "Yes", "No"),
        }
    )
    table["income"] = table["income"].mask(chance.random(rows) < 0.1)
    return table


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write every report on a table with a word of its own; two versions differ in k."""
    folder = tmp_path_factory.mktemp("reports")
    with tracking_store(folder):
        club().to_csv("club.csv", index=False)
        Path("club.yaml").write_text(to_yaml(SCHEMA), encoding="utf-8")
        table = {"data": "club.csv", "schema": "club.yaml", "model_name": "club"}
        for k in (3, 4):
            ranges = {"k_min": k, "k_max": k, "algorithms": "k_means", "n_trials": 1}
            assert run(replace(OPTIONS, **table, **ranges, experiment_name="club")) == 0
        moved = club()
        club(seed=5).assign(income=lambda new: new["income"] * 100).to_csv("new.csv", index=False)
        days = []
        for month in (1, 2, 3, 4):
            if month == 3:
                columns = ["income", "visits", "tenure", "online", "plan"]
                moved.loc[:59, columns] = moved.loc[100:159, columns].to_numpy()
            moved.to_csv(f"{month}.csv", index=False)
            days.append(f"2025-0{month}-28={month}.csv")
        same = ("--model-name", "club")
        of_first = (*same, "--alias", "1", "--data")
        words = {
            explore.main: ("--data", "club.csv", "--schema", "club.yaml", "--out", "explore.html"),
            compare.main: (*same, "--first", "1", "--second", "2", "--out", "compare.html"),
            monitor.main: (*of_first, "new.csv", "--out", "monitor.html"),
            history.main: (*of_first, ",".join(days), "--out", "history.html"),
            rfm.main: ("--data", "embedded-transactions:150", "--alone", "--out", "rfm.csv"),
        }
        for command, arguments in words.items():
            result = CliRunner().invoke(command, arguments)
            assert result.exit_code == (1 if command is monitor.main else 0), result.output
        yield folder


def text_of(folder: Path, name: str) -> str:
    """Return what a report says: no tags, no style."""
    page = (folder / f"{name}.html").read_text(encoding="utf-8").split("</style>")[-1]
    page = re.sub(r"<(svg|script).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def first_sentence(folder: Path, name: str) -> str:
    """Return the sentence with which a report begins."""
    page = (folder / f"{name}.html").read_text(encoding="utf-8")
    (sentence,) = re.findall(r'</h1>\s*<p class="result">(.*?)</p>', page, re.DOTALL)
    return html.unescape(sentence)


def segments(version: str, file: str) -> pd.Series:
    """Return the segment of every row of a file by a version."""
    model = segment_lineage.load(MlflowClient(), "club", version)
    return model.segments(validate(pd.read_csv(file), SCHEMA).customers)["segment"]


def test_every_report_begins_with_its_result(reports: Path) -> None:
    """One sentence each, recomputed from the raw files and the models."""
    assert first_sentence(reports, "explore") == (
        "500 members, 6 columns: there are groups; leave out 2 columns first: "
        "Time as a member and Number of the house."
    )
    before, after = np.asarray(segments("1", "club.csv")), np.asarray(segments("2", "club.csv"))
    names = [segment_lineage.load(MlflowClient(), "club", v).numbering.name_of for v in "12"]
    moves = pd.Series(list(zip(before, after, strict=True)))[before != after].value_counts()
    (source, target), count = moves.index[0], moves.iloc[0]
    assert first_sentence(reports, "compare") == (
        f"Version 2 moves {(before != after).mean():.1%} of members to another segment, most of "
        f"all {count} from “{names[0][source]}” to “{names[1][target]}”; "
        f"{len(names[0].items() & names[1].items())} of its {len(names[1])} segments have the "
        "number and name they had."
    )
    assert first_sentence(reports, "monitor").startswith(
        "The feed of Monthly income looks broken: check it first."
    )
    second, third = np.asarray(segments("1", "2.csv")), np.asarray(segments("1", "3.csv"))
    flows = pd.Series(list(zip(second, third, strict=True)))[second != third].value_counts()
    day, moved = re.match(r"By (.*?), (\d+) members", first_sentence(reports, "history")).groups()
    assert (day, int(moved)) == ("28 March 2025", flows.iloc[0])
    assert first_sentence(reports, "history").endswith(", usually none: a sudden change.")
    groups = pd.read_csv(reports / "rfm.csv")["rfm_group"].value_counts(normalize=True)
    sentence = first_sentence(reports, "rfm")
    largest = re.search(r"the largest is (.*?), (\S+)% of them", sentence)
    assert groups[largest[1]] == groups.max() == pytest.approx(float(largest[2]) / 100, abs=0.005)


def test_reports_speak_as_the_schema_does(reports: Path) -> None:
    """Members are members everywhere, their incomes are in euros, nobody is named."""
    for name in REPORTS[:4]:
        page = (reports / f"{name}.html").read_text(encoding="utf-8")
        assert not re.findall(r"[^.>]*\bcustomers?\b[^.<]*", page.split("</style>")[-1]), name
        assert "members" in page
        assert not re.search(r"M-\d{5}", page)
    old, new = (pd.read_csv(reports / f)["income"] for f in ("club.csv", "new.csv"))
    match = re.search(
        r"Monthly income: the distribution changed .*? median €(\S+) before, more than €(\S+) now",
        text_of(reports, "monitor"),
    )
    before, least = (float(text.replace(",", "")) for text in match.groups())
    assert before == pytest.approx(old.median(), rel=0.05)
    assert old.quantile(0.9) < least < new.median()


@pytest.mark.parametrize(("device", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_nothing_of_a_report_is_cut(
    reports: Path, browser: Browser, device: str, theme: str
) -> None:
    """At both widths, light and dark: axe finds nothing, no text is clipped or off the screen."""
    with watched(browser, device, theme, reports.as_uri()) as page:
        for name in REPORTS:
            page.goto((reports / f"{name}.html").as_uri())
            accessible(page)
            assert page.evaluate(CLIPPED) == [], name
            assert page.evaluate(OUTSIDE) == [], name


def test_charts_of_reports_answer(reports: Path, browser: Browser) -> None:
    """The share of a day by pointer, a distribution by keyboard, a flow without any script."""
    with watched(browser, "desktop", "light", reports.as_uri()) as page:
        page.goto((reports / "history.html").as_uri())
        dot = page.locator(".chart circle").first
        dot.scroll_into_view_if_needed()
        dot.hover(force=True)
        first = np.asarray(segments("1", "1.csv"))
        names = segment_lineage.load(MlflowClient(), "club", "1").numbering.name_of
        number = min(names)
        share = f"{np.mean(first == number):.0%}"
        assert page.locator(".tip").first.inner_text() == f"{names[number]}, 28 Jan 2025: {share}"
        page.locator(".key-dot").last.press("Enter")
        assert page.locator(".chart .faint").count() > 0
        page.goto((reports / "monitor.html").as_uri())
        page.locator(".bins").first.focus()
        assert page.locator(".tip").first.inner_text().startswith("Before ")
        page.goto((reports / "compare.html").as_uri())
        before, after = (np.asarray(segments(version, "club.csv")) for version in "12")
        moving = int(np.sum((before == before[0]) & (after == after[0])))
        titles = page.locator("#flow-band-0-0, [id^=flow-band] > title").all_text_contents()
        pair = f"{before[0]} {names[before[0]]} to {after[0]} "
        assert [text for text in titles if text.startswith(pair) and f": {moving} (" in text]
