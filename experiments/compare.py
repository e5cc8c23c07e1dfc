"""Compare versions or runs on the same customers: challenger with champion, or any two."""

from __future__ import annotations

import click

from experiments.faults import check_output, ending_in_a_sentence
from experiments.registry.client import CHALLENGER, CHAMPION, MODEL_NAME, ModelName

SIDE_HELP = "Alias, number or run id."


@click.command()
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--first", default=CHAMPION, show_default=True, help=SIDE_HELP)
@click.option("--second", default=CHALLENGER, show_default=True, help=SIDE_HELP)
@click.option("--data", default="", help="Customers; by default the first's training data.")
@click.option("--out", default="", help="Also write the HTML report here.")
def main(model_name: str, first: str, second: str, data: str, out: str) -> None:
    """Show which customers move between segments, and why; record it in MLflow."""
    from experiments.study.databases import quiet  # noqa: PLC0415 - imports MLflow
    from experiments.work.model_comparison import run  # noqa: PLC0415 - imports the analysis

    quiet()
    with ending_in_a_sentence():
        check_output("out", out, data)
        run(model_name, first, second, data, out)


if __name__ == "__main__":
    main()
