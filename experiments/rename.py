"""Give a segment a name of your own; later versions inherit it."""

from __future__ import annotations

import sys

import click
from mlflow import MlflowClient

from experiments.registry import segment_lineage
from experiments.registry.client import MODEL_NAME, RegistryError
from experiments.study.databases import prepare_tracking, quiet
from segmentation.errors import SegmentationError


@click.command()
@click.option("--model-name", default=MODEL_NAME, show_default=True)
@click.option("--segment", required=True, type=click.IntRange(1), help="Its number.")
@click.option("--name", required=True, help="The new name.")
def main(model_name: str, segment: int, name: str) -> None:
    """Name a segment of the champion; the pages show it at once, later versions inherit it."""
    quiet()
    try:
        prepare_tracking()
        before = segment_lineage.rename(MlflowClient(), model_name, segment, name)
    except (RegistryError, SegmentationError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    click.echo(f"segment {segment}: {before} -> {name.strip()}")


if __name__ == "__main__":
    main()
