"""What makes a candidate infeasible, and the sentences that say so."""

from dataclasses import replace

import pytest

from segmentation.evaluation.constraints import CONSTRAINTS, Constraints, Measured, excess, reasons

FINE = Measured(4, 0.2, 0.3, 0.0, 0.9)


@pytest.mark.parametrize(
    ("constraint", "change", "reason"),
    [
        ("n_segments", {"n_segments": 1}, "1 segment, between 3 and 10 required"),
        ("n_segments", {"n_segments": 11}, "11 segments, between 3 and 10 required"),
        (
            "smallest_share",
            {"smallest_share": 0.0123},
            "smallest segment holds 1.2% of customers, at least 5% required",
        ),
        (
            "largest_share",
            {"largest_share": 0.95},
            "largest segment holds 95% of customers, at most 70% allowed",
        ),
        ("noise_share", {"noise_share": 0.72}, "72% of customers are noise, at most 20% allowed"),
        ("stability", {"stability": 0.5}, "stability is 0.500, at least 0.60 required"),
    ],
)
def test_each_constraint_gives_its_reason(
    constraint: str, change: dict[str, float], reason: str
) -> None:
    """One violated constraint: one sentence with the value found and what was wanted."""
    measured = replace(FINE, **change)
    assert reasons(measured, Constraints()) == (reason,)
    over = excess(measured, Constraints())
    assert [name for name, value in over.items() if value > 0] == [constraint]


def test_all_constraints_at_once_and_none() -> None:
    """Every violated constraint is listed; at its limits a candidate is still feasible."""
    assert len(reasons(Measured(1, 0.0, 1.0, 1.0, 0.0), Constraints())) == len(CONSTRAINTS)
    g = Constraints()
    limit = Measured(g.k_min, g.smallest_share, g.largest_share, g.noise_share, g.stability)
    assert reasons(limit, g) == ()
    assert max(excess(limit, g).values()) == 0


def test_stability_that_was_not_computed_is_no_reason() -> None:
    """It is no sentence, but for an optimiser it counts as the worst."""
    unknown = replace(FINE, stability=None)
    assert reasons(unknown, Constraints()) == ()
    assert excess(unknown, Constraints())["stability"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("field", "inside", "beyond"),
    [
        ("n_segments", 3, 2),
        ("n_segments", 10, 11),
        ("smallest_share", 0.05, 0.0499),
        ("largest_share", 0.70, 0.7001),
        ("noise_share", 0.20, 0.2001),
        ("stability", 0.60, 0.5999),
    ],
)
def test_the_limits_are_where_they_are_documented(field: str, inside: float, beyond: float) -> None:
    """At the documented limit a candidate is feasible, one step beyond it is not."""
    assert reasons(replace(FINE, **{field: inside}), Constraints()) == ()
    assert len(reasons(replace(FINE, **{field: beyond}), Constraints())) == 1
    over = excess(replace(FINE, **{field: beyond}), Constraints())[field]
    assert over == pytest.approx(0.1 if field == "n_segments" else 0.0001)
