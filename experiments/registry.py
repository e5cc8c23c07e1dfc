"""The registered versions: register, describe, promote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from experiments.packaging import DATA
from segmentation.errors import SegmentationError
from segmentation.schema import TableSchema

MODEL_NAME = "customer-segmentation"
CHAMPION = "champion"
CHALLENGER = "challenger"
TRIAL = "trial_run"
ABOUT = "Customer segments found without labels; the alias `champion` is the version served."


class RegistryError(Exception):
    """The registry lacks what was asked for, cannot be reached, or a model does not answer."""


@dataclass(frozen=True)
class ModelInfo:
    """What is known about one version without loading its model.

    Parameters
    ----------
    name, version
        In the registry.
    run_id, experiment_id
        Of the run it was logged by.
    created
        In UTC.
    schema
        The table it scores.
    profiles, book, evaluation, map
        As in :meth:`segmentation.model.SegmentationModel.description`.
    """

    name: str
    version: str
    run_id: str
    experiment_id: str
    created: datetime
    schema: TableSchema
    profiles: list[dict[str, Any]]
    book: dict[str, Any]
    evaluation: dict[str, Any]
    map: dict[str, Any]


@dataclass(frozen=True)
class Promotion:
    """A move of the champion alias."""

    from_version: str
    to_version: str


def register(
    client: MlflowClient,
    name: str,
    model_uri: str,
    *,
    description: str,
    tags: Mapping[str, str],
) -> str:
    """Register a logged model after it answered its own input example; return the version.

    The first version becomes the champion, a later one the challenger.

    Raises
    ------
    RegistryError
        When the model cannot be loaded or does not answer.
    """
    check_answers(model_uri)
    try:
        client.create_registered_model(name, description=ABOUT)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = mlflow.register_model(model_uri, name, tags=dict(tags))
    version = str(made.version)
    client.update_model_version(name, version, description=description)
    alias = CHALLENGER if version_of(client, name, CHAMPION) else CHAMPION
    client.set_registered_model_alias(name, alias, version)
    return version


def version_of_trial(client: MlflowClient, name: str, run_id: str) -> str:
    """Return the version a trial's recipe was registered as; empty where there is none."""
    found = client.search_model_versions(f"name = '{name}'")
    return next((str(v.version) for v in found if v.tags.get(TRIAL) == run_id), "")


def describe(name: str = MODEL_NAME, alias: str = CHAMPION) -> ModelInfo:
    """Return what is known about a version.

    Parameters
    ----------
    name
        Of the registered model.
    alias
        An alias, or the version's number.

    Raises
    ------
    RegistryError
        When there is no such model, alias or version, or the registry cannot be reached.
    """
    client = MlflowClient()
    try:
        if alias.isdecimal():
            found = client.get_model_version(name, alias)
        else:
            found = client.get_model_version_by_alias(name, alias)
        uri = f"models:/{name}/{found.version}/data/{DATA}/description.json"
        about = json.loads(mlflow.artifacts.load_text(uri))
        run = client.get_run(str(found.run_id))
    except (MlflowException, OSError, ValueError) as error:
        raise RegistryError(
            f"no description of {name}@{alias} in the registry at {mlflow.get_tracking_uri()}: "
            f"{error}"
        ) from error
    return ModelInfo(
        name=name,
        version=str(found.version),
        run_id=str(found.run_id),
        experiment_id=str(run.info.experiment_id),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
        schema=TableSchema.from_dict(about["schema"]),
        profiles=about["profiles"],
        book=about["book"],
        evaluation=about["evaluation"],
        map=about["map"],
    )


def promote(name: str = MODEL_NAME, version: str = CHALLENGER) -> Promotion:
    """Make a version the champion after it answered its own input example.

    Parameters
    ----------
    name
        Of the registered model.
    version
        A number or an alias.

    Raises
    ------
    RegistryError
        When there is no such version, or its model does not answer.
    """
    client = MlflowClient()
    target = version if version.isdecimal() else version_of(client, name, version)
    if not target:
        raise RegistryError(f"{name} has no version with the alias {version!r}: nothing to promote")
    check_answers(f"models:/{name}/{target}")
    before = version_of(client, name, CHAMPION)
    client.set_registered_model_alias(name, CHAMPION, target)
    if target == version_of(client, name, CHALLENGER):
        client.delete_registered_model_alias(name, CHALLENGER)
    return Promotion(before, target)


def version_of(client: MlflowClient, name: str, alias: str) -> str:
    """Return the version behind an alias, empty when there is none."""
    try:
        found: ModelVersion = client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return ""
        raise
    return str(found.version)


def check_answers(model_uri: str) -> None:
    """Load a model back and let it score its own input example.

    Raises
    ------
    RegistryError
        When it cannot be loaded, or answers with fewer rows than asked.
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
