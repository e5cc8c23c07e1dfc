"""Return to the champion before this one."""

from __future__ import annotations

import sys

import click

from experiments.promote import report
from experiments.registry import promotion
from experiments.registry.client import MODEL_NAME, RegistryError
from experiments.study.databases import prepare_tracking, quiet
from segmentation.errors import SegmentationError


@click.command()
@click.option("--model-name", default=MODEL_NAME, show_default=True)
@click.option("--reason", default="", help="For the record.")
def main(model_name: str, reason: str) -> None:
    """Check the previous champion's files and answers, then move the alias back to it."""
    quiet()
    try:
        prepare_tracking()
        move = promotion.rollback(model_name, reason=reason)
    except (RegistryError, SegmentationError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    report(model_name, move)


if __name__ == "__main__":
    main()
