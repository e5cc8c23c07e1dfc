"""Give a segment a name of your own; later versions inherit it."""

from __future__ import annotations

import click

from experiments.faults import ending_in_a_sentence
from experiments.registry.client import MODEL_NAME, ModelName, rename_segment


@click.command()
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--segment", required=True, type=click.IntRange(1), help="Its number.")
@click.option("--name", required=True, help="The new name.")
def main(model_name: str, segment: int, name: str) -> None:
    """Name a segment of the champion; the pages show it at once, later versions inherit it."""
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415 - MLflow

    quiet()
    with ending_in_a_sentence():
        prepare_tracking()
        before = rename_segment(model_name, segment, name)
    click.echo(f"segment {segment}: {before} -> {name.strip()}")


if __name__ == "__main__":
    main()
