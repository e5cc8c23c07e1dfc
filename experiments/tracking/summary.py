"""Sum a study up: pictures and a page for its run, a card for the model, lines for the console."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import optuna
import pandas as pd
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE
from optuna.trial import FrozenTrial
from sklearn.cluster import KMeans

from experiments.registry.client import ALTERNATIVES, Alternative
from experiments.search.candidates import Candidate
from experiments.search.fidelity import Samples
from experiments.search.ranking import Ranking, Standing, reason
from experiments.search.runner import NEXT, SearchResult, nothing_feasible
from experiments.study.study import ERROR, settled
from experiments.tracking.pictures import as_png, drawn
from experiments.tracking.tracker import Tracker, run_name
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.evaluation.clusterability import Structure
from segmentation.interpretation.formatting import percent
from segmentation.interpretation.outcomes import LEAST_VALUES, profile_outcomes, ranges_of
from segmentation.interpretation.sensitive_audit import Audit
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.reports.figures import FIGURES
from segmentation.reports.figures.reliability import draw_reliability
from segmentation.reports.figures.segment_figures import draw_customer_tree
from segmentation.reports.figures.study_figures import STUDY_FIGURES, StudyData, TrialPoint
from segmentation.reports.figures.trees import HIERARCHICAL, LINKAGES, customer_tree
from segmentation.reports.html import TrialRecord, study_views
from segmentation.reports.html.study_views import FAILED, FEASIBLE, INFEASIBLE
from segmentation.reports.json_data import plain
from segmentation.types import FloatArray, IntArray

UNREGISTERED = f"Nothing was registered. {NEXT}"
LEADERBOARD, VIEWS = 10, "study.html"
INERTIA_ROWS, TREE_ROWS = 2_000, 400
OUTCOMES_NOTE = (
    "Outcomes describe segments and formed none. In brackets 95% intervals: Wilson's for shares, "
    f"Student's t for averages; none for fewer than {LEAST_VALUES} known values. A multiple of the "
    "whole table's figure stands where the interval leaves that out."
)


@dataclass(frozen=True)
class Summary:
    """The outcome of a search; `model` and `audit` are None where nothing was picked."""

    result: SearchResult
    structure: Structure
    k: int  # the number of segments the user requires; 0 for the search's own pick
    model: SegmentationModel | None  # the pick fitted on all customers
    registered: str = ""  # for example "customer-segmentation version 3"
    audit: Audit | None = None

    @property
    def reason(self) -> str:
        """Explains this number of segments; empty where nothing was picked."""
        pick = self.result.pick
        return reason(self.result.ranking, pick, self.k) if pick else ""


def record_study(
    tracker: Tracker,
    study: optuna.Study,
    summary: Summary,
    samples: Samples,
    title: str,
    *,
    outcomes: pd.DataFrame | None = None,
) -> None:
    """Name the study's run by table and pick; put pictures, leaderboard and page into it.

    `outcomes` are those of the customers of `samples`, levels as codes.
    """
    result, parent = summary.result, tracker.parent
    rows = [_row(standing) for standing in result.ranking.standings[:LEADERBOARD]]
    data = study_data(result, study, samples)
    pictures = {name: as_png(draw(data)) for name, draw in STUDY_FIGURES.items()}
    if summary.model:
        pictures |= customer_dendrogram(summary.model, samples)
        of_pick = drawn(samples.pictured(summary.model), tuple(FIGURES))
        pictures |= {f"pick_{name}": picture for name, picture in of_pick.items()}
        diagram = draw_reliability({"the pick": summary.model.calibration.reliability})
        pictures["pick_reliability"] = as_png(diagram)
    others = [asdict(one) for one in alternatives_of(summary, samples, outcomes)]
    tables = {"leaderboard.json": rows, ALTERNATIVES: others}
    texts = {n: json.dumps(t, indent=1) for n, t in tables.items()}
    views = study_views(trial_records(result, study), data.importances, data.trial, title)
    tracker.files(parent, {**texts, VIEWS: views}, pictures)
    feasible = sum(candidate.evaluation.feasible for candidate in result.candidates)
    counts = {"trials": float(len(result.candidates)), "trials_feasible": float(feasible)}
    numbers = {**counts, **summary.structure.metrics(), "gap": result.ranking.gap}
    tags = {
        MLFLOW_RUN_NOTE: study_page(summary, f"#/experiments/{tracker.experiment_id}/runs/"),
        "trials": str(len(result.candidates)),
        "structure": "yes" if summary.structure.present else "no",
        "reason": summary.reason,
    }
    tracker.metrics(parent, {**numbers, **tracker.costs()}, tags=tags)
    if summary.model and any(summary.model.outcomes):
        tracker.files(parent, {"outcomes.json": json.dumps(_outcomes(summary.model), indent=1)}, {})
    if (audit := summary.audit) is not None:
        tracker.files(parent, {"audit.json": json.dumps(plain(audit), indent=1)}, {})
        tags = {"sensitive": "form" if audit.sensitive_form else "describe"}
        tracker.metrics(parent, audit.metrics(), tags=tags)
    tracker.picked(result.pick.candidate if result.pick else None)
    if result.pick is not None:
        pick, vote = result.pick.candidate, result.pick.vote
        best = pick.evaluation
        tags = {
            MLFLOW_RUN_NAME: run_name(title, pick.spec, best),
            "algorithm": CLUSTERERS[pick.spec.clusterer].title,
            "segments": str(best.n_segments),
            "score": f"{best.score:.3f}",
            "vote": f"{vote:.3f}",
            "stability": f"{best.stability:.3f}",
            "feasible": "yes",
        }
        tracker.metrics(parent, {**best.metrics(), "vote": vote}, step=best.rows, tags=tags)


def alternatives_of(
    summary: Summary, samples: Samples, outcomes: pd.DataFrame | None
) -> Iterator[Alternative]:
    """Yield what every number of segments would mean, fewest first.

    Sizes and outcomes are of the customers that the alternatives were evaluated on.
    """
    ranking, pick, model = summary.result.ranking, summary.result.pick, summary.model
    equal = {standing.k for standing in ranking.equals(pick)} if pick else set()
    for best in ranking.alternatives():
        standing = pick if pick and best.k == pick.k else best
        candidate, evaluation = standing.candidate, standing.candidate.evaluation
        labels = candidate.labels
        text = ""
        if outcomes is not None and model is not None:
            own = outcomes.iloc[samples.positions(candidate.fidelity)]
            text = ranges_of(profile_outcomes(own, labels, standing.k, model.schema))
        yield Alternative(
            segments=standing.k,
            algorithm=CLUSTERERS[candidate.spec.clusterer].title,
            score=evaluation.score,
            stability=evaluation.stability,
            stability_spread=evaluation.stability_spread,
            separation=evaluation.separation,
            shares=tuple(sorted((np.bincount(labels) / len(labels)).tolist(), reverse=True)),
            picked=pick is not None and standing.k == pick.k,
            equal=standing.k in equal,
            outcomes=text,
        )


def customer_dendrogram(model: SegmentationModel, samples: Samples) -> dict[str, bytes]:
    """Return the picture of how sampled customers merge; none where the model is no hierarchy."""
    if model.segmenter.spec_.clusterer not in HIERARCHICAL:
        return {}
    features = model.segmenter.features(samples.matrix(TREE_ROWS))
    segment = model.segmenter.assign_features(features).segment
    tree = customer_tree(model.segmenter, features)
    profiles = samples.pictured(model).profiles
    linked = model.segmenter.spec_.clusterer in LINKAGES
    height = "distance of what merges" if linked else "ln(customers / groups left)"
    return {"pick_customer_dendrogram": as_png(draw_customer_tree(tree, segment, profiles, height))}


def inertia(ranking: Ranking, samples: Samples) -> tuple[dict[int, float], dict[int, float]]:
    """Return the inertia left by k-means, and by the alternatives, by number of segments.

    On at most 2,000 customers in the reference space, as shares of the inertia of one segment.
    """
    alternatives = ranking.alternatives()
    if not alternatives:
        return {}, {}
    coordinates = samples.coordinates(INERTIA_ROWS)
    total = float(((coordinates - coordinates.mean(axis=0)) ** 2).sum()) or 1.0
    most = min(max(standing.k for standing in alternatives) + 1, len(coordinates))
    k_means = {
        k: float(KMeans(k, n_init=1, random_state=samples.seed).fit(coordinates).inertia_ / total)
        for k in range(1, most + 1)
    }
    own = {s.k: _inertia(coordinates, s.candidate.labels) / total for s in alternatives}
    return k_means, own


def _inertia(coordinates: FloatArray, labels: IntArray) -> float:
    labels = labels[: len(coordinates)]
    groups = [coordinates[labels == label] for label in np.unique(labels)]
    return float(sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups))


def study_data(result: SearchResult, study: optuna.Study, samples: Samples) -> StudyData:
    """Return what the pictures of a study are drawn from."""
    trials = sorted(result.candidates, key=lambda candidate: candidate.number)
    k_means, own = inertia(result.ranking, samples)
    return StudyData(
        tuple(map(_point, trials)),
        importances(study),
        tuple(_point(s.candidate) for s in result.ranking.alternatives()),
        result.pick.k if result.pick else 0,
        k_means,
        own,
        result.pick.candidate.number if result.pick else None,
    )


def trial_records(result: SearchResult, study: optuna.Study) -> list[TrialRecord]:
    """Return what the study's page shows of each trial, by number."""
    candidates = {candidate.number: candidate for candidate in result.candidates}
    return [
        _record(trial, candidates.get(trial.number))
        for trial in sorted(settled(study), key=lambda trial: trial.number)
    ]


def _record(trial: FrozenTrial, candidate: Candidate | None) -> TrialRecord:
    begun = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    if candidate is None:
        text = f"trial {trial.number}: failed. {trial.user_attrs.get(ERROR, '')}"
        return TrialRecord(trial.number, "", FAILED, text, trial.params, begun, seconds)
    evaluation, algorithm = candidate.evaluation, CLUSTERERS[candidate.spec.clusterer].title
    reasons = "; ".join(evaluation.infeasible)
    text = (
        f"trial {trial.number}: {algorithm}, {evaluation.n_segments} segments, "
        f"score {evaluation.score:.3f}, stability {evaluation.stability:.3f}"
    )
    return TrialRecord(
        trial.number,
        algorithm,
        INFEASIBLE if reasons else FEASIBLE,
        f"{text}, {reasons}" if reasons else text,
        trial.params,
        begun,
        seconds,
        evaluation.score,
        evaluation.n_segments,
    )


def importances(study: optuna.Study) -> dict[str, float]:
    """Return each parameter's share of the score's variance; empty where it has no meaning."""
    values = {trial.value for trial in study.get_trials(deepcopy=False) if trial.value is not None}
    if len(values) < 4:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        # Parameters of an algorithm that was tried once have no share, which is right here.
        warnings.filterwarnings("ignore", "Some regimes for parameter", UserWarning)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return dict(shares)


def study_page(summary: Summary, runs: str) -> str:
    """Return the Markdown page of a study; `runs` is where links to its trials lead."""
    result, model = summary.result, summary.model
    if result.pick is None or model is None:
        head = f"**{nothing_feasible(result, summary.k)}**"
        reasons = _common_reasons(result.candidates)
        return "\n\n".join([head, *reasons, verdict_of(summary.structure), UNREGISTERED])
    pick, evaluation = result.pick.candidate, result.pick.candidate.evaluation
    return "\n\n".join(
        [
            f"**{evaluation.n_segments} segments** by {CLUSTERERS[pick.spec.clusterer].title} "
            f"(trial {_linked(pick, runs)}), registered as {summary.registered}. Stability "
            f"{evaluation.stability:.3f}, separation {evaluation.separation:.3f}, measured on "
            f"{evaluation.rows:,} customers.",
            verdict_of(summary.structure),
            summary.reason,
            segments_table(model),
            *([outcomes_table(model)] if any(model.outcomes) else []),
            "**Alternatives: the best for every number of segments.** Register another with the "
            "same command and `k`, for example `-P k=6`.",
            alternatives_table(result, runs),
            *([summary.audit.page()] if summary.audit else []),
            *evaluation.notes,
            f"{len(result.candidates)} trials were evaluated. The same command with a larger "
            "`n_trials` continues this study.",
        ]
    )


def console(summary: Summary) -> str:
    """Return the closing lines of a search."""
    result, model = summary.result, summary.model
    if result.pick is None or model is None:
        reasons = (f"  {line}" for line in _common_reasons(result.candidates))
        head = nothing_feasible(result, summary.k)
        return "\n".join([head, *reasons, verdict_of(summary.structure, "Warning:"), UNREGISTERED])
    pick, evaluation = result.pick.candidate, result.pick.candidate.evaluation
    alternatives = ", ".join(
        f"{standing.k} ({standing.candidate.evaluation.stability:.2f})"
        for standing in result.ranking.alternatives()
    )
    lines = [
        f"{len(result.candidates)} trials; the pick is trial {pick.number}, "
        f"{CLUSTERERS[pick.spec.clusterer].title}: {evaluation.n_segments} segments, "
        f"stability {evaluation.stability:.3f}, score {evaluation.score:.3f}, "
        f"vote {result.pick.vote:.2f}.",
        *_segment_lines(model),
        summary.reason,
        f"Alternatives, segments (stability): {alternatives}. Register another with k.",
        verdict_of(summary.structure, "Warning:"),
        *evaluation.notes,
        f"Registered as {summary.registered}.",
    ]
    return "\n".join(lines)


def _segment_lines(model: SegmentationModel) -> Iterator[str]:
    profiles = model.description["profiles"]
    width = max(len(profile["name"]) for profile in profiles)
    for profile, outcomes in zip(profiles, model.outcomes, strict=True):
        yield f"  {profile['number']}. {profile['name']:<{width}} {percent(profile['share']):>6}"
        yield from (f"     {outcome.sentence}" for outcome in outcomes)


def verdict_of(structure: Structure, warning: str = "**Warning.**") -> str:
    """Return the verdict on structure, behind a warning, by default in Markdown, if it has none."""
    return structure.sentence if structure.present else f"{warning} {structure.sentence}"


def segments_table(model: SegmentationModel) -> str:
    """Return number, name, share and sentence of every segment as a Markdown table."""
    rows = [
        f"| {p['number']} | {p['name']} | {percent(p['share'])} | {p['sentence']} |"
        for p in model.description["profiles"]
    ]
    return "\n".join(["| # | segment | share | what sets it apart |", "|---|---|---|---|", *rows])


def outcomes_table(model: SegmentationModel) -> str:
    """Return every outcome by segment as a Markdown table; empty where the table has none."""
    if not any(model.outcomes):
        return ""
    first = model.outcomes[0]
    head = ["#", "segment", *(outcome.title for outcome in first)]
    rows = [
        [str(profile["number"]), profile["name"], *(outcome.brief for outcome in own)]
        for profile, own in zip(model.description["profiles"], model.outcomes, strict=True)
    ]
    rows.append(["", "whole table", *(o.text(o.whole.value) for o in first)])
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)
    return f"What happened to the customers of each segment.\n\n{table}\n\n{OUTCOMES_NOTE}"


def _cell(text: str) -> str:
    """Return a text for a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())


def alternatives_table(result: SearchResult, runs: str = "") -> str:
    """Return the best candidate of every number of segments as a Markdown table.

    An arrow marks the pick, ≈ what ranks equal to it within noise. `runs` is where
    links to trials lead; without it there are none.
    """
    ranking, pick, rows = result.ranking, result.pick, []
    equal = {standing.k for standing in ranking.equals(pick)} if pick else set()
    for standing in ranking.alternatives():
        evaluation, spec = standing.candidate.evaluation, standing.candidate.spec
        picked = " ←" if pick and standing.k == pick.k else " ≈" if standing.k in equal else ""
        rows.append(
            f"| {standing.k}{picked} | {CLUSTERERS[spec.clusterer].title} "
            f"({_linked(standing.candidate, runs)}) | {evaluation.score:.3f} | "
            f"{evaluation.stability:.3f} ± {evaluation.stability_spread:.3f} | "
            f"{evaluation.separation:.3f} | {standing.vote:.2f} | "
            f"{percent(evaluation.smallest_share)} | {percent(evaluation.tree_accuracy)} | "
            f"{'yes' if standing.candidate.restates else 'no'} |"
        )
    titles = "segments algorithm score stability separation vote smallest tree flags"
    head = " | ".join(titles.split())
    return "\n".join([f"| {head} |", "|---" * len(head.split(" | ")) + "|", *rows])


def _linked(candidate: Candidate, runs: str) -> str:
    """Return a trial's number, in Markdown a link to its run where `runs` says where they are."""
    number = f"#{candidate.number}"
    return f"[{number}]({runs}{candidate.run_id})" if runs and candidate.run_id else number


def _outcomes(model: SegmentationModel) -> dict[str, list[dict[str, object]]]:
    """Return the outcomes of each segment by its number, as JSON data."""
    numbers = [str(profile["number"]) for profile in model.description["profiles"]]
    own = [[outcome.to_dict() for outcome in outcomes] for outcomes in model.outcomes]
    return dict(zip(numbers, own, strict=True))


def _common_reasons(candidates: Sequence[Candidate]) -> list[str]:
    """Return which constraints are violated, the most frequent first."""
    violations: Counter[str] = Counter()
    for candidate in candidates:
        violations.update({c: excess > 0 for c, excess in candidate.evaluation.excess.items()})
    return [
        f"{count} of {len(candidates)} trials violated {constraint}."
        for constraint, count in violations.most_common()
    ]


def _row(standing: Standing) -> dict[str, object]:
    candidate = standing.candidate
    return {
        "trial": candidate.number,
        "run_id": candidate.run_id,
        "algorithm": candidate.spec.clusterer,
        "vote": standing.vote,
        **candidate.evaluation.metrics(),
        "spec": json.loads(candidate.spec.to_json()),
    }


def _point(candidate: Candidate) -> TrialPoint:
    evaluation = candidate.evaluation
    return TrialPoint(
        number=candidate.number,
        score=evaluation.score,
        stability=evaluation.stability,
        separation=evaluation.separation,
        tree_accuracy=evaluation.tree_accuracy,
        n_segments=evaluation.n_segments,
        algorithm=CLUSTERERS[candidate.spec.clusterer].title,
        feasible=evaluation.feasible,
    )
