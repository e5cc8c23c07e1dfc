"""Models made to run code when they are loaded, at every door of the product."""

import asyncio
import hashlib
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import mlflow
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from mlflow import MlflowClient
from sklearn.cluster import KMeans

from experiments import compare, integrity, monitor, promote, score
from experiments.benchmark.races import NAME
from experiments.registry import promotion, signatures
from experiments.registry.client import DATA
from segmentation.data.synthetic import generate
from segmentation.model import serialization
from serve.app import create_app
from serve.gateway.backend import Backend
from serve.gateway.supervisor import Supervisor
from serve.web.settings import Settings
from tests.soak.browsing import real_registry, scoring_server

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
# Loads versions as anybody could, and wants each to have run its code; its own failure may follow.
PAST = f"""
import pathlib, sys, mlflow
canary = pathlib.Path(sys.argv[1])
for number in sys.argv[2:]:
    try:
        mlflow.pyfunc.load_model(f"models:/{NAME}/{{number}}")
    except Exception as error:
        print(number, type(error).__name__)
    canary.unlink()
"""
HANDMADE, COPIED, FORGED = "no manifest", "another version's manifest", "a manifest of its own"


class Payload:
    """Opens a file for writing when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.canary,)


class Harmless(mlflow.pyfunc.PythonModel):
    """A model of MLflow's own kind, as a pickle."""

    def predict(self, model_input: list[str]) -> list[str]:
        return model_input


def touching(canary: Path) -> str:
    return f"from pathlib import Path\nPath({str(canary)!r}).touch()\n"


def pyfunc_pickle(folder: Path, canary: Path) -> None:
    shutil.rmtree(folder)
    mlflow.pyfunc.save_model(folder, python_model=Harmless(), pip_requirements=["mlflow"])
    (folder / "python_model.pkl").write_bytes(pickle.dumps(Payload(canary)))


def sklearn_pickle(folder: Path, canary: Path) -> None:
    shutil.rmtree(folder)
    fitted = KMeans(2, n_init=1).fit(np.eye(4))
    how = {"serialization_format": "pickle", "pip_requirements": ["mlflow"]}
    mlflow.sklearn.save_model(fitted, folder, **how)
    (folder / "model.pkl").write_bytes(pickle.dumps(Payload(canary)))


def from_code(folder: Path, canary: Path) -> None:
    shutil.rmtree(folder)
    script = folder.parent / "evil.py"
    model = "from mlflow.pyfunc import PythonModel\nfrom mlflow.models import set_model\n"
    script.write_text(f"{touching(canary)}{model}set_model(PythonModel())\n")
    mlflow.pyfunc.save_model(folder, python_model=str(script), pip_requirements=["mlflow"])
    canary.unlink()  # saving ran it; that was the attacker's own machine


def other_loader(folder: Path, canary: Path) -> None:
    (folder / "code" / "evil_loader.py").write_text(touching(canary))
    _edit(folder, loader_module="evil_loader")


def other_data(folder: Path, canary: Path) -> None:
    _edit(folder, data="../../../../evil")


def other_code(folder: Path, canary: Path) -> None:
    (folder / "evil").mkdir()
    (folder / "evil" / "sitecustomize.py").write_text(touching(canary))
    _edit(folder, code="evil")


def object_array(folder: Path, canary: Path) -> None:
    data = folder / "data" / DATA
    with np.load(data / "arrays.npz") as archive:
        arrays = dict(archive)
    first = next(iter(arrays))
    arrays[first] = np.array([Payload(canary)], dtype=object)
    np.savez(data / "arrays.npz", allow_pickle=True, **arrays)
    serialization.write_manifest(data)


def swapped_arrays(folder: Path, canary: Path) -> None:
    data = folder / "data" / DATA
    with np.load(data / "arrays.npz") as archive:
        arrays = {
            name: archive[name] * 0 if archive[name].dtype.kind == "f" else archive[name]
            for name in archive
        }
    np.savez(data / "arrays.npz", **arrays)
    serialization.write_manifest(data)


def changed_code(folder: Path, canary: Path) -> None:
    for name in ("experiments/scoring_model.py", "segmentation/__init__.py"):
        file = folder / "code" / name
        file.write_text(touching(canary) + file.read_text())


def added_code(folder: Path, canary: Path) -> None:
    (folder / "code" / "numpy.py").write_text(touching(canary))


def added_pickle(folder: Path, canary: Path) -> None:
    (folder / "data" / DATA / "model.pkl").write_bytes(pickle.dumps(Payload(canary)))


def link_elsewhere(folder: Path, canary: Path) -> None:
    arrays = folder / "data" / DATA / "arrays.npz"
    arrays.unlink()
    arrays.symlink_to("/etc/passwd")


def link_nowhere(folder: Path, canary: Path) -> None:
    (folder / "code" / "nowhere").symlink_to(folder / "is" / "not")


def _edit(folder: Path, **named: str) -> None:
    about = yaml.safe_load((folder / "MLmodel").read_text())
    about["flavors"]["python_function"].update(named)
    (folder / "MLmodel").write_text(yaml.safe_dump(about))


# Refused by what they are, whoever vouches for them.
UNSAFE = (
    *(pyfunc_pickle, sklearn_pickle, from_code, other_loader, other_data, other_code),
    *(object_array, added_pickle, link_elsewhere, link_nowhere),
)
# Refused because nobody who has the key vouches for them.
UNSIGNED = (swapped_arrays, changed_code, added_code)


@dataclass(frozen=True)
class Attacker:
    """Somebody who may write to tracking store, registry and artifacts."""

    client: MlflowClient
    folder: Path

    @property
    def canary(self) -> Path:
        """Exists once code of a model has run."""
        return self.folder / "canary"

    def register(self, attack: Callable[[Path, Path], None], seal: str) -> str:
        """Register an attack as a version; return its number."""
        good = self.client.get_model_version(NAME, "1")
        run = self.client.create_run(self.client.get_run(good.run_id).info.experiment_id)
        artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
        model = artifacts / "model"
        model.mkdir(parents=True)
        mlflow.artifacts.download_artifacts(f"models:/{NAME}/1", dst_path=str(model))
        (model / "registered_model_meta").unlink(missing_ok=True)
        attack(model, self.canary)
        tags = {}
        if seal == COPIED:
            tags = {k: v for k, v in good.tags.items() if k.startswith("manifest")}
        else:
            shutil.rmtree(model / "manifests", ignore_errors=True)
        if seal == FORGED:
            manifest = serialization.digests(model) if attack is not link_nowhere else {}
            text = json.dumps(manifest, indent=1, sort_keys=True)
            digest = hashlib.sha256(text.encode()).hexdigest()
            (model / "manifests").mkdir()
            (model / "manifests" / f"{digest}.json").write_text(text, encoding="utf-8")
            tags = {**good.tags, "manifest": digest}
        made = self.client.create_model_version(NAME, str(model), run.info.run_id, tags=tags)
        return str(made.version)


def command(main: click.Command, *arguments: str) -> Callable[[], str]:
    """Return a door: a command that must refuse, and what it says then."""

    def refused() -> str:
        result = CliRunner().invoke(main, ["--model-name", NAME, *arguments])
        assert isinstance(result.exception, SystemExit), result.output
        assert result.exit_code > 1
        return result.output

    return refused


def served(version: str, attacker: Attacker) -> str:
    """Make a version the champion past all gates; return why the supervisor does not serve it."""
    attacker.client.set_registered_model_alias(NAME, "champion", version)

    def make(version: str) -> Backend:
        # Starting it would fail the test: there is no such program.
        return Backend(str(attacker.folder / "none"), NAME, version, attacker.folder, {})

    supervisor = Supervisor(NAME, make)
    asyncio.run(supervisor._look())
    assert (supervisor.champion, supervisor.current) == (version, None)
    return supervisor.problem


def doors(version: str, attacker: Attacker) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield every way in that loads or serves a version, by its name."""
    data, out = str(attacker.folder / "customers.csv"), str(attacker.folder / "scored")
    named = ("--data", data, "--alias", version)
    yield "promote", command(promote.main, "--version", version, "--force", "--reason", "hurry")
    yield "score", command(score.main, *named, "--out", f"{out}.csv")
    yield "score on Spark", command(score.main, *named, "--out", out, "--engine", "spark")
    yield (
        "compare, first",
        command(compare.main, "--first", version, "--second", "1", "--data", data),
    )
    yield "compare, second", command(compare.main, "--first", "1", "--second", version)
    yield "monitor", command(monitor.main, *named)
    yield "integrity", command(integrity.main, "--alias", version)
    yield "serve", lambda: served(version, attacker)


@pytest.fixture(params=[True, False], ids=["signed", "unsigned"])
def attacker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Attacker]:
    """Let somebody at a registry with one good version, with a key for signing and without."""
    if request.param:
        monkeypatch.setenv(signatures.KEY, "a key that the attacker lacks")
    generate(60, seed=3).to_csv(tmp_path / "customers.csv", index=False)
    with real_registry(tmp_path, 1) as client:
        yield Attacker(client, tmp_path)


@pytest.mark.row("a malicious model in the registry, at every door that loads or serves one")
def test_malicious_models_are_never_loaded(
    attacker: Attacker,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    times: Times,
    figure: Figure,
) -> None:
    """Its code never runs; every door says why in words; the way back to the good one is open."""
    monkeypatch.setattr(
        "experiments.work.model_comparison._data_of", lambda *_: ("embedded:200", "cc_general", ())
    )
    signed = "unsigned" not in request.node.callspec.id
    unsafe = UNSAFE[:: times(3, 1)]
    seals = (FORGED, COPIED, HANDMADE)[: times(1, 3)]
    tried, open_doors = 0, []
    for seal in seals:
        for attack in (*unsafe, *(UNSIGNED if signed or seal != FORGED else ())):
            version = attacker.register(attack, seal)
            for door, refusal in doors(version, attacker):
                text = refusal()
                tried += 1
                if attacker.canary.exists() or "Traceback" in text or len(text) < 40:
                    open_doors.append(f"{door}: {attack.__name__}, {seal}: {text}")
                    attacker.canary.unlink(missing_ok=True)
            assert page_codes(attacker.folder) <= {200, 503}
            assert promotion.rollback(NAME).to_version == "1"
    kinds = len(unsafe) + len(UNSIGNED) * signed
    figure(
        f"{kinds} kinds x {len(seals)} ways to seal them, {'with' if signed else 'without'} a key: "
        f"{tried} attempts at 8 doors, {len(open_doors)} loaded or unexplained"
    )
    assert open_doors == []


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """Loaded past this project, each of these models runs its code."""
    attacks = (pyfunc_pickle, sklearn_pickle, from_code, other_loader)
    with real_registry(tmp_path, 1) as client:
        attacker = Attacker(client, tmp_path)
        numbers = [attacker.register(attack, HANDMADE) for attack in attacks]
        subprocess.run(
            [sys.executable, "-c", PAST, str(attacker.canary), *numbers], check=True, timeout=300
        )


def page_codes(folder: Path) -> set[int]:
    """Return the status of every page while a malicious version is the champion."""
    with scoring_server() as server:
        settings = Settings(scoring_url=server.url, model_name=NAME)
        app = create_app({"INSTANCE": folder / "instance", "SETTINGS": settings})
        paths = ("/", "/customer", "/file", "/versions", "/engineers", "/segments/1", "/readyz")
        return {app.test_client().get(path).status_code for path in paths} - {404}
