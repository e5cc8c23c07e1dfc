"""The two options of a command that runs in one process or on Spark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

ENGINES = PROCESS, SPARK = "process", "spark"


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function the options ``engine`` and ``master``."""
    text = "Spark's, for example local[2]; default: its own."
    command = click.option("--master", default="", help=text, callback=_only_for_spark)(command)
    kind = click.Choice(ENGINES)
    # Known before the master is looked at.
    return click.option(
        "--engine", type=kind, default=PROCESS, show_default=True, is_eager=True, help="What runs."
    )(command)


def _only_for_spark(context: click.Context, _: click.Parameter, master: str) -> str:
    engine = context.params.get("engine", PROCESS)
    if master and engine != SPARK:
        raise click.UsageError(f"master={master!r} is for engine={SPARK}, found engine={engine}.")
    return master
