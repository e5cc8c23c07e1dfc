"""What to do about what was found: words, the number behind them, and the search's switch."""

from __future__ import annotations

from collections.abc import Iterator

from segmentation.interpretation.formatting import percent
from segmentation.reports.exploration.descriptive import Descriptive
from segmentation.reports.exploration.evidence import Evidence, Recommendation
from segmentation.reports.exploration.null_tests import Tendency
from segmentation.reports.exploration.preprocessing_advice import (
    about_axes,
    about_nulls,
    about_ratios,
    about_skew,
    about_tails,
)

ZERO_INFLATED = 0.4


def recommendations(found: Evidence) -> tuple[Recommendation, ...]:
    """Return what to do, most important first."""
    skew, tamed = about_skew(found.table)
    return (
        *_structure(found.tendency),
        *skew,
        *about_tails(found, tamed),
        *about_nulls(found),
        *_redundancy(found),
        *about_axes(found),
        *about_ratios(found.table),
        *_zeros(found.descriptive),
        *_sensitive(found),
    )


def _structure(found: Tendency) -> Iterator[Recommendation]:
    if found.structure is False:
        yield Recommendation(
            "Do not segment this table as it is: it has no cluster structure. Add columns that "
            "tell customers apart, or cut along one column on purpose.",
            "; ".join(f"p {test.p:.2f} against {test.model}" for test in found.tests)
            or f"{found.rows} customers",
            {"stop": "no cluster structure"},
        )


def _redundancy(found: Evidence) -> Iterator[Recommendation]:
    for kept, redundant, value in found.associations.redundant:
        yield Recommendation(
            f"Leave out {found.label(redundant)}: it says what {found.label(kept)} says.",
            f"correlation {value:.2f}",
            {"excluded": redundant},
        )
    for check in found.descriptive.identities:
        if not check.declared:
            yield Recommendation(
                f"Declare {found.label(check.total)} as the sum of "
                f"{' and '.join(map(found.label, check.parts))} in the schema.",
                f"holds in {percent(1 - check.broken / max(check.rows, 1))} of {check.rows:,} rows",
                {"identities": check.total},
            )
    for name in found.descriptive.constants:
        text = f"Leave out {found.label(name)}: it is the same for everybody."
        yield Recommendation(text, "1 distinct value", {"excluded": name})


def _zeros(found: Descriptive) -> Iterator[Recommendation]:
    many = [
        c for c in found.columns if c.zero_share >= ZERO_INFLATED and c.kind in {"money", "count"}
    ]
    if many:
        most = max(many, key=lambda c: c.zero_share)
        yield Recommendation(
            f"Beware of trivial segments: {len(many)} columns are 0 for many, so “who ever did "
            "what” splits customers cleanly and says little. Ask for four segments or more, "
            "and read the restatement of each candidate in the search.",
            f"{most.label} is 0 for {percent(most.zero_share)}",
            {"k_min": 4},
        )


def _sensitive(found: Evidence) -> Iterator[Recommendation]:
    names = found.table.schema.sensitive_names
    if not names:
        return
    strength, order = found.associations.strength, found.associations.all_names
    closest = max(
        (
            (float(strength[order.index(s), order.index(o)]), s, o)
            for s in names
            for o in order
            if o not in names
        ),
        default=None,
    )
    number = f"{len(names)} of {len(found.table.names)} columns"
    if closest:
        shows, through = found.label(closest[1]), found.label(closest[2])
        number += f"; {shows} shows through {through} at {closest[0]:.2f}"
    yield Recommendation(
        f"Let {', '.join(map(found.label, names))} describe segments, not form them.",
        number,
        {"sensitive": "false"},
    )
