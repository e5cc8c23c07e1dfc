"""The model card of a registered version: data, quality, specification, use and limits."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from markdown_it import MarkdownIt
from markupsafe import Markup

from experiments.search.options import OPTIONS, SearchOptions
from experiments.search.ranking import Standing
from experiments.tracking.summary import (
    Summary,
    alternatives_table,
    outcomes_table,
    segments_table,
    verdict_of,
)
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.interpretation.formatting import percent
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.reports.figures.segment_figures import draw_segment_tree
from segmentation.reports.figures.style import short, themed_svg
from segmentation.reports.html import page

FILE = "model_card.html"
# Without effect in a table without categories.
MIXED_ONLY = ("categories", "category_weight")
SECTIONS = (
    "Segments",
    "Outcomes",
    "Intended use",
    "Data",
    "Quality",
    "Confidence",
    "Specification",
    "What the segments are made of",
    "Sensitive columns",
    "What changed",
    "Limits",
    "How to reproduce",
)


def card(
    summary: Summary,
    model: SegmentationModel,
    *,
    rows: int,
    digest: str,
    options: SearchOptions,
) -> str:
    """Return the card as Markdown: every section of :data:`SECTIONS`, in that order.

    `model` is the search's pick fitted on all customers, with lasting segment numbers; `rows` and
    `digest` are those of the table.
    """
    pick = summary.result.pick
    if pick is None:
        raise ValueError("a card describes a pick, and there is none")
    texts = {
        "Segments": segments_table(model),
        "Outcomes": outcomes_table(model) or "The table has no outcome columns.",
        "Intended use": _use(model),
        "Data": _data(model, rows, digest, options),
        "Quality": _quality(summary, pick, options),
        "Confidence": _confidence(model),
        "Specification": _spec(model),
        "What the segments are made of": summary.audit.made_of() if summary.audit else "",
        "Sensitive columns": summary.audit.sensitive() if summary.audit else "",
        "What changed": _changed(model),
        "Limits": _limits(pick.candidate.evaluation.notes),
        "How to reproduce": _reproduce(options),
    }
    head = f"{len(model.numbering.numbers)} customer segments, formed without labels."
    parts = [head] if summary.structure.present else [head, verdict_of(summary.structure)]
    parts += [f"## {title}\n\n{texts[title]}" for title in SECTIONS]
    return "\n\n".join(parts)


def as_html(text: str, title: str, customers: str, tree: str = "") -> str:
    """Return a card as a self-contained page; `tree` is from :func:`tree_of`."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    scrolling = body.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    scrolling = scrolling.replace("</table>", "</table></div>")
    escaped = Markup(scrolling)  # noqa: S704 - by MarkdownIt  # nosec B704
    svg = Markup(tree)  # noqa: S704 - by Matplotlib  # nosec B704
    return page("card.html", customers, title=title, body=escaped, tree=svg)


def tree_of(model: SegmentationModel) -> str:
    """Return which segments are alike as an SVG element."""
    profiles = model.description["profiles"]
    names = [f"{p['number']}  {short(p['name'], 40)}" for p in profiles]
    tree = draw_segment_tree(model.reasons.medians, names, [p["number"] for p in profiles])
    return themed_svg(tree, "dendrogram")


def _use(model: SegmentationModel) -> str:
    table = model.schema
    return (
        f"To describe and address groups of {table.customers} of this kind ({table.title}). A "
        "segment is a summary of behaviour, not a verdict on a person. Not for granting or pricing "
        f"credit, and not for {table.customers} of another kind of table. Each answer comes with a "
        "confidence and says where a row is unlike all of the training data."
    )


def _data(model: SegmentationModel, rows: int, digest: str, options: SearchOptions) -> str:
    table = model.schema
    lines = [
        f"- {rows:,} {table.customers}, {len(table.columns)} columns, from `{options.data}` "
        f"(digest `{digest}`), read on {datetime.now(UTC):%Y-%m-%d}.",
        f"- Schema `{table.name}`: {table.title}"
        + (f"; {table.source}" if table.source else "")
        + (f"; {table.period}." if table.period else "; period not stated."),
    ]
    lines += [f"- Not used: {name} ({why})." for name, why in table.excluded.items()]
    lines += [f"- {note}" for note in model.segmenter.notes_]
    return "\n".join(lines)


def _quality(summary: Summary, pick: Standing, options: SearchOptions) -> str:
    evaluation = pick.candidate.evaluation
    numbers = (
        f"- **Stability** {evaluation.stability:.3f} (± {evaluation.stability_spread:.3f} between "
        "splits): agreement, adjusted Rand, with refits on random halves.\n"
        f"- **Separation** {evaluation.separation:.3f}: 0 cuts through neighbours as a cut of one "
        "cloud does, 1 means no neighbours are separated.\n"
        f"- **Score** {evaluation.score:.3f} ± {evaluation.score_error:.3f}: stability + "
        f"separation + 0.03 ln(segments), on {evaluation.rows:,} customers.\n"
        f"- **Vote** {pick.vote:.3f}: agreement (adjusted Rand) with the choice of a Gaussian "
        "mixture model; it counts in the ranking, not in the score.\n"
        f"- **Constraints**: {_constraints(options)}\n"
        f"- **Structure**: {summary.structure.sentence}\n"
        f"- **Why {pick.k}**: {summary.reason}"
    )
    return (
        f"{numbers}\n\nAlternatives, the best for every number of segments:\n\n"
        + alternatives_table(summary.result)
    )


def _constraints(options: SearchOptions) -> str:
    limits = options.constraints
    return (
        f"{limits.k_min} to {limits.k_max} segments of {percent(limits.smallest_share)} to "
        f"{percent(limits.largest_share)} of customers each, stability of at least "
        f"{limits.stability:.2f}."
    )


def _confidence(model: SegmentationModel) -> str:
    rows = [
        f"| {number} | {stated:.3f} | {stays:.3f} |"
        for number, (stated, stays, _) in enumerate(model.calibration.reliability, start=1)
    ]
    lines = ["| tenth | confidence, mean | keep their segment |", "|---|---|---|", *rows]
    table = "\n".join(lines)
    return (
        "The probability of the assigned segment: no surer than the overlap of the segments, and "
        "no surer than refits on bootstraps of the customers and a month's changes (a twelfth of "
        "each amount) allow. Customers in tenths, the least sure first, in refits that were not "
        "used to set the confidence (drawn in the study's run as `pick_reliability`):\n\n" + table
    )


def _spec(model: SegmentationModel) -> str:
    spec = model.segmenter.spec_
    choices = spec.preprocessing.to_dict()
    weights = ", ".join(f"{name} {weight:g}" for name, weight in choices.pop("weights", ()))
    steps = ", ".join(
        f"{name} {value}"
        for name, value in choices.items()
        if value is not None and (model.schema != model.segmenter.schema_ or name not in MIXED_ONLY)
    )
    steps += f"; columns' weights: {weights} (others 1)" if weights else ""
    values = ", ".join(f"{name} {value}" for name, value in spec.hyperparameters.items())
    return (
        f"{CLUSTERERS[spec.clusterer].title}" + (f" ({values})" if values else "") + f"; {steps}; "
        f"new customers by the rule `{spec.rule}`; seed {spec.seed}. `spec.json` in the trial's "
        "run refits it exactly."
    )


def _changed(model: SegmentationModel) -> str:
    numbering = model.numbering
    if numbering.is_first:
        return "The first version: nothing came before."
    same = f"{numbering.n_matched} of {len(numbering.numbers)} segments are those of the champion."
    return " ".join([same, *numbering.changes])


def _limits(notes: Sequence[str]) -> str:
    always = (
        "Segments are descriptions, not causes. For another period or another kind of customer run "
        "`monitor` and, where it says so, train again.",
        "The number of segments is a choice: see the alternatives.",
    )
    return "\n".join(f"- {note}" for note in (*notes, *always))


def _reproduce(options: SearchOptions) -> str:
    values = vars(options)
    changed = [
        f"-P {name}={shlex.quote(str(values[name]))}"
        for name, _, default, _ in OPTIONS
        if str(values[name]) != str(default)
    ]
    command = " ".join(["mlflow run .", *changed])
    return f"```\n{command}\n```"
