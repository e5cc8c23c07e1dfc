"""Sum a study up: pictures and a page for its run, a card for the model, lines for the console."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence

import optuna
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from experiments.candidates import Candidate, ladder
from experiments.tracking import Tracker
from segmentation.clusterers import CLUSTERERS
from segmentation.figures.study import STUDY_FIGURES
from segmentation.figures.study_data import StudyData, TrialPoint
from segmentation.model import SegmentationModel

LEADERBOARD = 10


def record_study(
    tracker: Tracker,
    study: optuna.Study,
    candidates: Sequence[Candidate],
    page: str,
    winner: Candidate | None,
) -> None:
    """Put pictures, leaderboard, best numbers and the page into the study's run."""
    data = StudyData(tuple(map(_point, _by_number(candidates))), importances(study))
    figures = {name: draw(data) for name, draw in STUDY_FIGURES.items()}
    rows = [_row(candidate) for candidate in _ranked(candidates)]
    tracker.files(tracker.parent, {"leaderboard.json": json.dumps(rows, indent=1)}, figures)
    tracker.tags(tracker.parent, {MLFLOW_RUN_NOTE: page, "trials": str(len(candidates))})
    feasible = sum(candidate.evaluation.feasible for candidate in candidates)
    tracker.metrics(tracker.parent, {"trials": len(candidates), "trials_feasible": feasible})
    if winner is not None:
        best = winner.evaluation
        tracker.metrics(tracker.parent, best.metrics(), step=best.rows)
        verdict = {
            "algorithm": CLUSTERERS[winner.spec.clusterer].title,
            "segments": str(best.n_segments),
            "score": f"{best.score:.3f}",
            "stability": f"{best.stability:.3f}",
            "feasible": "yes",
        }
        tracker.tags(tracker.parent, verdict)


def importances(study: optuna.Study) -> dict[str, float]:
    """Return each parameter's share of the score's variance; empty where it has no meaning."""
    values = {trial.value for trial in study.get_trials(deepcopy=False) if trial.value is not None}
    if len(values) < 4:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        # A parameter of an algorithm tried once counts for nothing, which is right here.
        warnings.filterwarnings("ignore", "Some regimes for parameter", UserWarning)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return dict(found)


def study_page(
    candidates: Sequence[Candidate],
    winner: Candidate | None,
    model: SegmentationModel | None,
    registered: str,
) -> str:
    """Return the Markdown page of a study.

    Parameters
    ----------
    candidates
        Every judged trial.
    winner
        The best; None where no candidate is feasible.
    model
        The winner fitted on all customers.
    registered
        What it was registered as, for example ``"customer-segmentation version 3"``.
    """
    if winner is None or model is None:
        return "\n\n".join(["**No feasible segmentation.**", *_common_reasons(candidates)])
    judged = winner.evaluation
    return "\n\n".join(
        [
            f"**{judged.n_segments} segments** by {CLUSTERERS[winner.spec.clusterer].title} "
            f"(trial {winner.number}), registered as {registered}. Stability "
            f"{judged.stability:.3f}, neighbour agreement {judged.agreement:.3f}, judged on "
            f"{judged.rows:,} customers.",
            segments_table(model),
            "**Best for every number of segments**",
            ladder_table(candidates),
            *judged.notes,
            f"{len(candidates)} trials were judged. The same command continues this study: "
            "ask for more with a larger `n_trials`.",
        ]
    )


def card(candidate: Candidate, model: SegmentationModel, source: str, rows: int) -> str:
    """Return the Markdown description of a registered version, made of its profiles."""
    judged = candidate.evaluation
    preprocessing = candidate.spec.preprocessing
    return "\n\n".join(
        [
            f"{judged.n_segments} customer segments, found without labels in {rows:,} customers "
            f"({source}).",
            segments_table(model),
            f"**Quality**: stability {judged.stability:.3f} "
            f"(± {judged.stability_spread:.3f} between splits), neighbour agreement "
            f"{judged.agreement:.3f}, on {judged.rows:,} customers.",
            f"**Recipe**: {CLUSTERERS[candidate.spec.clusterer].title}; nulls "
            f"{preprocessing.nulls}, outliers {preprocessing.outliers}, skew "
            f"{preprocessing.skew}, scale {preprocessing.scale}, ratios {preprocessing.ratios}; "
            f"seed {candidate.spec.seed}. `spec.json` in the trial's run refits it exactly.",
            *judged.notes,
        ]
    )


def console(
    candidates: Sequence[Candidate],
    winner: Candidate | None,
    model: SegmentationModel | None,
    registered: str,
) -> str:
    """Return the closing lines of a search."""
    if winner is None or model is None:
        reasons = "\n".join(f"  {line}" for line in _common_reasons(candidates))
        return f"No feasible segmentation in {len(candidates)} trials:\n{reasons}"
    judged = winner.evaluation
    lines = [
        f"{len(candidates)} trials; the best is trial {winner.number}, "
        f"{CLUSTERERS[winner.spec.clusterer].title}: {judged.n_segments} segments, "
        f"stability {judged.stability:.3f}, score {judged.score:.3f}.",
        *(
            f"  {profile['number']}. {profile['name']:<44} {profile['share']:6.1%}"
            for profile in model.description()["profiles"]
        ),
        f"Registered as {registered}.",
        *judged.notes,
    ]
    return "\n".join(lines)


def segments_table(model: SegmentationModel) -> str:
    """Return number, name, share and sentence of every segment as a Markdown table."""
    rows = [
        f"| {p['number']} | {p['name']} | {p['share']:.1%} | {p['sentence']} |"
        for p in model.description()["profiles"]
    ]
    return "\n".join(["| # | segment | share | what sets it apart |", "|---|---|---|---|", *rows])


def ladder_table(candidates: Sequence[Candidate]) -> str:
    """Return the best candidate of every number of segments as a Markdown table."""
    rows = [
        f"| {c.evaluation.n_segments} | {CLUSTERERS[c.spec.clusterer].title} (#{c.number}) | "
        f"{c.evaluation.score:.3f} | {c.evaluation.stability:.3f} | "
        f"{c.evaluation.agreement:.3f} | {c.evaluation.smallest_share:.1%} | "
        f"{c.evaluation.tree_accuracy:.1%} | {'yes' if c.restates else 'no'} | "
        f"{c.evaluation.rows:,} |"
        for c in ladder(candidates)
    ]
    titles = "segments algorithm score stability agreement smallest tree flags customers"
    head = " | ".join(titles.split())
    return "\n".join([f"| {head} |", "|---" * len(head.split(" | ")) + "|", *rows])


def _common_reasons(candidates: Sequence[Candidate]) -> list[str]:
    """Return which guards broke, the most frequent first."""
    broken: dict[str, int] = {}
    for candidate in candidates:
        for guard, excess in candidate.evaluation.excess.items():
            broken[guard] = broken.get(guard, 0) + (excess > 0)
    ranked = sorted(broken.items(), key=lambda item: -item[1])
    return [f"{count} of {len(candidates)} trials broke {guard}." for guard, count in ranked]


def _ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    feasible = [candidate for candidate in candidates if candidate.evaluation.feasible]
    return sorted(feasible, key=lambda candidate: candidate.order)[:LEADERBOARD]


def _by_number(candidates: Sequence[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: candidate.number)


def _row(candidate: Candidate) -> dict[str, object]:
    judged = candidate.evaluation
    return {
        "trial": candidate.number,
        "run_id": candidate.run_id,
        "algorithm": candidate.spec.clusterer,
        **judged.metrics(),
        "spec": json.loads(candidate.spec.to_json()),
    }


def _point(candidate: Candidate) -> TrialPoint:
    judged = candidate.evaluation
    return TrialPoint(
        number=candidate.number,
        score=judged.score,
        stability=judged.stability,
        agreement=judged.agreement,
        tree_accuracy=judged.tree_accuracy,
        n_segments=judged.n_segments,
        algorithm=CLUSTERERS[candidate.spec.clusterer].title,
        feasible=judged.feasible,
    )
