"""Sign a registered version, with a secret that both sides have or a key pair, and check that.

Either signature binds the model's name and the version's number, so it is worth nothing on any
other version, also where manifest, run and files are copied with it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from experiments.registry.client import SEAL
from segmentation.errors import ModelFileError

# On a version: a signature made with the secret. Without one, and without a public key, everyone
# who may write to the registry is trusted with what the scoring server runs.
KEY, SIGNATURE = "SEGMENTATION_SIGNING_KEY", "manifest_signature"
# Files of an elliptic curve's keys, as `openssl` writes them: who trains has the private one, who
# serves needs the public one alone.
PRIVATE_KEY, PUBLIC_KEY = "SEGMENTATION_PRIVATE_KEY", "SEGMENTATION_PUBLIC_KEY"
# What model-signing lets through about a file that is no signature.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OSError)


def secret_signature(version: ModelVersion) -> str:
    """Return the signature of a version's name, number, run and manifest, made with the secret."""
    # As JSON, so that no two lists of texts read alike.
    parts = [version.name, str(version.version), str(version.run_id), version.tags.get(SEAL)]
    return hmac.new(os.environ[KEY].encode(), json.dumps(parts).encode(), "sha256").hexdigest()


def check_secret_signature(version: ModelVersion, where: str) -> None:
    """Refuse a version that was not signed with the secret.

    Raises
    ------
    ModelFileError
        When its signature is another or none.
    """
    signed = version.tags.get(SIGNATURE, "")
    if not hmac.compare_digest(signed.encode(), secret_signature(version).encode()):
        raise ModelFileError(
            f"{where} is not signed with the key in {KEY}, as this version of this model, so "
            "its files cannot be trusted. "
            "Register it again where that key is set."
        )


def signature_file(name: str, version: str) -> str:
    """Return the name of the file that holds the signature made with a private key."""
    return f"{hashlib.sha256(name.encode()).hexdigest()[:12]}-{version}.sig"


def sign_files(folder: Path, signature: Path, ignored: Path) -> None:
    """Sign every file of a folder, but those below `ignored`, with the private key.

    The signature is OpenSSF's: any tool of theirs checks it with the public key.

    Raises
    ------
    ModelFileError
        When the package or the key is missing.
    """
    key = _key_file(PRIVATE_KEY)
    try:
        from model_signing import hashing, signing  # noqa: PLC0415 - optional
    except ImportError as error:
        raise _not_installed(PRIVATE_KEY) from error
    hashed = hashing.Config().set_ignored_paths(paths=[ignored], ignore_git_paths=False)
    config = signing.Config().set_hashing_config(hashed)
    try:
        config.use_elliptic_key_signer(private_key=key).sign(folder, signature)
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{PRIVATE_KEY}={key} holds no private key of an elliptic curve without a password. "
            "Make one with `openssl ecparam -name prime256v1 -genkey -noout`."
        ) from error


def check_files(folder: Path, signature: Path, ignored: Path, where: str) -> None:
    """Refuse files, but those below `ignored`, that the public key's private one did not sign.

    Raises
    ------
    ModelFileError
        When there is no signature or another, or a file is missing, changed or added; and when the
        package or the key is missing.
    """
    key = _key_file(PUBLIC_KEY)
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - comes with it
        from model_signing import hashing, verifying  # noqa: PLC0415 - optional
    except ImportError as error:
        raise _not_installed(PUBLIC_KEY) from error
    hashed = hashing.Config().set_ignored_paths(paths=[ignored], ignore_git_paths=False)
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{PUBLIC_KEY}={key} holds no public key of an elliptic curve. Write it with "
            "`openssl ec -in private.pem -pubout`."
        ) from error
    try:
        config.set_hashing_config(hashed).verify(folder, signature)
    except (InvalidSignature, *UNREADABLE) as error:
        raise ModelFileError(
            f"{where} is not signed for the public key in {PUBLIC_KEY}, as this version of this "
            "model, so its files cannot be trusted. Register it again where "
            f"{PRIVATE_KEY} is set."
        ) from error


def _key_file(setting: str) -> Path:
    path = Path(os.environ[setting])
    if not path.is_file():
        raise ModelFileError(f"{setting}={path} is no file. Expected a key in PEM format there.")
    return path


def _not_installed(setting: str) -> ModelFileError:
    return ModelFileError(
        f"{setting} is set, and model-signing is not installed, so versions can be neither signed "
        "nor checked. Install it with `pip install model-signing pyopenssl`."
    )
