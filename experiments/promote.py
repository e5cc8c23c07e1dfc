"""Make a registered version the champion, if it passes every gate."""

from __future__ import annotations

import click

from experiments.faults import ending_in_a_sentence, switch
from experiments.registry.client import (
    CHALLENGER,
    CHAMPION,
    MODEL_NAME,
    ModelName,
    Promotion,
    RegistryError,
    version_of,
)


@click.command()
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--version", default=CHALLENGER, show_default=True, help="A number or an alias.")
@click.option(
    "--k",
    default=0,
    type=click.IntRange(0),
    help="Segments: another alternative of the champion's study, registered where it is not yet.",
)
@switch("--force", "Pass closed gates.")
@click.option("--reason", default="", help="For the record; needed to force.")
def main(model_name: str, version: str, k: int, force: bool, reason: str) -> None:
    """Check every gate, print each with its number, then move the champion alias."""
    from experiments.registry import promotion  # noqa: PLC0415 - imports MLflow
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    with ending_in_a_sentence():
        prepare_tracking()
        chosen = register_alternative(model_name, k) if k else version
        move = promotion.promote(model_name, chosen, force=force, reason=reason, k=k)
    report(model_name, move)


def report(name: str, move: Promotion) -> None:
    """Print the gates and the move."""
    for gate in move.gates:
        click.echo(f"  {gate}")
    before = f"version {move.from_version}" if move.from_version else "none"
    click.echo(f"{name}@champion: {before} -> version {move.to_version}")


def register_alternative(name: str, k: int) -> str:
    """Register the champion's study's best candidate with `k` segments; return the version.

    The study continues with the parameters in its run, so its data must be where they were.
    Nothing is searched again, and an alternative that is registered already stays as it is.

    Raises
    ------
    RegistryError
        When there is no champion, or the study has no feasible candidate with so many segments.
    """
    from mlflow import MlflowClient  # noqa: PLC0415 - see `main`

    from experiments.search.options import read_options  # noqa: PLC0415 - imports the search
    from experiments.search.workflow import run  # noqa: PLC0415

    client = MlflowClient()
    champion = version_of(client, name, CHAMPION)
    if not champion:
        raise RegistryError(f"{name} has no champion: run a search first")
    study = str(client.get_model_version(name, champion).run_id)
    options = read_options(client.get_run(study).data.params, k=k, model_name=name)
    if run(options) != 0:
        raise RegistryError(
            f"the study of {name}@champion has no feasible candidate with {k} segments: its "
            "alternatives are on the study's run; ask for more trials, or for another number"
        )
    versions = client.search_model_versions(f"name = '{name}' and run_id = '{study}'")
    return str(max((v for v in versions if v.tags.get("segments") == str(k)), key=_number).version)


def _number(version: object) -> int:
    return int(getattr(version, "version", 0))


if __name__ == "__main__":
    main()
