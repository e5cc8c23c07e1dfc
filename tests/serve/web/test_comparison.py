"""Two versions side by side: figures recomputed from the customers, what is worse in words."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.registry.client import Evidence, Gate, Migration, ModelInfo
from segmentation.data.synthetic import generate
from segmentation.interpretation.formatting import flow_cell, percent, whole_percent
from segmentation.interpretation.outcomes import profile_outcomes
from segmentation.interpretation.profiles import profile_segments
from segmentation.schema import Column
from serve.web.versions.comparison import side_by_side
from tests.serve.conftest import SCHEMA

CHURN = Column("churn", "Churn", "category", levels=("no", "yes"))
TABLE = generate(600, seed=1).drop(columns="CUST_ID")
CHURNED = (np.arange(600) % 7 == 0) | (TABLE["CASH_ADVANCE"].to_numpy() > 900)


def version(model: ModelInfo, number: str, segment: np.ndarray, **evaluation: float) -> ModelInfo:
    """Return a version with these segments of the customers, and what happened to them."""
    schema = replace(SCHEMA, outcomes=(CHURN,))
    outcomes = profile_outcomes(
        TABLE.assign(churn=CHURNED.astype(float))[["churn"]], segment, segment.max() + 1, schema
    )
    profiles = [
        {**profile.to_dict(), "outcomes": [one.to_dict() for one in own]}
        for profile, own in zip(
            profile_segments(TABLE, segment, SCHEMA, rules=False), outcomes, strict=True
        )
    ]
    return replace(model, version=number, profiles=profiles, evaluation=evaluation)


@pytest.fixture
def evidence(model: ModelInfo) -> Evidence:
    """Return a candidate that cuts elsewhere, is less stable and has a segment fewer."""
    advance = TABLE["CASH_ADVANCE"].to_numpy()
    before = (advance > 500).astype(int) + (advance > 2500)
    after = (advance > 2000).astype(int)
    champion = version(model, "7", before, stability=0.91, score=1.2, n_segments=3)
    candidate = version(model, "8", after, stability=0.85, score=1.3, n_segments=2)
    pairs, counts = np.unique(np.c_[before, after] + 1, axis=0, return_counts=True)
    flows = {f"{i}>{j}": int(count) for (i, j), count in zip(pairs, counts, strict=True)}
    gates = (Gate("stability", True, "0.850, at least 0.60"), Gate("feasible", False, "violates"))
    return Evidence(candidate, champion, gates, Migration("7", flows, "retrain", ("It drifted.",)))


def test_what_is_worse_is_said(evidence: Evidence) -> None:
    """A failed check, a lower figure, a lost segment, outcomes less apart, drift; no more."""
    sides = side_by_side(evidence)
    assert sides is not None
    assert evidence.champion is not None
    gone = evidence.champion.profiles[2]["name"]
    first, second, third, *rest = sides.sentences
    assert first == "The check “feasible” fails; see its figures below."
    assert second == "Stability falls from 0.91 to 0.85."
    assert third == f"Segment 3 ({gone}) is gone, and with it what is planned for it."
    assert rest[-1].startswith("Its card holders differ")
    better = replace(evidence.candidate, version="9")
    same = side_by_side(Evidence(better, replace(better, version="8"), (), None))
    assert same is not None
    assert same.sentences == ()


def test_sizes_and_outcomes_are_those_of_the_customers(evidence: Evidence) -> None:
    """Shares, rates, and sample sizes of both versions, recomputed; a lost segment is empty."""
    sides = side_by_side(evidence)
    assert sides is not None
    advance = TABLE["CASH_ADVANCE"].to_numpy()
    groups = (advance <= 500, (advance > 500) & (advance <= 2500))
    for row, inside in zip(sides.segments[:2], groups, strict=True):
        assert row.champion_share == percent(inside.mean())
        rate = percent(CHURNED[inside].mean())
        assert row.outcomes[0][0].startswith(f"{rate} (")
        assert row.outcomes[0][0].endswith(f"n = {inside.sum():,}")
    last = sides.segments[-1]
    assert (last.candidate_name, last.candidate_share, last.outcomes[0][1]) == ("", "", "")


def test_the_flow_is_counted(evidence: Evidence) -> None:
    """Cells with counts and shares of the row; who moves in one sentence."""
    sides = side_by_side(evidence)
    assert sides is not None
    assert sides.flow is not None
    advance = TABLE["CASH_ADVANCE"].to_numpy()
    before, after = (advance > 500).astype(int) + (advance > 2500), (advance > 2000).astype(int)
    moved = int((before != after).sum())
    assert sides.flow.sentence == (
        f"{moved:,} of 600 card holders ({percent(moved / 600)}) would change their segment."
    )
    for i, (_, _, cells) in enumerate(sides.flow.rows):
        for j, (text, stays) in enumerate(cells):
            count, size = int(((before == i) & (after == j)).sum()), int((before == i).sum())
            assert text == (f"{count:,} ({whole_percent(count / size)})" if count else "")
            assert stays == (i == j)


@pytest.mark.parametrize(
    ("count", "of", "text"),
    [(28, 1200, "28 (2%)"), (3, 900, "3 (<1%)"), (899, 900, "899 (>99%)"), (9, 9, "9 (100%)")],
)
def test_a_cell_of_a_flow_never_rounds_to_none_or_all(count: int, of: int, text: str) -> None:
    """A few are below one per cent, nearly all above 99."""
    assert flow_cell(count, of) == text


def test_a_first_version_has_nothing_beside_it(evidence: Evidence) -> None:
    """No champion, no comparison."""
    assert side_by_side(replace(evidence, champion=None)) is None


def test_a_migration_survives_its_tag_and_turns_round() -> None:
    """As JSON and back; the way back has the same counts; any other text is none."""
    migration = Migration("7", {"1>2": 5, "1>1": 9}, "watch", ("It drifted.",))
    assert Migration.from_json(migration.to_json()) == migration
    assert migration.reversed("8") == Migration("8", {"2>1": 5, "1>1": 9})
    assert Migration.from_json("{}") is None
    assert Migration.from_json("no JSON") is None
