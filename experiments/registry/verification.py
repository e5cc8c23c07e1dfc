"""Check every file of a registered model against the digest from its registration."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.models_artifact_repo import REGISTERED_MODEL_META_FILE_NAME

from experiments.registry.client import DATA, SEAL
from experiments.registry.signatures import (
    KEY,
    PRIVATE_KEY,
    PUBLIC_KEY,
    SIGNATURE,
    check_files,
    check_secret_signature,
    secret_signature,
    sign_files,
    signature_file,
)
from segmentation.errors import ModelFileError
from segmentation.model.serialization import check_safe, compare_digests, digests

# Beside the files of a version, so that it stays whole when its run is deleted. Of versions of
# earlier releases the manifest is among the artifacts of the run.
FOLDER = "manifests"
# All that MLmodel may name to be loaded: our code, our data, as this project packages them.
LOADED = {
    "loader_module": "experiments.scoring_model",
    "data": f"data/{DATA}",
    "code": "code",
    "model_code_path": None,
    "python_model": None,
    "artifacts": None,
}
# Raised by text that is not YAML, and by YAML that is nested too deeply.
YAML_ERRORS = (yaml.YAMLError, RecursionError)
# Written by MLflow and Python when a model is loaded from where it lies; never copied.
NOT_COPIED = (REGISTERED_MODEL_META_FILE_NAME, "__pycache__")


def seal(client: MlflowClient, model_id: str) -> dict[str, str]:
    """Write the digests of a logged model's files beside them; return the tag of its version."""
    with _copy(f"models:/{model_id}") as folder:
        shutil.rmtree(folder / FOLDER, ignore_errors=True)  # of an interrupted registration
        text = json.dumps(digests(folder), indent=1, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        file = folder / f"{digest}.json"
        file.write_text(text, encoding="utf-8")
        client.log_model_artifact(model_id, str(file), FOLDER)
    return {SEAL: digest}


def sign(client: MlflowClient, name: str, version: str) -> None:
    """Sign a version with each key that is set: the secret, the private one, both or none."""
    registered = client.get_model_version(name, version)
    if os.environ.get(KEY):
        client.set_model_version_tag(name, version, SIGNATURE, secret_signature(registered))
    if os.environ.get(PRIVATE_KEY):
        with _files(name, version) as folder, tempfile.TemporaryDirectory() as temporary:
            signature = Path(temporary) / signature_file(name, version)
            sign_files(folder, signature, folder / FOLDER)
            model_id = str(registered.source).removeprefix("models:/")
            client.log_model_artifact(model_id, str(signature), FOLDER)


@contextmanager
def verified(client: MlflowClient, name: str, version: str) -> Iterator[Path]:
    """Yield a folder with the files of a version, each as it was registered.

    Nothing is loaded, so no code in the files has run. Only this user may enter the folder; a
    model loaded from it reports its version.

    Raises
    ------
    ModelFileError
        When a file is missing, was changed or added, each named; or the version has no manifest.
    MlflowException
        When there is no such version, or the store cannot be reached.
    """
    where = f"{name} version {version}"
    registered = client.get_model_version(name, version)
    digest = _digest(registered, where)
    with _files(name, version) as folder:
        signature = folder / FOLDER / signature_file(name, version)
        if os.environ.get(PUBLIC_KEY):
            check_files(folder, signature, folder / FOLDER, where)
        signature.unlink(missing_ok=True)
        note = folder / REGISTERED_MODEL_META_FILE_NAME
        expected = _manifest(folder, digest, str(registered.run_id), where)
        actual = digests(folder)
        del actual[note.name]
        compare_digests(expected, actual, where)
        _check_loader(folder, where)
        check_safe(folder / "data" / DATA)
        yield folder


@contextmanager
def _files(name: str, version: str) -> Iterator[Path]:
    """Yield a copy of a version's files with the note that MLflow leaves where it downloads one."""
    with _copy(f"models:/{name}/{version}") as folder:
        note = yaml.safe_dump({"model_name": name, "model_version": version}, allow_unicode=True)
        (folder / REGISTERED_MODEL_META_FILE_NAME).write_text(note, encoding="utf-8")
        yield folder


def _digest(version: ModelVersion, where: str) -> str:
    """Return the digest of a version's manifest; ModelFileError without one, or a signature."""
    digest = version.tags.get(SEAL)
    if not digest:
        raise ModelFileError(
            f"{where} has no tag {SEAL!r}, so its files cannot be checked. Register it with "
            "`mlflow run .`, not by hand."
        )
    if os.environ.get(KEY):
        check_secret_signature(version, where)
    return str(digest)


def _manifest(folder: Path, digest: str, run_id: str, where: str) -> dict[str, str]:
    """Take the manifest out of a version's files; return the digest of every other file."""
    path = f"{FOLDER}/{digest}.json"
    file = folder / path
    try:
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            file.unlink()
        else:
            text = mlflow.artifacts.load_text(f"runs:/{run_id}/{path}")
    except (MlflowException, OSError, UnicodeDecodeError) as error:
        raise ModelFileError(
            f"{where}: its manifest {path} is neither among its files nor among its run's"
        ) from error
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise ModelFileError(f"{where}: its manifest {path} changed since it was registered")
    try:
        return {str(file): str(value) for file, value in json.loads(text).items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{where}: its manifest {path} is no list of digests") from error


def _check_loader(folder: Path, where: str) -> None:
    """Refuse a model with another loader than ours: MLflow runs the loader that `MLmodel` names."""
    try:
        description = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        ((flavor, settings),) = description["flavors"].items()
        actual = {"flavour": flavor, **{key: settings.get(key) for key in LOADED}}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, *YAML_ERRORS) as error:
        raise ModelFileError(f"{where}: MLmodel does not describe one flavour of model") from error
    for key, expected in {"flavour": "python_function", **LOADED}.items():
        if actual[key] != expected:
            raise ModelFileError(
                f"{where}: MLmodel names the {key} {actual[key]!r}: expected {expected!r}. Do not "
                "trust it; register models with `mlflow run .`."
            )


@contextmanager
def _copy(uri: str) -> Iterator[Path]:
    """Yield a copy of a model's files, without the files that loading a model writes."""
    # MLflow's threads may still write when one of them has failed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "model"
        folder.mkdir()
        try:
            mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
        except OSError as error:
            raise ModelFileError(
                f"{uri} cannot be copied ({type(error).__name__}): a file of it is not where it "
                "should be. Register it again."
            ) from error
        for file in NOT_COPIED:
            for path in list(folder.rglob(file)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield folder
