"""Gates, the moves of the champion, their record, and who wins when two promote at once."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
import requests
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from mlflow import MlflowClient

from experiments import promote, rollback
from experiments.benchmark import races
from experiments.registry import promotion, signatures, verification
from experiments.registry.client import CHAMPION, ModelInfo, RegistryError, describe, version_of
from experiments.registry.promotion_log import PromotionLog, user
from experiments.registry.registration import register
from segmentation.errors import ModelFileError
from serve.processes import Service, ServiceGroup, free_port
from tests.conftest import NewDatabase

NAME = races.NAME
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def versions(workplace: Path) -> list[str]:
    """Return three versions of one model; the first is champion."""
    return races.prepare(MlflowClient(), 3)


def invoke(command: object, *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and everything it printed."""
    result = CliRunner().invoke(command, ["--model-name", NAME, *arguments])  # type: ignore[arg-type]
    return result.exit_code, result.output


def test_every_gate_is_printed_with_its_number(versions: list[str], client: MlflowClient) -> None:
    """Promoting says what was asked and found; the move is in the record with its maker."""
    code, output = invoke(promote.main, "--version", versions[1], "--reason", "new quarter")
    assert code == 0, output
    for gate in ("feasible", "stability", "not worse than the champion", "takes what clients send"):
        assert f"pass  {gate}: " in output
    assert "files as registered: every digest matches" in output
    assert "answers its own example: 5 customers" in output
    last = promotion.history(NAME)[-1]
    assert (last.from_version, last.to_version) == (versions[0], versions[1])
    assert (last.kind, last.why, last.who) == ("promote", "new quarter", user())
    record = client.get_run(PromotionLog(client, NAME).run_id)
    assert "new quarter" in record.data.tags["mlflow.note.content"]
    tags = client.get_model_version(NAME, versions[1]).tags
    assert any("new quarter" in value for value in tags.values())


def test_rollback_returns_step_by_step(versions: list[str], client: MlflowClient) -> None:
    """To the champion before, then to the one before that; then there is none."""
    invoke(promote.main, "--version", versions[2])
    assert version_of(client, NAME, CHAMPION) == versions[2]
    assert invoke(rollback.main)[0] == 0
    assert version_of(client, NAME, CHAMPION) == versions[1]
    assert invoke(rollback.main, "--reason", "complaints")[0] == 0
    assert version_of(client, NAME, CHAMPION) == versions[0]
    code, output = invoke(rollback.main)
    assert (code, "had no champion before" in output) == (2, True)
    assert promotion.history(NAME)[-1].why == "complaints"


def test_an_alias_moved_by_hand_is_recorded_as_such(
    versions: list[str], client: MlflowClient
) -> None:
    """MLflow's own pages may move it; the record says that nobody said who."""
    client.set_registered_model_alias(NAME, "champion", versions[2])
    last = promotion.history(NAME)[-1]
    assert (last.kind, last.from_version, last.to_version) == ("by hand", versions[0], versions[2])
    assert promotion.history(NAME)[-1] == last
    assert invoke(rollback.main)[0] == 0
    assert version_of(client, NAME, CHAMPION) == versions[0]


def test_what_is_champion_already_is_not_promoted(versions: list[str]) -> None:
    """Promoting the champion changes nothing and says so."""
    code, output = invoke(promote.main, "--version", versions[0])
    assert (code, "is the champion already" in output) == (2, True)


def test_force_needs_a_reason(versions: list[str]) -> None:
    """Nobody passes a closed gate without a word for the record."""
    code, output = invoke(promote.main, "--version", versions[1], "--force")
    assert (code, "force needs a reason" in output) == (2, True)


def test_a_closed_gate_is_passed_by_force_only(
    versions: list[str], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A less stable version is refused with the number; forced, the record says past what."""
    about = describe(NAME, versions[1])

    def weaker(name: str, alias: str) -> ModelInfo:
        description = describe(name, alias)
        evaluation = {**description.evaluation, "stability": 0.41}
        return (
            replace(description, evaluation=evaluation) if alias == about.version else description
        )

    monkeypatch.setattr(promotion, "describe", weaker)
    code, output = invoke(promote.main, "--version", versions[1])
    assert code == 2
    assert "FAIL  stability: 0.410, at least 0.60" in output
    assert "--force --reason" in output
    assert version_of(client, NAME, CHAMPION) == versions[0]
    assert (
        invoke(promote.main, "--version", versions[1], "--force", "--reason", "asked for")[0] == 0
    )
    assert promotion.history(NAME)[-1].why == "asked for (forced past: stability)"
    invoke(rollback.main)


def test_quality_is_compared_beyond_noise(versions: list[str]) -> None:
    """A little worse is equal; more than the standard errors is worse."""
    about = describe(NAME, versions[0])

    def scored(score: float) -> ModelInfo:
        evaluation = {**about.evaluation, "score": score, "score_error": 0.03}
        return replace(about, evaluation=evaluation)

    assert promotion.score_gate(scored(1.47), scored(1.5)).passed
    worse = promotion.score_gate(scored(1.4), scored(1.5))
    assert not worse.passed
    assert "difference -0.100, noise 0.042" in worse.finding


def test_a_new_column_would_break_clients(versions: list[str]) -> None:
    """What the champion's clients do not send is named; what is left out does no harm."""
    about = describe(NAME, versions[0])
    first, *others = about.schema.columns
    fewer = replace(about, schema=replace(about.schema, columns=tuple(others)))
    assert promotion.schema_gate(fewer, about).passed
    more = promotion.schema_gate(about, fewer)
    assert not more.passed
    assert f"new: {first.name}" in more.finding


def test_damaged_files_are_never_promoted(versions: list[str], client: MlflowClient) -> None:
    """Not even by force; the file is named and nothing in it has run."""
    version = client.get_model_version(NAME, versions[1])
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{versions[1]}"))
    loader = folder / "code" / "experiments" / "scoring_model.py"
    text = loader.read_text(encoding="utf-8")
    mark = folder.parent / "executed"
    loader.write_text(f"open({str(mark)!r}, 'w')\n{text}", encoding="utf-8")
    force = ("--force", "--reason", "in a hurry")
    code, output = invoke(promote.main, "--version", version.version, *force)
    assert code == 2
    assert "code/experiments/scoring_model.py" in output
    assert not mark.exists()
    loader.write_text(text, encoding="utf-8")
    stray = folder / "python_model.pkl"
    stray.write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    code, output = invoke(promote.main, "--version", version.version, *force)
    assert (code, "python_model.pkl, which is no part" in output) == (2, True)
    stray.unlink()
    gates = list(promotion.integrity_gates(client, NAME, versions[1]))
    assert [gate.passed for gate in gates] == [True, True]


def test_a_manifest_is_not_replaced_unnoticed(versions: list[str], client: MlflowClient) -> None:
    """Files and manifest changed together still differ from the digest in the registry."""
    version = client.get_model_version(NAME, versions[2])
    digest = version.tags["manifest"]
    files = str(client.get_logged_model(version.source.removeprefix("models:/")).artifact_location)
    file = Path(files.removeprefix("file://")) / "manifests" / f"{digest}.json"
    before = file.read_text(encoding="utf-8")
    file.write_text(json.dumps({}), encoding="utf-8")
    (gate,) = promotion.integrity_gates(client, NAME, versions[2])
    assert (gate.passed, "its manifest" in gate.finding) == (False, True)
    file.write_text(before, encoding="utf-8")


def test_a_signature_is_worth_nothing_on_another_version(
    versions: list[str], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replayed with files, run and manifest as another version or model it is refused."""
    monkeypatch.setenv(signatures.KEY, "a key")
    first = client.get_model_version(NAME, versions[0])
    source = {"model_uri": str(first.source), "run_id": str(first.run_id)}
    signed = {
        name: register(client, name, **source, description="", tags={}) for name in (NAME, "other")
    }
    passed = [verified_by(client, name, version) for name, version in signed.items()]
    assert passed == ["", ""]
    original = client.get_model_version(NAME, signed[NAME])
    assert signatures.SIGNATURE in original.tags
    for name in (NAME, "other"):
        replayed = client.create_model_version(
            name, str(original.source), original.run_id, dict(original.tags)
        )
        assert "is not signed with the key" in verified_by(client, name, replayed.version)
    assert "is not signed with the key" in verified_by(client, NAME, versions[0])
    other = client.get_model_version("other", signed["other"])
    client.set_model_version_tag(
        "other", other.version, signatures.SIGNATURE, original.tags[signatures.SIGNATURE]
    )
    assert "is not signed with the key" in verified_by(client, "other", signed["other"])


def key_pair(folder: Path) -> tuple[str, str]:
    """Write a private and a public key; return their files."""
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    folder.mkdir()
    (folder / "private.pem").write_bytes(text)
    (folder / "public.pem").write_bytes(public)
    return str(folder / "private.pem"), str(folder / "public.pem")


def test_who_serves_needs_the_public_key_alone(
    versions: list[str], client: MlflowClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Signed at registration, checked before anything is loaded, by OpenSSF's own command too."""
    private, public = key_pair(tmp_path / "ours")
    first = client.get_model_version(NAME, versions[0])
    source = {"model_uri": str(first.source), "run_id": str(first.run_id)}
    monkeypatch.setenv(signatures.PRIVATE_KEY, private)
    signed = register(client, NAME, **source, description="", tags={})
    monkeypatch.delenv(signatures.PRIVATE_KEY)
    assert verified_by(client, NAME, signed) == ""  # the signature is no foreign file
    monkeypatch.setenv(signatures.PUBLIC_KEY, public)
    assert verified_by(client, NAME, signed) == ""

    version = mlflow.artifacts.download_artifacts(
        f"models:/{NAME}/{signed}", dst_path=str(tmp_path / "version")
    )
    files = Path(version) / "manifests"
    (signature,) = files.glob("*.sig")
    command = [sys.executable, "-m", "model_signing", "verify", "key", version]
    command += ["--signature", str(signature), "--public_key", public, "--ignore-paths", str(files)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    (Path(version) / "MLmodel").write_text("flavors: {}", encoding="utf-8")
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0

    refused = "is not signed for the public key"
    assert refused in verified_by(client, NAME, versions[0])
    replayed = client.create_model_version(
        NAME, str(first.source), first.run_id, dict(first.tags)
    ).version
    logged = client.get_logged_model(str(first.source).removeprefix("models:/"))
    stored = Path(str(logged.artifact_location).removeprefix("file://")) / "manifests"
    copied = stored / signatures.signature_file(NAME, replayed)
    copied.write_bytes(signature.read_bytes())
    assert refused in verified_by(client, NAME, replayed)
    copied.write_bytes(b"{}")
    assert refused in verified_by(client, NAME, replayed)
    copied.unlink()
    monkeypatch.setenv(signatures.PUBLIC_KEY, key_pair(tmp_path / "another")[1])
    assert refused in verified_by(client, NAME, signed)


def test_a_key_that_is_none_is_named(
    versions: list[str], client: MlflowClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Missing, of another kind, or nothing there that could check it: nothing is served."""
    private, public = key_pair(tmp_path / "ours")
    monkeypatch.setenv(signatures.PUBLIC_KEY, str(tmp_path / "none.pem"))
    assert "none.pem is no file" in verified_by(client, NAME, versions[0])
    monkeypatch.setenv(signatures.PUBLIC_KEY, private)
    assert "holds no public key" in verified_by(client, NAME, versions[0])
    monkeypatch.setenv(signatures.PUBLIC_KEY, public)
    monkeypatch.setitem(sys.modules, "model_signing", None)
    assert "model-signing is not installed" in verified_by(client, NAME, versions[0])
    monkeypatch.undo()
    monkeypatch.setenv(signatures.PRIVATE_KEY, public)
    with pytest.raises(ModelFileError, match="holds no private key"):
        verification.sign(client, NAME, versions[0])


def verified_by(client: MlflowClient, name: str, version: str) -> str:
    """Return why a version is not served; empty where it is."""
    try:
        with verification.verified(client, name, version):
            return ""
    except ModelFileError as error:
        return str(error)


def test_an_interrupted_move_is_completed(versions: list[str], client: MlflowClient) -> None:
    """Claimed long ago and not done: the next one finishes it first, so record and alias agree."""
    record = PromotionLog(client, NAME)
    seen = record.sync()
    claimed = replace(
        seen[-1],
        number=len(seen) + 1,
        from_version=seen[-1].to_version,
        to_version=versions[2],
        when="2026-01-01T00:00:00.000+00:00",
        claim="died",
    )
    record._claim(claimed)
    assert record.sync()[-1] == claimed
    assert version_of(client, NAME, CHAMPION) == versions[2]


def test_a_model_registered_by_hand_is_left_alone(workplace: Path, client: MlflowClient) -> None:
    """Without the record of this project nothing is moved; the message says what to do."""
    client.create_registered_model("by-hand")
    with pytest.raises(RegistryError, match="was not made by this project"):
        promotion.promote("by-hand")


def test_races_on_sqlite(workplace: Path) -> None:
    """Of three who promote at once one wins, two are told; record and alias agree every time."""
    row = races.run_races(4)
    assert (row.races, row.one_winner, row.record_right) == (4, 4, 4)
    assert row.losers == row.losers_told >= 8


def raced(uri: str, folder: Path, count: int) -> str:
    """Run the races command against a store; return what it printed."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri}
    command = [sys.executable, "-m", "experiments.benchmark", "races", "--count", str(count)]
    root = Path(promotion.__file__).parents[2]
    environment["PYTHONPATH"] = str(root)
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


RIGHT = (
    "{0} races: exactly one winner in {0}, {1} of {1} losers told, record and alias agree in {0}"
)


def test_races_on_postgresql(postgresql: NewDatabase, tmp_path: Path) -> None:
    """The same on PostgreSQL, past any server."""
    assert RIGHT.format(4, 8) in raced(postgresql("races"), tmp_path, 4)


def test_races_through_a_tracking_server(tmp_path: Path) -> None:
    """The same through a remote MLflow server in front of a store."""
    port = free_port(18300)
    url = f"http://127.0.0.1:{port}"
    store = f"sqlite:///{tmp_path / 'server.db'}"
    prepared = {**os.environ, "MLFLOW_TRACKING_URI": store}
    make = [sys.executable, "-c", "from experiments.study.databases import *; prepare_tracking()"]
    root = Path(promotion.__file__).parents[2]
    subprocess.run(make, env={**prepared, "PYTHONPATH": str(root)}, check=True)
    command = (
        *(str(BIN / "mlflow"), "server", "--backend-store-uri", store),
        *("--artifacts-destination", str(tmp_path / "artifacts"), "--workers", "2"),
        *("--host", "127.0.0.1", "--port", str(port)),
    )
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with ServiceGroup(tmp_path / "log", quiet) as group:
        group.start(Service("mlflow", command, f"{url}/health"))
        group.wait_until_ready(90)
        assert requests.get(f"{url}/health", timeout=5).ok
        assert RIGHT.format(1, 2) in raced(url, tmp_path, 1)
