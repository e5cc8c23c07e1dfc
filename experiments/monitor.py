"""Compare new customers with the champion's reference batch: ok, watch, or train again."""

from __future__ import annotations

import sys

import click

from experiments.faults import check_output, ending_in_a_sentence, skip_option
from experiments.registry.client import CHAMPION, MODEL_NAME, ModelName

# The verdicts' exit codes are 0, 1 and 2.
FAILED = 3


class WrongParameterError(click.UsageError):
    """A parameter is missing or has a wrong value."""

    exit_code = FAILED


class VerdictCommand(click.Command):
    """A command whose exit codes are verdicts: wrong parameters have the code of a failure."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the parameters."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise WrongParameterError(error.format_message(), error.ctx) from error


@click.command(cls=VerdictCommand)
@click.option("--data", required=True, help="New customers: a source as of search.")
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True, help="Or a number.")
@click.option("--out", default="", help="Also write the HTML report here.")
@skip_option("Compare the other rows.")
def main(*, data: str, model_name: str, alias: str, out: str, skip_bad_rows: bool) -> None:
    """Exit with 0: all is well, 1: watch or check a column, 2: train again, 3: an error."""
    from experiments.study.databases import quiet  # noqa: PLC0415 - imports MLflow
    from experiments.work.drift_monitoring import run  # noqa: PLC0415 - imports the analysis
    from segmentation.monitoring.drift import EXIT_CODES  # noqa: PLC0415

    quiet()
    with ending_in_a_sentence(FAILED):
        check_output("out", out, data)
        verdict = run(data, model_name, alias, out, skip_bad_rows=skip_bad_rows)
    sys.exit(EXIT_CODES[verdict])


if __name__ == "__main__":
    main()
