"""One command for every entry point: ``customer-segmentation`` or ``python -m experiments``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

# Name, where its command is, and one line of help: listing the commands imports none of them.
COMMANDS = {
    "search": ("experiments.search.__main__", "Search for segments and register the best model."),
    "collect": ("experiments.collect", "Make one row a customer of transactions."),
    "rfm": ("experiments.rfm", "Group customers by recency, frequency and money."),
    "explore": ("experiments.explore", "Write a report about a table before any search."),
    "score": ("experiments.score", "Score a file of customers with a registered model."),
    "promote": ("experiments.promote", "Make a registered version the champion."),
    "rollback": ("experiments.rollback", "Return to the champion before this one."),
    "rename": ("experiments.rename", "Name a segment of the champion."),
    "compare": ("experiments.compare", "Compare two versions or runs segment by segment."),
    "monitor": ("experiments.monitor", "Compare new customers with those the model learned from."),
    "history": ("experiments.history", "Show segments over time: sizes, moves, outcomes."),
    "retrain": ("experiments.retrain", "Train again when customers have changed."),
    "integrity": ("experiments.integrity", "Check every file of a version against its digest."),
    "schema": ("segmentation.schema.__main__", "Draft the schema of a file, or check one."),
    "serve": ("serve.__main__", "Serve the champion and the pages until Ctrl-C."),
    "gateway": ("serve.gateway.__main__", "Serve the champion at a fixed address."),
    "worker": ("serve.jobs.worker", "Score uploaded files in the background."),
    "people": ("serve.web.auth.__main__", "Add the people who may sign in to the pages."),
}


class EntryPoints(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        entry: Any = import_module(COMMANDS[cmd_name][0]).main
        return entry if isinstance(entry, click.Command) else _passing_on(cmd_name, entry)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _passing_on(name: str, run: Callable[[], int | None]) -> click.Command:
    """Return a command that hands its arguments to a function that reads them itself."""

    @click.command(
        name,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    @click.pass_context
    def passing_on(ctx: click.Context) -> None:
        sys.argv = [ctx.command_path, *ctx.args]
        sys.exit(run())

    return passing_on


@click.group(cls=EntryPoints)
def main() -> None:
    """Find, evaluate, track and serve customer segments.

    Every command has its own help: customer-segmentation search --help
    """
