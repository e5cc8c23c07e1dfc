"""Make a registered version the champion, after it showed that it answers."""

from __future__ import annotations

import logging
import sys

import click
import optuna

from experiments import registry
from experiments.rung import register_rung
from experiments.store import prepare_tracking
from segmentation.errors import SegmentationError


@click.command()
@click.option("--model-name", default=registry.MODEL_NAME, show_default=True)
@click.option(
    "--version", default=registry.CHALLENGER, show_default=True, help="A number or an alias."
)
@click.option(
    "--k",
    default=0,
    type=click.IntRange(0),
    help="Segments: another rung of the champion's ladder, registered where it is not yet.",
)
def main(model_name: str, version: str, k: int) -> None:
    """Load a version back, let it answer its own input example, then move the champion alias."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    prepare_tracking()
    try:
        wanted = register_rung(model_name, k) if k else version
        moved = registry.promote(model_name, wanted)
    except (registry.RegistryError, SegmentationError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    before = f"version {moved.from_version}" if moved.from_version else "none"
    click.echo(f"{model_name}@champion: {before} -> version {moved.to_version}")
    click.echo("Restart the scoring server to serve it: it reads the alias when it starts.")


if __name__ == "__main__":
    main()
