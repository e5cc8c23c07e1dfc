"""Settings of the pages, from the environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Where the pages find what they show.

    Parameters
    ----------
    scoring_url
        Base address of the scoring server.
    model_name
        Registered model whose champion is described.
    mlflow_url
        Base address of the MLflow UI for links; empty for none.
    timeout
        Seconds to wait for one customer's answer.
    file_timeout
        Seconds to wait for a part of a file.
    upload_megabytes
        Largest upload.
    keep_seconds
        How long an uploaded file's answer is kept.
    """

    scoring_url: str = "http://127.0.0.1:5001"
    model_name: str = "customer-segmentation"
    mlflow_url: str = ""
    timeout: float = 1.5
    file_timeout: float = 60.0
    upload_megabytes: int = 50
    keep_seconds: int = 3600

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read ``SEGMENTATION_SCORING_URL``, ``_MODEL_NAME``, ``_MLFLOW_URL``, ``_UPLOAD_MB``."""
        return cls(
            scoring_url=environment.get("SEGMENTATION_SCORING_URL", cls.scoring_url).rstrip("/"),
            model_name=environment.get("SEGMENTATION_MODEL_NAME", cls.model_name),
            mlflow_url=environment.get("SEGMENTATION_MLFLOW_URL", "").rstrip("/"),
            upload_megabytes=int(environment.get("SEGMENTATION_UPLOAD_MB", cls.upload_megabytes)),
        )


def secret_key(instance: Path) -> str:
    """Return the key that signs sessions: from the environment, else kept in the instance folder.

    All worker processes of one server share it.
    """
    if given := os.environ.get("SEGMENTATION_SECRET_KEY"):
        return given
    instance.mkdir(parents=True, exist_ok=True)
    file = instance / "secret_key"
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii")
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(32))
    return file.read_text(encoding="ascii")
