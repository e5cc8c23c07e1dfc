"""Return to the champion before this one."""

from __future__ import annotations

import click

from experiments.faults import ending_in_a_sentence
from experiments.promote import report
from experiments.registry.client import MODEL_NAME, ModelName


@click.command()
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--reason", default="", help="For the record.")
def main(model_name: str, reason: str) -> None:
    """Check the previous champion's files and answers, then move the alias back to it."""
    from experiments.registry import promotion  # noqa: PLC0415 - imports MLflow
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    with ending_in_a_sentence():
        prepare_tracking()
        move = promotion.rollback(model_name, reason=reason)
    report(model_name, move)


if __name__ == "__main__":
    main()
