"""The options of a search, checked by click before anything starts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from experiments.registry.client import MODEL_NAME, ModelName
from experiments.search.search_space import ALGORITHMS, Fixed
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.errors import SpecError


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

    @property
    def chosen_algorithms(self) -> tuple[str, ...]:
        """The algorithms to try."""
        return tuple(filter(None, self.algorithms.replace(" ", "").split(","))) or ALGORITHMS

    @property
    def outcomes_as_features(self) -> tuple[str, ...]:
        """The outcomes that form segments on purpose."""
        return tuple(filter(None, (name.strip() for name in self.as_features.split(","))))

    @property
    def fixed(self) -> Fixed:
        """The choices that are not searched."""
        return Fixed.parse(self.fix)


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
    try:
        Fixed.parse(options.fix)
    except SpecError as error:
        raise click.UsageError(str(error)) from error
    return options
