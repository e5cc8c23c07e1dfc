"""Check every file of a registered model against the digest from its registration."""

from __future__ import annotations

import hashlib
import hmac
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
from segmentation.errors import ModelFileError
from segmentation.model.serialization import check_safe, compare_digests, digests

# Beside the files of a version, so that it stays whole when its run is deleted. Of versions of
# earlier releases the manifest is among the artifacts of the run.
FOLDER = "manifests"
# On a version: a signature of it and of its manifest, made with the key. Without a key everyone
# who may write to the registry is trusted with what the scoring server runs.
KEY, SIGNATURE = "SEGMENTATION_SIGNING_KEY", "manifest_signature"
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
    """Sign a version where there is a key: its model's name, its number, its run and its digest.

    A signature is worth nothing on any other version, also where manifest, run and files are
    copied with it.
    """
    if os.environ.get(KEY):
        signature = _signature(client.get_model_version(name, version))
        client.set_model_version_tag(name, version, SIGNATURE, signature)


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
    with _copy(f"models:/{name}/{version}") as folder:
        expected = _manifest(folder, digest, str(registered.run_id), where)
        compare_digests(expected, digests(folder), where)
        _check_loader(folder, where)
        check_safe(folder / "data" / DATA)
        # As MLflow does with a model it downloads from the registry.
        note = yaml.safe_dump({"model_name": name, "model_version": version})
        (folder / REGISTERED_MODEL_META_FILE_NAME).write_text(note, encoding="utf-8")
        yield folder


def _signature(version: ModelVersion) -> str:
    # As JSON, so that no two lists of texts read alike.
    parts = [version.name, str(version.version), str(version.run_id), version.tags.get(SEAL)]
    return hmac.new(os.environ[KEY].encode(), json.dumps(parts).encode(), "sha256").hexdigest()


def _digest(version: ModelVersion, where: str) -> str:
    """Return the digest of a version's manifest; ModelFileError without one, or a signature."""
    digest = version.tags.get(SEAL)
    if not digest:
        raise ModelFileError(
            f"{where} has no tag {SEAL!r}, so its files cannot be checked. Register it with "
            "`mlflow run .`, not by hand."
        )
    if os.environ.get(KEY):
        signed = version.tags.get(SIGNATURE, "")
        if not hmac.compare_digest(signed.encode(), _signature(version).encode()):
            raise ModelFileError(
                f"{where} is not signed with the key in {KEY}, as this version of this model, so "
                "its files cannot be trusted. "
                "Register it again where that key is set."
            )
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
