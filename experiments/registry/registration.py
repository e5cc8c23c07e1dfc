"""Register a logged model as a version, after it has answered its own input example."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from experiments.registry.client import CHALLENGER, RegistryError, version_of
from experiments.registry.promotion_log import LostRaceError, PromotionLog, create, user
from experiments.registry.verification import seal, sign
from experiments.tracking.event_run import registry_experiment
from segmentation.errors import SegmentationError

DESCRIPTION = "Customer segments formed without labels; the alias `champion` is the version served."
# On a version: the run of the trial whose spec was fitted on all customers.
TRIAL = "trial_run"


def register(
    client: MlflowClient,
    name: str,
    model_uri: str,
    *,
    run_id: str,
    description: str,
    tags: Mapping[str, str],
) -> str:
    """Register a logged model and return the version.

    The first version becomes the champion, a later one the challenger. The registered model is
    created if there is none. `model_uri` is ``models:/<model id>``, logged by the run `run_id`; the
    digests of its files are stored beside them.

    Raises
    ------
    RegistryError
        When the model cannot be loaded or does not answer.
    """
    check_answers(model_uri)
    create(client, name, DESCRIPTION, registry_experiment(client, name))
    all_tags = {**tags, **seal(client, model_uri.removeprefix("models:/"))}
    version = _create_version(
        client, name, model_uri, run_id, description=description, tags=all_tags
    )
    announce(client, name, version)
    return version


def announce(client: MlflowClient, name: str, version: str) -> None:
    """Sign a version and let an alias lead to it, unless one did already or leads to a later one.

    A search that was killed after it had made the version comes back to this.
    """
    log = PromotionLog(client, name)
    moves = log.sync()
    challenger = version_of(client, name, CHALLENGER)
    if challenger and int(challenger) >= int(version):
        return
    if any(version in {move.from_version, move.to_version} for move in moves):
        return
    sign(client, name, version)  # before an alias leads to it
    if not moves:
        with suppress(LostRaceError):
            log.move(moves, version, who=user(), why="first version", kind="register")
            return
    client.set_registered_model_alias(name, CHALLENGER, version)


def _create_version(
    client: MlflowClient,
    name: str,
    model_uri: str,
    run_id: str,
    *,
    description: str,
    tags: Mapping[str, str],
) -> str:
    """Create a version and name it on the logged model, as `mlflow.register_model` does.

    That function also tries to create the registered model, and prints that it exists already.
    """
    model_id = model_uri.removeprefix("models:/")
    version = client.create_model_version(
        name, model_uri, run_id, dict(tags), description=description, model_id=model_id
    ).version
    links = json.loads(client.get_logged_model(model_id).tags.get(MLFLOW_MODEL_VERSIONS, "[]"))
    links.append({"name": name, "version": version})
    client.set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: json.dumps(links)})
    return str(version)


def version_of_trial(client: MlflowClient, name: str, run_id: str) -> str:
    """Return the version a trial's spec was registered as; empty where there is none."""
    # Not more than that: after years of retraining there are more versions than MLflow's page.
    query = f"name = '{name}' and tags.{TRIAL} = '{run_id}'"
    versions = client.search_model_versions(query, max_results=1)
    return str(versions[0].version) if versions else ""


def check_answers(model_uri: str) -> int:
    """Load a model and let it score its own input example; return the number of answers.

    Raises
    ------
    RegistryError
        When it cannot be loaded, or answers with fewer rows than the example has.
    """
    try:
        model = mlflow.pyfunc.load_model(model_uri)
        example = model.input_example
        answer = model.predict(example)
    except (MlflowException, SegmentationError, OSError, ValueError) as error:
        raise RegistryError(
            f"{model_uri} does not answer its own input example: {error}"
        ) from error
    if len(answer) != len(example):
        raise RegistryError(f"{model_uri} answered {len(answer)} of {len(example)} examples")
    return len(answer)
