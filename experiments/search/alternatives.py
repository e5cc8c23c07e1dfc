"""Register an alternative of a study: its best candidate with another number of segments."""

from __future__ import annotations

from mlflow import MlflowClient

from experiments.registry.client import CHAMPION, RegistryError, version_of
from experiments.search.options import read_options
from experiments.search.workflow import run


def register_alternative(name: str, k: int) -> str:
    """Register the champion's study's best candidate with `k` segments; return the version.

    The study continues with the parameters in its run, so its data must be where they were.
    Nothing is searched again, and an alternative that is registered already stays as it is.

    Parameters
    ----------
    name
        Of the registered model.
    k
        Number of segments.

    Raises
    ------
    RegistryError
        When there is no champion, or the study has no feasible candidate with so many segments.
    """
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
    found = client.search_model_versions(f"name = '{name}' and run_id = '{study}'")
    return str(max((v for v in found if v.tags.get("segments") == str(k)), key=_number).version)


def _number(version: object) -> int:
    return int(getattr(version, "version", 0))
