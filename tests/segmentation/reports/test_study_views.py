"""The page of a study: every trial, the pick in every chart, nothing from elsewhere."""

import re
from time import process_time
from xml.etree import ElementTree

import pytest

from segmentation.reports.html import TrialRecord, study_views
from segmentation.reports.html.study_views import FAILED, FEASIBLE, INFEASIBLE, working_seconds

IMPORTANCES = {"algorithm": 0.5, "eps": 0.3, "n_clusters": 0.15, "never <varied>": 0.05}


def study(n: int) -> list[TrialRecord]:
    """Return trials of two algorithms: the fourth of four violates a constraint, the last fails."""
    trials = [
        TrialRecord(
            number=number,
            algorithm="k-means",
            outcome=INFEASIBLE if number % 4 == 3 else FEASIBLE,
            text=f"trial {number}: <k-means>",
            parameters={
                "algorithm": "k_means" if number % 2 else "genie",
                "n_clusters": 2 + number % 9,
                "never <varied>": True,
                **({"eps": 10.0 ** -(number % 5)} if number % 3 == 2 else {}),
            },
            begun=1000.0 + number,
            seconds=0.5,
            score=1 + (number * 7 % 13) / 13,
            n_segments=2 + number % 9,
        )
        for number in range(n - 1)
    ]
    last = TrialRecord(n - 1, "", FAILED, "trial failed: too slow", {}, 1000.0 + n, 60.0)
    return [*trials, last]


def pictures(html: str) -> dict[str, ElementTree.Element]:
    """Return the charts by title."""
    drawn = [ElementTree.fromstring(svg) for svg in re.findall(r"(?s)<svg.*?</svg>", html)]
    return {str(svg.get("aria-label")): svg for svg in drawn}


def test_every_chart_marks_the_pick() -> None:
    """Once in each; the history has every trial with a score, the timeline all.

    Choices that only a minority of the trials had to make are in no pair.
    """
    html = study_views(study(30), IMPORTANCES, 5, "CC <GENERAL>")
    assert "The pick is trial 5: k-means, 7 segments" in html
    assert "CC &lt;GENERAL&gt;" in html
    assert not re.search(r"<script|https?://|<k-means>", html)
    charts = pictures(html)
    slices, pairs = {"algorithm", "eps", "n clusters"}, 1
    assert slices | {"score by trial", "trial by time"} <= set(charts)
    assert len(charts) == 2 + len(slices) + pairs
    for title, svg in charts.items():
        assert [group.get("class") for group in svg.iter("g")].count("picked") == 1, title
        (box,) = [svg.get("viewBox", "").split()]
        width, height = map(float, box[2:])
        for circle in svg.iter("circle"):
            assert 0 <= float(circle.get("cx", "")) <= width, title
            assert 0 <= float(circle.get("cy", "")) <= height, title
    assert len(list(charts["score by trial"].iter("circle"))) == 29
    assert len(list(charts["trial by time"].iter("rect"))) == 30
    assert len(list(charts["eps"].iter("circle"))) == 9


@pytest.mark.parametrize("trials", [[], study(1), study(2)], ids=["none", "failed", "one"])
def test_a_study_with_hardly_a_trial_has_a_page(trials: list[TrialRecord]) -> None:
    """It says that there are too few trials and that nothing was picked."""
    html = study_views(trials, {}, None, "few")
    assert "Nothing was picked" in html
    assert "Too few trials" in html


def test_the_timeline_leaves_pauses_out() -> None:
    """A study that goes on a day later has no day without trials in its picture."""
    first, second = study(3)[:2]
    later = TrialRecord(2, "", FAILED, "", {}, second.begun + 86_400, 1.0)
    begun = working_seconds([first, second, later])
    assert [begun[number] for number in range(3)] == [0.0, 1.0, 1.5]


def test_a_large_study_costs_less_than_two_seconds() -> None:
    """A thousand trials, more than a search of a night makes."""
    start = process_time()
    study_views(study(1000), IMPORTANCES, 5, "large")
    assert process_time() - start < 2
