"""What an exploration reports of tables whose structure is known."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from segmentation.clustering.spec import Preprocessing
from segmentation.data.synthetic import generate
from segmentation.evaluation.clusterability import structure_of
from segmentation.reports.exploration import STEPS, Exploration, Table, explore
from segmentation.reports.exploration.bivariate import associations
from segmentation.reports.exploration.descriptive import (
    describe,
    distribution,
    distributions,
    tail_index,
)
from segmentation.reports.exploration.missingness import missingness
from segmentation.reports.exploration.outliers import outliers
from segmentation.reports.exploration.recommendations import search_parameters
from segmentation.reports.figures.exploration_figures import pictures
from segmentation.reports.html.exploration_page import exploration_page
from segmentation.reports.json_data import plain
from segmentation.schema import Column, load_schema
from segmentation.schema.inference import infer_schema


def table_of(frame: pd.DataFrame) -> Table:
    return Table.of(frame, infer_schema(frame))


@pytest.fixture(scope="module")
def steps() -> list[str]:
    """Return the steps reported so far."""
    return []


@pytest.fixture(scope="module")
def exploration(steps: list[str]) -> Exploration:
    """Return an exploration of generated customers."""
    table = Table.of(generate(1_200, seed=2), load_schema("cc_general"), "embedded:1200:2")
    return explore(table, steps.append)


def test_every_step_is_reported(exploration: Exploration, steps: list[str]) -> None:
    """Each step is reported in its order."""
    assert tuple(steps) == STEPS


def test_everything_is_plain_json(exploration: Exploration) -> None:
    """What is computed can be written as strict JSON, undefined numbers as null."""
    for part in (
        "descriptive",
        "associations",
        "components",
        "structure",
        "missingness",
        "outliers",
    ):
        text = json.dumps(plain(getattr(exploration, part)), allow_nan=False)
        assert len(text) > 50


def test_an_exploration_repeats(exploration: Exploration) -> None:
    """Equal tables give equal numbers."""
    again = explore(exploration.table)
    for part in ("descriptive", "associations", "structure", "missingness", "outliers"):
        assert plain(getattr(again, part)) == plain(getattr(exploration, part)), part


def test_planted_segments_are_structure(exploration: Exploration) -> None:
    """Generated customers have segments; the sentence is the one of the search."""
    table = exploration.table
    assert exploration.structure.present
    verdict = structure_of(table.prepared.customers, table.prepared.schema, table.seed)
    assert exploration.structure.sentence == verdict.sentence


def test_structure_is_that_of_what_forms_segments() -> None:
    """Two ages in a cloud are no structure of a search, which sensitive columns do not form."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.standard_normal((400, 3)), columns=["one", "two", "three"])
    frame["age"] = np.where(random.random(400) < 0.5, 25, 70) + random.normal(0, 3, 400)
    assert explore(table_of(frame)).structure.answer == "no"


@pytest.mark.parametrize("kind", ["uniform", "normal", "skewed"])
def test_no_clusters_is_reported_plainly(kind: str) -> None:
    """Noise, one cloud and one skewed cloud have no structure; the first advice is to stop."""
    random = np.random.default_rng(4)
    draw = {
        "uniform": random.random((900, 4)),
        "normal": random.standard_normal((900, 4)) @ random.standard_normal((4, 4)),
        "skewed": np.exp(random.standard_normal((900, 4))),
    }[kind]
    exploration = explore(table_of(pd.DataFrame(draw, columns=list("abcd"))))
    assert exploration.structure.answer == "no"
    assert exploration.structure.sentence.startswith("No structure")
    assert exploration.recommendations[0].switch == {"stop": "no cluster structure"}
    page = exploration_page(exploration, dict.fromkeys(pictures(exploration), ()), seconds=0)
    assert "900 customers, 4 columns: there are no groups, so do not segment it as it is." in page


def test_too_few_rows_give_no_verdict() -> None:
    """Ten customers prove nothing: the page says so, and no advice is to stop."""
    frame = pd.DataFrame(np.random.default_rng(0).random((10, 3)), columns=list("abc"))
    exploration = explore(table_of(frame))
    assert exploration.structure.answer == "unknown"
    assert "stop" not in {key for item in exploration.recommendations for key in item.switch}
    page = exploration_page(exploration, dict.fromkeys(pictures(exploration), ()), seconds=0)
    assert "10 customers, 3 columns: too few to say whether there are groups" in page


def test_every_switch_is_understood(exploration: Exploration) -> None:
    """Preprocessing switches make a valid spec together; others belong to schema or search."""
    spec = {}
    for item in exploration.recommendations:
        assert item.text.endswith(".")
        assert re.search(r"\d", item.number)
        for key, value in item.switch.items():
            if key in Preprocessing.__dataclass_fields__:
                spec[key] = value
            else:
                assert key in {"excluded", "sensitive", "stop", "k_min", "identities"}
    assert {"skew", "outliers", "scale", "nulls"} <= set(spec)
    Preprocessing(**spec)
    parameters = search_parameters(exploration.recommendations)
    assert parameters.startswith("-P fix=")
    assert all(f"{key}={value}" in parameters for key, value in spec.items())


def test_skew_advice_gives_both_numbers(exploration: Exploration) -> None:
    """The skew before and after is in the advice, and the advice tames it."""
    (advice,) = [item for item in exploration.recommendations if "skew" in item.switch]
    before, after = map(float, re.findall(r"(\d+\.\d) → (\d+\.\d)", advice.number)[0])
    assert after < before / 4


def test_identities_are_found_in_an_undescribed_table() -> None:
    """A sum that holds is proposed, with the columns it is made of."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(random.gamma(2, 50, (300, 3)), columns=["one", "other", "third"])
    frame["total"] = frame["one"] + frame["other"]
    frame.loc[:5, "total"] += 20
    (check,) = describe(table_of(frame)).identities
    assert (check.total, set(check.parts)) == ("total", {"one", "other"})
    assert (check.broken, check.rows, check.declared) == (6, 300, False)


def test_a_sum_of_several_columns_is_proposed() -> None:
    """A sum of three columns that holds to the cent is proposed, beside a column that is a copy."""
    random = np.random.default_rng(1)
    parts = ["food", "travel", "fuel"]
    frame = pd.DataFrame(random.gamma(2, 50, (300, 3)).round(2), columns=parts)
    frame["total"], frame["visits"] = frame[parts].sum(axis=1), random.poisson(4, 300)
    frame["copy"] = frame["food"]
    (check,) = describe(table_of(frame)).identities
    assert (check.total, set(check.parts), check.broken) == ("total", set(parts), 0)


def test_one_figure_has_one_value() -> None:
    """Deviation, skew and outliers of a column are the same in every table and caption."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"spend": random.lognormal(3, 1, 150), "visits": random.poisson(2, 150)})
    table = table_of(frame.astype(float).mask(random.random(frame.shape) < 0.1))
    described = {column.name: column for column in describe(table).columns}
    boxes = {shape.column.name: shape.box for shape in distributions(table)}
    for far in outliers(table).columns:
        own = described[far.column.name]
        assert (far.std_before, far.skew_before) == pytest.approx((own.std, own.skew))
        box = boxes[far.column.name]
        assert far.outside == box.below + box.above
    for imputed in missingness(table).imputations:
        assert imputed.std_before == pytest.approx(described[imputed.column].std)


def test_no_transformation_of_two_values_is_advised() -> None:
    """Columns of zeros and ones, however rare the ones, are not called skewed or clipped."""
    random = np.random.default_rng(2)
    owned = random.random((600, 12)) < np.where(random.random((600, 1)) < 0.5, 0.05, 0.02)
    frame = pd.DataFrame(owned.astype(int), columns=[f"product_{n}" for n in range(12)])
    frame["tenure"] = random.integers(1, 240, 600)
    advice = {
        k: v for item in explore(table_of(frame)).recommendations for k, v in item.switch.items()
    }
    assert advice["skew"] == "none"
    assert advice["outliers"] != "winsorise"


def test_advice_does_not_contradict_itself() -> None:
    """A sensitive column forms no segments and is not left out; axes are of what is left."""
    rng = np.random.default_rng(3)
    age, spend = rng.normal(45, 9, 400).round(1), rng.lognormal(3, 1, 400).round(2)
    frame = pd.DataFrame({"age": age, "depth": 2 * age + 1, "spend": spend, "twice": 2 * spend})
    exploration = explore(table_of(frame))
    switches = [item.switch for item in exploration.recommendations]
    assert {"excluded": "twice"} in switches
    assert {"sensitive": "false"} in switches
    assert not [s for s in switches if s.get("excluded") in {"age", "depth"} or "variance" in s]


def test_hidden_dependence_of_missingness() -> None:
    """Values that go missing where another column is large are found; random gaps are not."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.random((2_000, 3)), columns=["a", "b", "c"])
    frame.loc[frame["a"] > 0.8, "b"] = np.nan
    frame.loc[random.random(2_000) < 0.1, "c"] = np.nan
    (only,) = missingness(table_of(frame)).dependencies
    assert (only.missing, only.other) == ("b", "a")
    assert only.effect == pytest.approx(1.0)


def test_regression_beats_the_median_where_columns_agree() -> None:
    """Hidden values of a column that follows another are found better by regression."""
    random = np.random.default_rng(5)
    first = random.normal(10, 2, 1_500)
    frame = pd.DataFrame({"first": first, "second": first + random.normal(0, 0.2, 1_500)})
    frame.loc[random.random(1_500) < 0.1, "second"] = np.nan
    exploration = missingness(table_of(frame))
    errors = {i.method: i.error for i in exploration.imputations}
    assert errors["median"] == 1.0
    assert errors["iterative"] < 0.3


def test_a_planted_outlier_is_the_worst() -> None:
    """The one customer far from all others is first, named by row and by column."""
    random = np.random.default_rng(6)
    frame = pd.DataFrame(random.normal(size=(500, 4)), columns=["w", "x", "y", "z"])
    frame.loc[123, ["w", "z"]] = [9.0, -9.0]
    worst = explore(table_of(frame)).outliers.worst[0]
    assert worst.row == 123
    assert {name for name, _ in worst.drivers[:2]} == {"W", "Z"}


def test_tail_index_of_known_laws() -> None:
    """Hill's estimate: about 1/α for a Pareto law, small for an exponential one."""
    random = np.random.default_rng(7)
    assert tail_index(random.pareto(2.0, 50_000) + 1) == pytest.approx(0.5, abs=0.05)
    assert tail_index(random.exponential(1.0, 50_000)) < 0.35
    assert np.isnan(tail_index(np.zeros(100)))


@pytest.mark.parametrize(
    ("values", "log", "zeros", "integers"),
    [
        (np.random.default_rng(0).normal(size=500), False, 0, False),
        (np.r_[np.zeros(70), np.random.default_rng(0).lognormal(3, 2, 500)], True, 70, False),
        (np.tile([1.0, 2, 3], 100), False, 0, True),
        (np.full(20, 7.5), False, 0, False),
    ],
)
def test_a_scale_that_shows_it(values: np.ndarray, log: bool, zeros: int, integers: bool) -> None:
    """Skewed amounts stand on a log scale with zeros apart; no value is lost."""
    shape = distribution(values, Column("x", "X"))
    assert (shape.log, shape.zeros, shape.integers) == (log, zeros, integers)
    assert sum(shape.counts) + shape.zeros == len(values)


def test_a_sorted_file_is_sampled_evenly() -> None:
    """The map and the main axes see a random part, not the first rows of the file."""
    frame = pd.DataFrame({"x": np.arange(9_000.0), "y": np.random.default_rng(0).random(9_000)})
    space = table_of(frame).space
    assert space.rows[:2_000].mean() == pytest.approx(4_500, rel=0.05)
    assert abs(space.matrix[:2_000, 0].mean()) < 0.1


def test_samples_are_reported(exploration: Exploration) -> None:
    """Above a limit a sample is used, and the report says of how many rows."""
    customers = pd.concat([exploration.table.customers] * 50, ignore_index=True)
    large = replace(exploration, table=replace(exploration.table, customers=customers))
    assert any("50,000 of 60,000 rows" in line for line in large.sampled)
    assert not any("50,000" in line for line in exploration.sampled)
    page = exploration_page(large, dict.fromkeys(pictures(exploration), ()), seconds=1)
    assert "<strong>Sampled.</strong>" in page


class Elements(HTMLParser):
    """Collects what a page loads and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if "id" in values:
            self.ids.append(str(values["id"]))
        for name in ("src", "href", "xlink:href"):
            if name in values:
                self.loads.append(str(values[name]))


def test_the_report_needs_nothing_else(exploration: Exploration) -> None:
    """One page: no scripts, nothing loaded from anywhere, unique ids, both themes, print."""
    page = exploration_page(exploration, pictures(exploration), seconds=1.0)
    elements = Elements()
    elements.feed(page)
    assert "script" not in elements.tags
    assert all(load.startswith(("#", "data:")) for load in elements.loads), elements.loads
    assert len(set(elements.ids)) == len(elements.ids)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert page.count("<figure") >= 25
    assert "nan" not in re.findall(r">\s*(nan|None|inf)\s*<", page)


def test_no_identifier_is_in_the_report(exploration: Exploration) -> None:
    """Customers are named by their row only."""
    raw = generate(1_200, seed=2)
    page = exploration_page(exploration, pictures(exploration), seconds=1.0)
    assert not any(str(name) in page for name in raw["CUST_ID"].iloc[:200])


def test_hostile_names_are_escaped() -> None:
    """Names and levels of a file are text in the report, never markup."""
    frame = pd.DataFrame(
        {
            "<script>alert(1)</script>": np.arange(40.0) % 7,
            "$a_b$": np.arange(40.0) ** 2,
            "kind": ["<b>x</b>", "$y$"] * 20,
        }
    )
    exploration = explore(table_of(frame))
    page = exploration_page(exploration, pictures(exploration), seconds=1.0)
    assert "<script" not in page.casefold()
    assert "<b>x" not in page


def test_no_real_column_is_dropped_for_a_key_or_an_outcome() -> None:
    """A running number and an outcome equal to a feature are no columns that it could repeat."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"spend": np.sort(rng.lognormal(6, 1, 60)), "visits": rng.poisson(4, 60)})
    frame = frame.assign(index=range(60), revenue_next_year=frame["spend"] * 2)
    table = table_of(frame)
    assert list(table.customers) == ["spend", "visits"]
    assert associations(table).redundant == ()
