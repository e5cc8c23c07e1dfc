"""The whole search in a notebook: ``find_segments(frame)``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import optuna
import pandas as pd
from threadpoolctl import threadpool_limits

from experiments.search.fidelity import Samples
from experiments.search.options import SearchOptions, checked, default_options, write_weights
from experiments.search.runner import (
    NEXT,
    Progress,
    SearchResult,
    build,
    choose,
    nothing_feasible,
    prepare_search,
    try_all,
)
from experiments.study.study import open_study
from experiments.study.worker_pool import Workers
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.spec import SegmenterSpec
from segmentation.data.readers import schema_for
from segmentation.data.validation import Validated, validate
from segmentation.errors import SegmentationError
from segmentation.evaluation.constraints import Constraints
from segmentation.evaluation.result import Evaluation
from segmentation.interpretation.formatting import percent
from segmentation.interpretation.outcomes import OutcomeProfile
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring import with_reference
from segmentation.schema import AUTO, TableSchema

STYLE = "border-collapse:collapse;font-size:14px"
CELL = "padding:4px 10px;text-align:left;border-bottom:1px solid #ddd"


@dataclass(frozen=True)
class Segments:
    """The result of :func:`find_segments`.

    Attributes
    ----------
    model
        Fitted on all customers; ``model.save(path)`` writes it.
    search
        Every evaluated candidate, the ranking and the pick.
    """

    model: SegmentationModel
    search: SearchResult

    @property
    def evaluation(self) -> Evaluation:
        """Stability, separation, score and the other metrics of the pick."""
        return self.search.picked.candidate.evaluation

    @property
    def spec(self) -> SegmenterSpec:
        """The full spec: ``Segmenter(spec)`` refits it."""
        return self.search.picked.candidate.spec

    @property
    def profiles(self) -> pd.DataFrame:
        """Name, share in [0, 1] and description of every segment, indexed by its number.

        Where the table has outcomes, the column ``outcomes`` says what happened to its customers.
        """
        names = ("number", "name", "share", "sentence")
        rows = [{name: p[name] for name in names} for p in self.model.description["profiles"]]
        profiles = pd.DataFrame(rows).set_index("number")
        if any(self.model.outcomes):
            profiles["outcomes"] = [_sentences(own) for own in self.model.outcomes]
        return profiles

    @property
    def outcomes(self) -> pd.DataFrame:
        """Rate or mean of every outcome in every segment, indexed by number and outcome.

        The columns are ``level`` (whose rate it is, empty for a mean), ``value``, ``low`` and
        ``high`` (95% interval), ``n`` (customers with a value), ``missing_share``, ``whole_table``
        (the value there) and ``lift`` (``value`` as a multiple of it). No rows without outcomes.
        """
        profiles = zip(self.model.description["profiles"], self.model.outcomes, strict=True)
        rows = [
            {
                "number": profile["number"],
                "outcome": outcome.column,
                "level": outcome.level,
                "value": outcome.segment.value,
                "low": outcome.segment.low,
                "high": outcome.segment.high,
                "n": outcome.segment.n,
                "missing_share": outcome.segment.missing_share,
                "whole_table": outcome.whole.value,
                "lift": outcome.lift,
            }
            for profile, own in profiles
            for outcome in own
        ]
        outcomes = pd.DataFrame(rows, columns=list(OUTCOME_COLUMNS))
        return outcomes.astype(FIGURES).set_index(["number", "outcome"])

    @property
    def alternatives(self) -> pd.DataFrame:
        """The best candidate for every number of segments; search again with `k` to take one."""
        rows = [
            {
                "segments": standing.k,
                "algorithm": CLUSTERERS[standing.candidate.spec.clusterer].title,
                "score": standing.score,
                "stability": standing.candidate.evaluation.stability,
                "separation": standing.candidate.evaluation.separation,
                "vote": standing.vote,
                "smallest_share": standing.candidate.evaluation.smallest_share,
                "picked": standing.k == self.search.picked.k,
            }
            for standing in self.search.ranking.alternatives()
        ]
        return pd.DataFrame(rows).set_index("segments")

    def score(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return segment, confidence and reasons of customers, one row each.

        See :meth:`segmentation.model.segmentation_model.SegmentationModel.score`.

        Raises
        ------
        DataError
            When a column of the model is missing or a value cannot be read.
        """
        return self.model.score(validate(customers, self.model.schema).customers)

    def __repr__(self) -> str:
        """Return segments and alternatives as text."""
        lines = [self._headline()]
        width = max(map(len, self.profiles["name"]))
        for number, profile in self._rows():
            lines.append(f"  {number}. {profile['name']:<{width}} {percent(profile['share']):>5}")
            lines += [f"     {outcomes}" for outcomes in filter(None, [profile.get("outcomes")])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return a card: segments, what sets them apart, and the alternatives."""
        segments = "".join(
            f"<tr><td style='{CELL}'>{i}</td><td style='{CELL}'><b>{escape(p['name'])}</b></td>"
            f"<td style='{CELL}'>{percent(p['share'])}</td>"
            f"<td style='{CELL}'>{escape(p['sentence'])}{_second_line(p)}</td></tr>"
            for i, p in self._rows()
        )
        others = ", ".join(
            f"<b>{k}</b>" if row["picked"] else f"{k}" for k, row in self.alternatives.iterrows()
        )
        return (
            f"<div><p><b>{escape(self._headline())}</b></p><table style='{STYLE}'>"
            f"<tr>{''.join(f'<th style={CELL!r}>{t}</th>' for t in ('#', *HEADINGS))}</tr>"
            f"{segments}</table><p>Alternatives, numbers of segments: {others}</p></div>"
        )

    def _rows(self) -> list[tuple[Any, pd.Series[Any]]]:
        return list(self.profiles.iterrows())

    def _headline(self) -> str:
        evaluation = self.evaluation
        return (
            f"{evaluation.n_segments} customer segments by "
            f"{CLUSTERERS[self.spec.clusterer].title}: stability {evaluation.stability:.2f}, "
            f"separation {evaluation.separation:.2f}, score {evaluation.score:.2f}"
        )


HEADINGS = ("segment", "share", "what sets it apart")
OUTCOME_COLUMNS = (
    *("number", "outcome", "level", "value", "low", "high", "n", "missing_share"),
    *("whole_table", "lift"),
)


FIGURES = dict.fromkeys(("value", "low", "high", "missing_share", "whole_table", "lift"), float)


def _second_line(profile: pd.Series[Any]) -> str:
    outcomes = profile.get("outcomes")
    return f"<br><small>{escape(outcomes)}</small>" if outcomes else ""


def _sentences(outcomes: Iterable[OutcomeProfile]) -> str:
    return " ".join(outcome.sentence for outcome in outcomes)


def find_segments(
    frame: pd.DataFrame,
    *,
    schema: TableSchema | str = AUTO,
    n_trials: int = 60,
    k: int = 0,
    k_min: int = 3,
    k_max: int = 10,
    smallest_share: float = Constraints.smallest_share,
    largest_share: float = Constraints.largest_share,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
    timeout: float = 0.0,
    n_jobs: int = 0,
    progress: bool = True,
    tracking: bool = False,
    **options: Any,
) -> Segments:
    """Search for customer segments without labels.

    Worker processes evaluate the trials: a script calls this under
    ``if __name__ == "__main__"``.

    Parameters
    ----------
    frame
        One row a customer, as read.
    schema
        Of the table, its name or file; by default a shipped one that fits, else an inferred one.
    n_trials
        How many to try.
    k
        Number of segments; 0 for the search's own pick.
    k_min, k_max
        Closed interval of the number of segments; the same number twice for exactly so many.
    smallest_share, largest_share
        Shares of customers that a segment holds at least and at most, in (0, 1].
    weights
        How much a column counts, in (0, 10], by name; 1 for a column that is not named.
    seed
        Seeds everything: the same frame, options and seed give the same segments.
    timeout
        Seconds after which no new trial starts; 0 for no limit.
    n_jobs
        Trials evaluated at the same time; 0 for one a core.
    progress
        Whether to show a progress bar.
    tracking
        Whether to record runs in MLflow and register the model, as the search command does.
    **options
        Further options of :class:`experiments.search.options.SearchOptions`.

    Raises
    ------
    DataError
        When the frame breaks the schema's contract.
    SpecError
        When a weight is that of a column that forms no segments.
    SegmentationError
        When no candidate is feasible; it says what came closest.
    """
    numbers: dict[str, Any] = {
        "n_trials": n_trials,
        "k": k,
        "k_min": k_min,
        "k_max": k_max,
        "smallest_share": smallest_share,
        "largest_share": largest_share,
        "weights": write_weights(weights or {}),
        "seed": seed,
    }
    numbers |= {"timeout": timeout, "n_jobs": n_jobs, "data": "a data frame"}
    search_options = checked({**default_options(), **numbers, **options})
    table = schema if isinstance(schema, TableSchema) else schema_for(frame, schema, "customers")
    table = table.as_features(search_options.outcomes_as_features)
    validated = validate(frame, table, to_train=True)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return _run(search_options, validated, table, progress=progress, tracking=tracking)
    finally:
        optuna.logging.set_verbosity(verbosity)


def _run(
    options: SearchOptions,
    validated: Validated,
    table: TableSchema,
    *,
    progress: bool,
    tracking: bool,
) -> Segments:
    with threadpool_limits(1), options.workers() as workers:
        if tracking:
            from experiments.search.workflow import record  # noqa: PLC0415 - imports MLflow

            summary = record(options, validated, table, workers)
            model, result = summary.model, summary.result
        else:
            model, result = _search(options, validated, table, workers, progress)
    if model is None:
        raise SegmentationError(f"{nothing_feasible(result, options.k)} {NEXT}")
    return Segments(model, result)


def _search(
    options: SearchOptions,
    validated: Validated,
    table: TableSchema,
    workers: Workers,
    progress: bool,
) -> tuple[SegmentationModel | None, SearchResult]:
    prepared, space = prepare_search(validated, table, options)
    samples = Samples(
        *(prepared.customers, prepared.schema, options.constraints, options.seed),
        weights=options.columns_weights,
    )
    study = open_study(None, table.name)
    with Progress(options.n_trials, (), table.name, bar=True, silent=not progress) as bar:
        try_all(
            *(study, space, samples, workers),
            n_trials=options.n_trials,
            timeout=options.timeout,
            progress=bar,
        )
        result = choose(study, samples, workers, k=options.k, progress=None)
    if result.pick is None:
        return None, result
    model = build(result.pick.candidate, prepared, samples)
    model = with_reference(model, prepared.people).with_outcomes(prepared.people, prepared.outcomes)
    return model, result
