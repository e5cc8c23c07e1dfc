"""The options of a search, checked by click before anything starts.

Light to import: the algorithms and the search space are imported where options are checked, so
that help comes at once.
"""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import click

from experiments.registry.client import MODEL_NAME, ModelName
from segmentation.clustering.spec import LARGEST_WEIGHT
from segmentation.errors import SpecError
from segmentation.evaluation.constraints import Constraints
from segmentation.interpretation.formatting import percent

if TYPE_CHECKING:
    from experiments.search.search_space import Fixed
    from experiments.study.worker_pool import Workers

ROUNDING = 1e-9


@dataclass(frozen=True)
class SearchOptions:
    """The parameters of ``experiments.search.workflow``.

    What each means is its help text in :data:`OPTIONS`.
    """

    data: str
    schema: str
    n_trials: int
    timeout: float
    seed: int
    k_min: int
    k_max: int
    k: int
    algorithms: str
    fix: str
    n_jobs: int
    trial_seconds: float
    trial_gigabytes: float
    experiment_name: str
    model_name: str
    sensitive: bool
    as_features: str
    new_study: bool
    storage: str
    begin_with: str
    smallest_share: float
    largest_share: float
    weights: str

    @property
    def named_algorithms(self) -> tuple[str, ...]:
        """The algorithms that the user names."""
        return tuple(filter(None, self.algorithms.replace(" ", "").split(",")))

    @property
    def chosen_algorithms(self) -> tuple[str, ...]:
        """The algorithms to try; with weights none that would find the same without them."""
        from experiments.search.search_space import ALGORITHMS  # noqa: PLC0415 - see above

        default = tuple(filter(heeds_weights, ALGORITHMS)) if self.weights else ALGORITHMS
        return self.named_algorithms or default

    @property
    def outcomes_as_features(self) -> tuple[str, ...]:
        """The outcomes that form segments on purpose."""
        return tuple(filter(None, (name.strip() for name in self.as_features.split(","))))

    @property
    def fixed(self) -> Fixed:
        """The choices that are not searched."""
        from experiments.search.search_space import Fixed  # noqa: PLC0415 - see above

        return Fixed.parse(self.fix)

    @property
    def constraints(self) -> Constraints:
        """What a candidate has to meet; numbers of segments that the shares allow only."""
        most, least = (
            floor(1 / self.smallest_share + ROUNDING),
            ceil(1 / self.largest_share - ROUNDING),
        )
        return Constraints(
            k_min=max(self.k_min, least),
            k_max=min(self.k_max, most),
            smallest_share=self.smallest_share,
            largest_share=self.largest_share,
        )

    @property
    def columns_weights(self) -> tuple[tuple[str, float], ...]:
        """The columns that count more or less than others, and how much."""
        return read_weights(self.weights)

    def workers(self) -> Workers:
        """Return new processes that evaluate, within the limits of a trial."""
        from experiments.study.worker_pool import Limits, Workers  # noqa: PLC0415 - see above

        return Workers(self.n_jobs, Limits(self.trial_seconds, self.trial_gigabytes))


OPTIONS: tuple[tuple[str, Any, Any, str], ...] = (
    (
        "data",
        str,
        "embedded",
        "CSV, Excel or Parquet file, folder or glob; duckdb:///FILE?table=…, "
        "postgresql://…?table=…, s3://…; openml:<id>, or embedded[:<rows>[:<seed>]].",
    ),
    (
        "schema",
        str,
        "cc_general",
        "Shipped schema, .yaml file, or auto: one that fits, or a draft.",
    ),
    ("n_trials", click.IntRange(1), 60, "Trials in all; the same command continues."),
    ("timeout", click.FloatRange(0), 0.0, "Seconds after which no trial starts; 0: no limit."),
    ("seed", click.IntRange(0), 0, "Seeds everything."),
    ("k_min", click.IntRange(2), 3, "Fewest segments."),
    ("k_max", click.IntRange(2), 10, "Most segments."),
    ("k", click.IntRange(0), 0, "Segments to register; 0: the search's own pick."),
    ("algorithms", str, "", "Comma-separated; default: those that pay."),
    (
        "fix",
        str,
        "",
        "Choices not to search, as `explore` advises: skew=log1p,excluded=COLUMN,…",
    ),
    ("n_jobs", click.IntRange(0), 0, "Trials at the same time; 0: one a core."),
    ("trial_seconds", click.FloatRange(0), 600.0, "A trial that takes longer fails; 0: no limit."),
    (
        "trial_gigabytes",
        click.FloatRange(0),
        8.0,
        "A trial that takes more memory fails; 0: no limit.",
    ),
    ("experiment_name", str, MODEL_NAME, "MLflow experiment."),
    ("model_name", ModelName(), MODEL_NAME, "Registered model."),
    ("sensitive", bool, False, "Let sensitive columns form segments."),
    ("as_features", str, "", "Outcomes that form segments on purpose, comma-separated."),
    ("new_study", bool, False, "Begin a new study although one exists."),
    ("storage", str, "", "Optuna database URL; default: SQLite beside the tracking store."),
    (
        "begin_with",
        str,
        "",
        "Version of the registered model, a number or an alias, whose spec is tried first.",
    ),
    (
        "smallest_share",
        click.FloatRange(0, 1, min_open=True),
        Constraints.smallest_share,
        "Share of customers that every segment holds at least.",
    ),
    (
        "largest_share",
        click.FloatRange(0, 1, min_open=True),
        Constraints.largest_share,
        "Share of customers that a segment holds at most.",
    ),
    (
        "weights",
        str,
        "",
        "Columns that count more or less than 1, the weight of others: COLUMN=2,OTHER=0.5.",
    ),
)
NAMES = frozenset(name for name, *_ in OPTIONS)


def default_options() -> dict[str, Any]:
    """Return every option of a search with its default."""
    return {name: default for name, _, default, _ in OPTIONS}


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function every option of a search."""
    for name, kind, default, text in reversed(OPTIONS):
        flag = f"--{name.replace('_', '-')}"
        option = click.option(flag, name, type=kind, default=default, show_default=True, help=text)
        command = option(command)
    return command


def read_options(params: Mapping[str, str], **changes: Any) -> SearchOptions:
    """Return the options that a study's run was started with, some of them changed.

    `params` are those of the run, text as MLflow stores them.
    """
    command = click.command("search")(search_options(lambda **_: None))
    values = {name: unquoted(value) for name, value in params.items()} | changes
    arguments = [f"--{n.replace('_', '-')}={value}" for n, value in values.items() if n in NAMES]
    return checked(command.make_context("search", arguments).params)


def unquoted(value: str) -> str:
    """Return a parameter without the shell quotes with which `mlflow run` logs it."""
    try:
        words = shlex.split(value)
    except ValueError:
        return value
    return words[0] if len(words) == 1 and shlex.quote(words[0]) == value else value


def checked(values: dict[str, Any]) -> SearchOptions:
    """Return the options; UsageError where two of them contradict each other."""
    from segmentation.clustering.clusterers import CLUSTERERS  # noqa: PLC0415 - see above

    options = SearchOptions(**values)
    if options.k_min > options.k_max:
        raise click.UsageError(
            f"k_min={options.k_min} is above k_max={options.k_max}: expected k_min <= k_max."
        )
    if options.k and not options.k_min <= options.k <= options.k_max:
        raise click.UsageError(
            f"k={options.k} is not between k_min={options.k_min} and k_max={options.k_max}: "
            "expected one of these numbers of segments, or 0 for the search's own pick."
        )
    if unknown := set(options.chosen_algorithms) - set(CLUSTERERS):
        raise click.UsageError(
            f"algorithms={options.algorithms!r}: {', '.join(sorted(unknown))} is unknown; "
            f"expected some of {', '.join(CLUSTERERS)}, separated by commas."
        )
    _check_shares(options)
    try:
        _ = options.fixed
        weights = options.columns_weights
    except SpecError as error:
        raise click.UsageError(str(error)) from error
    if weights and (deaf := [n for n in options.named_algorithms if not heeds_weights(n)]):
        raise click.UsageError(
            f"algorithms={options.algorithms!r} and weights={options.weights!r}: {', '.join(deaf)} "
            "finds the same segments whatever columns weigh. Expected some of "
            f"{', '.join(filter(heeds_weights, CLUSTERERS))}, or no weights."
        )
    return options


def _check_shares(options: SearchOptions) -> None:
    """Raise UsageError where no number of segments allows the shares."""
    smallest, largest = options.smallest_share, options.largest_share
    if smallest > largest:
        raise click.UsageError(
            f"smallest_share={smallest:g} is above largest_share={largest:g}: "
            "expected smallest_share <= largest_share."
        )
    fewest, most = options.k or options.k_min, options.k or options.k_max
    least_name, most_name = ("k", "k") if options.k else ("k_min", "k_max")
    if fewest * smallest > 1 + ROUNDING:
        raise click.UsageError(
            f"smallest_share={smallest:g} and {least_name}={fewest}: {fewest} segments of at least "
            f"{percent(smallest)} are more than all customers. Expected smallest_share <= "
            f"{floor(1000 / fewest) / 1000:g}, or {least_name} <= {floor(1 / smallest + ROUNDING)}."
        )
    if most * largest < 1 - ROUNDING:
        raise click.UsageError(
            f"largest_share={largest:g} and {most_name}={most}: {most} segments of at most "
            f"{percent(largest)} are less than all customers. Expected largest_share >= "
            f"{ceil(1000 / most) / 1000:g}, or {most_name} >= {ceil(1 / largest - ROUNDING)}."
        )
    limits = options.constraints
    if limits.k_min > limits.k_max:
        raise click.UsageError(
            f"smallest_share={smallest:g} and largest_share={largest:g}: no number of segments "
            f"from k_min={options.k_min} to k_max={options.k_max} has room for both. "
            "Expected shares further apart."
        )


def heeds_weights(algorithm: str) -> bool:
    """Whether an algorithm finds other segments when columns weigh more."""
    from segmentation.clustering.clusterers import CLUSTERERS  # noqa: PLC0415 - see above

    return CLUSTERERS[algorithm].takes_weights


def read_weights(text: str) -> tuple[tuple[str, float], ...]:
    """Read ``COLUMN=WEIGHT`` pairs, separated by commas; quoted where a name has a comma.

    Raises
    ------
    SpecError
        When a pair has no name or no weight in (0, 10], or a column is named twice.
    """
    pairs = next(csv.reader([text], skipinitialspace=True), [])
    weights: dict[str, float] = {}
    for pair in filter(None, map(str.strip, pairs)):
        column, _, number = (part.strip() for part in pair.rpartition("="))
        try:
            weight = float(number)
        except ValueError:
            weight = 0.0
        if not column or not 0 < weight <= LARGEST_WEIGHT:
            raise SpecError(
                f"weights: {pair!r} is not understood; expected COLUMN=WEIGHT, the weight above 0 "
                f"and at most {LARGEST_WEIGHT}. To leave a column out: fix=excluded=COLUMN."
            )
        if column in weights:
            raise SpecError(f"weights: {column!r} is named twice; expected one weight a column.")
        weights[column] = weight
    return tuple(sorted(weights.items()))


def write_weights(weights: Mapping[str, float]) -> str:
    """Return weights by column as :func:`read_weights` takes them."""
    file = StringIO()
    csv.writer(file, lineterminator="").writerow(f"{name}={w}" for name, w in weights.items())
    return file.getvalue()
