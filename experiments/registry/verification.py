"""Take a registered model only as it was registered: every file by its digest."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import mlflow
import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from experiments.registry.packaging import DATA
from experiments.registry.promotion_log import CHAMPION, version_of
from experiments.scoring_model import VERSION_FILE
from experiments.study.databases import prepare_tracking, quiet
from segmentation.errors import ModelFileError, SegmentationError
from segmentation.model.digests import compare, digests
from segmentation.model.serialization import check_safe

FOLDER = "manifests"
# On a version: the digest of its manifest, which lies among the artifacts of its run.
DIGEST = "manifest"
# On a version: who has the key vouches for its manifest. Without a key whoever may write to the
# registry is trusted with what the scoring server runs.
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
# What YAML that is none, or is nested without end, raises.
DEEP = (yaml.YAMLError, RecursionError)
# Written by MLflow and Python when a model is loaded from where it lies; never taken along.
BESIDE = (VERSION_FILE, "__pycache__")


def seal(client: MlflowClient, run_id: str, model_uri: str) -> dict[str, str]:
    """Record the digests of a logged model's files in its run; return the tags of its version.

    Parameters
    ----------
    client
        Of the tracking store.
    run_id
        Of the run that logged the model.
    model_uri
        ``models:/<model id>``.
    """
    with _copy(model_uri) as folder:
        text = json.dumps(digests(folder), indent=1, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    client.log_text(run_id, text, f"{FOLDER}/{digest}.json")
    return {DIGEST: digest, **({SIGNATURE: _signature(digest)} if os.environ.get(KEY) else {})}


@contextmanager
def verified(client: MlflowClient, name: str, version: str) -> Iterator[Path]:
    """Yield a folder with the files of a version, each as it was registered.

    Nothing is loaded, so nothing in the files has run. Only this user may enter the folder; a
    model loaded from it knows its version.

    Raises
    ------
    ModelFileError
        When a file is missing, was changed or added, each named; or the version has no manifest.
    MlflowException
        When there is no such version, or the store cannot be reached.
    """
    found = client.get_model_version(name, version)
    expected = _manifest(found)
    with _copy(f"models:/{name}/{version}") as folder:
        compare(expected, digests(folder), f"{name} version {version}")
        _check_loader(folder, f"{name} version {version}")
        check_safe(folder / "data" / DATA)
        # As MLflow does with what it takes from the registry.
        note = yaml.safe_dump({"model_name": name, "model_version": version})
        (folder / VERSION_FILE).write_text(note, encoding="utf-8")
        yield folder


def _signature(digest: str) -> str:
    return hmac.new(os.environ[KEY].encode(), digest.encode(), "sha256").hexdigest()


def _manifest(version: ModelVersion) -> dict[str, str]:
    where = f"{version.name} version {version.version}"
    digest = version.tags.get(DIGEST)
    if not digest:
        raise ModelFileError(
            f"{where} has no tag {DIGEST!r}: nobody vouches for its files. Register it with "
            "`mlflow run .`, not by hand."
        )
    if os.environ.get(KEY):
        signed = version.tags.get(SIGNATURE, "")
        if not hmac.compare_digest(signed.encode(), _signature(digest).encode()):
            raise ModelFileError(
                f"{where} is not signed with the key in {KEY}: nobody who has it vouches for its "
                "files. Register it again where that key is set."
            )
    path = f"{FOLDER}/{digest}.json"
    try:
        text = mlflow.artifacts.load_text(f"runs:/{version.run_id}/{path}")
    except (MlflowException, OSError) as error:
        raise ModelFileError(f"{where}: its manifest {path} is not among its run's") from error
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise ModelFileError(f"{where}: its manifest {path} changed since it was registered")
    try:
        return {str(file): str(value) for file, value in json.loads(text).items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{where}: its manifest {path} is no list of digests") from error


def _check_loader(folder: Path, where: str) -> None:
    """Refuse a model that is not ours to load: MLflow runs the loader that `MLmodel` names."""
    try:
        about = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        (flavor,) = about["flavors"].items()
        kind, named = flavor[0], dict(flavor[1])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, *DEEP) as error:
        raise ModelFileError(f"{where}: MLmodel does not describe one flavour of model") from error
    found = {"flavour": kind, **{key: named.get(key) for key in LOADED}}
    for key, expected in {"flavour": "python_function", **LOADED}.items():
        if found[key] != expected:
            raise ModelFileError(
                f"{where}: MLmodel names the {key} {found[key]!r}: expected {expected!r}. Do not "
                "trust it; register models with `mlflow run .`."
            )


@click.command()
@click.option("--model-name", default="customer-segmentation", show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True, help="Or a number.")
def main(model_name: str, alias: str) -> None:
    """Check that every file of a version is as it was registered; do it before serving."""
    quiet()
    try:
        prepare_tracking()
        client = MlflowClient()
        version = alias if alias.isdecimal() else version_of(client, model_name, alias)
        if not version:
            raise ModelFileError(f"{model_name} has no version with the alias {alias!r}")
        with verified(client, model_name, version):
            click.echo(f"{model_name} version {version}: every file is as it was registered.")
    except (SegmentationError, MlflowException) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)


@contextmanager
def _copy(uri: str) -> Iterator[Path]:
    """Yield a copy of a model's files without what loading them leaves behind."""
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
        for beside in BESIDE:
            for path in list(folder.rglob(beside)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield folder
