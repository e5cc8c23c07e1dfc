"""Make a registered version the champion, if it passes every gate."""

from __future__ import annotations

import sys

import click

from experiments.registry import promotion
from experiments.registry.client import CHALLENGER, MODEL_NAME, Promotion, RegistryError
from experiments.search.alternatives import register_alternative
from experiments.study.databases import prepare_tracking, quiet
from segmentation.errors import SegmentationError


@click.command()
@click.option("--model-name", default=MODEL_NAME, show_default=True)
@click.option("--version", default=CHALLENGER, show_default=True, help="A number or an alias.")
@click.option(
    "--k",
    default=0,
    type=click.IntRange(0),
    help="Segments: another alternative of the champion's study, registered where it is not yet.",
)
@click.option(
    "--force", type=bool, default=False, is_flag=False, flag_value=True, help="Pass closed gates."
)
@click.option("--reason", default="", help="For the record; needed to force.")
def main(model_name: str, version: str, k: int, force: bool, reason: str) -> None:
    """Ask every gate, print each with its number, then move the champion alias."""
    quiet()
    try:
        prepare_tracking()
        wanted = register_alternative(model_name, k) if k else version
        moved = promotion.promote(model_name, wanted, force=force, reason=reason, k=k)
    except (RegistryError, SegmentationError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    report(model_name, moved)


def report(name: str, moved: Promotion) -> None:
    """Print the gates and the move."""
    for gate in moved.gates:
        click.echo(f"  {gate}")
    before = f"version {moved.from_version}" if moved.from_version else "none"
    click.echo(f"{name}@champion: {before} -> version {moved.to_version}")


if __name__ == "__main__":
    main()
