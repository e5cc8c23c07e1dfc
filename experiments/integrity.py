"""Check every file of a registered model against its digest."""

from __future__ import annotations

import click

from experiments.faults import ending_in_a_sentence
from experiments.registry.client import CHAMPION, MODEL_NAME, ModelName, version_of
from segmentation.errors import ModelFileError


@click.command()
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True, help="Or a number.")
def main(model_name: str, alias: str) -> None:
    """Check that every file of a version is as it was registered; do it before serving."""
    from mlflow import MlflowClient  # noqa: PLC0415 - takes seconds

    from experiments.registry.verification import verified  # noqa: PLC0415 - imports MLflow
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    with ending_in_a_sentence():
        prepare_tracking()
        client = MlflowClient()
        version = alias if alias.isdecimal() else version_of(client, model_name, alias)
        if not version:
            raise ModelFileError(f"{model_name} has no version with the alias {alias!r}")
        with verified(client, model_name, version):
            click.echo(f"{model_name} version {version}: every file is as it was registered.")


if __name__ == "__main__":
    main()
