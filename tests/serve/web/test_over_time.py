"""Segments over time: the newest history of the served version, drawn and in sentences."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask import Flask
from mlflow import MlflowClient

from experiments.registry.client import MODEL_NAME, ModelInfo, Move, segment_history
from experiments.tracking import event_run
from segmentation.interpretation.outcomes import Estimate, OutcomeProfile
from segmentation.monitoring.history import Day, History
from serve.web.over_time.charts import OverTime, over_time, sudden_changes
from tests.stores import tracking_store

DAYS = [date(2026, month, 1) for month in range(1, 6)]
NAMES = {1: "Savers", 2: "Spenders"}
MOVES = [
    Move(1, "", "1", "ada", "2025-01-01T10:00:00+00:00", "", "register", "a"),
    Move(2, "1", "2", "ada", "2026-03-10T10:00:00+00:00", "", "promote", "b"),
]


def outcome(share: float) -> OutcomeProfile:
    """Return a churn rate of one segment."""
    own, whole = (
        Estimate(value=value, low=value - 0.05, high=value + 0.05, n=50, missing_share=0.0)
        for value in (share, 0.2)
    )
    return OutcomeProfile("churned", "Churn", "category", "", "Yes", own, whole)


@pytest.fixture(scope="module")
def days() -> list[Day]:
    """Return five months of 100 customers: one or two move, but 30 in the fourth."""
    segment, days = pd.Series(1, index=[f"secret-{n}" for n in range(100)], dtype="int64"), []
    segment.iloc[60:] = 2
    for day, moving in zip(DAYS, (0, 1, 2, 30, 1), strict=True):
        segment = segment.copy()
        segment[segment[segment == 1].index[:moving]] = 2
        days.append(Day(day, segment, {1: (outcome(0.1),), 2: (outcome(0.3),)}))
    return days


@pytest.fixture(scope="module")
def figures(days: list[Day]) -> dict[str, object]:
    """Return what the command records of them."""
    return json.loads(json.dumps(History(NAMES, tuple(days)).to_dict()))


@pytest.fixture
def view(figures: dict[str, object]) -> OverTime:
    """Return what the page shows of it; the second segment was renamed."""
    return over_time(figures, {2: "Shoppers"}, MOVES, "card holders")


def test_a_sudden_change_is_named(view: OverTime) -> None:
    """The day, the flow, its size and a usual one, with the newer name; nothing else."""
    assert view.changes == (
        "By 1 April 2026, 30 card holders had moved from “Savers” to “Shoppers”; "
        "1 in a usual step.",
    )


def test_without_a_usual_step_nothing_is_called_sudden(
    days: list[Day], figures: dict[str, object]
) -> None:
    """Two days name the largest flow only; steps that are alike have no sudden change."""

    def changes_of(some: list[Day]) -> list[str]:
        return sudden_changes(History(NAMES, tuple(some)).to_dict(), NAMES, "customers")

    (only,) = changes_of(days[2:4])
    assert "a third day tells" in only
    assert "30 customers had moved from “Savers” to “Spenders”; usually none" in only
    (alike,) = changes_of([days[0], days[1], days[2]])
    assert alike.startswith("No sudden change. By 1 March 2026, 2 customers")
    older = {name: value for name, value in figures.items() if name != "changes"}
    assert sudden_changes(older, NAMES, "customers") == [figures["headline"]]


def test_the_chart_has_true_axes(view: OverTime) -> None:
    """Equal days lie at their dates, values between ticks from 0; the new champion is marked."""
    line = view.sizes.lines[0]
    assert [x for x, _ in line.points][::4] == [0.0, 100.0]
    assert [tick.text for tick in view.sizes.ticks] == ["0%", "20%", "40%", "60%", "80%"]
    assert line.points[0][1] == pytest.approx(25)  # 60 of 100, of an axis to 80%
    assert [mark.text for mark in view.sizes.versions] == ["version 2"]
    assert [row.versions for row in view.days] == [(), (), (), ("2",), ()]
    assert view.days[3].cells == (("27%", 27), ("73%", 73))
    ((chart, rows),) = view.outcomes
    assert chart.title == "Churn"
    assert rows[0][1] == ("10% (5% to 15%)", "30% (25% to 35%)")


def test_numbers_at_the_ends_of_lines_do_not_touch(figures: dict[str, object]) -> None:
    """Where two lines end at one height, their numbers stand one below the other."""
    day = {"day": "2026-01-01", "customers": 2, "sizes": {"1": 1, "2": 1}, "outcomes": {}}
    step = {"day": "2026-02-01", "flows": {"1>1": 1, "2>2": 1}, "came": {}, "left": {}}
    alike = {**figures, "days": [day, {**day, "day": "2026-02-01"}], "steps": [step]}
    ends = [line.label_at for line in over_time(alike, {}, [], "customers").sizes.lines]
    assert abs(ends[0] - ends[1]) >= 8


@pytest.fixture
def registry(tmp_path: Path, model: ModelInfo) -> Iterator[MlflowClient]:
    """Return a registry in which nothing but the model's name is registered."""
    with tracking_store(tmp_path) as client:
        client.create_registered_model(model.name)
        yield client


def record(client: MlflowClient, version: str, figures: object) -> None:
    files = {"history.json": json.dumps(figures)}
    words: dict[str, Any] = {"kind": "history", "note": "", "metrics": {}, "version": version}
    event_run.record(client, MODEL_NAME, "5 days", files=files, **words)


def test_the_page_reads_the_newest_history_of_the_served_version(
    app: Flask, model: ModelInfo, registry: MlflowClient, figures: dict[str, object]
) -> None:
    """None: the command. Another version's: said so. Its own: shown. Damaged: a sentence."""
    browser = app.test_client()
    page = browser.get("/over-time")
    assert (page.status_code, "No history yet" in page.text) == (200, True)
    assert f"customer-segmentation history --model-name {model.name}" in page.text
    record(registry, "77", figures)
    assert "This one is of version 77" in browser.get("/over-time").text
    record(registry, model.version, figures)
    record(registry, "77", figures)
    newest = segment_history(model.name, model.version)
    assert newest is not None
    assert newest.version == model.version
    page = browser.get("/over-time")
    assert "This one is of version 77" not in page.text
    assert "By 1 April 2026, 30 card holders" in page.text
    assert 'aria-current="page">Over time' in page.text
    assert page.text.count("<polyline") == 4
    assert "secret-" not in page.text
    assert " style=" not in page.text  # the policy would ignore it
    record(registry, model.version, {"names": {}})
    page = browser.get("/over-time")
    assert (page.status_code, "cannot be read. Record it anew" in page.text) == (503, True)
