"""Settings of the pages, from the environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from experiments.registry.client import RegistryError, check_model_name
from segmentation.data.atomic import write_whole

# Names by which a machine reaches itself; no page of another site is under one of them.
HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def host_name(host: str) -> str:
    """Return the name in a Host header, without port; empty for one that names none."""
    # A name before an @ is no part of a host; urlsplit would leave it out.
    with suppress(ValueError):
        return "" if "@" in host else (urlsplit(f"//{host}").hostname or "").lower()
    return ""


class SettingError(ValueError):
    """A setting in the environment cannot be used; the message names it and the remedy."""


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
    files_per_person
        Most uploaded files of one person that are kept at a time; where nobody signs in, of all.
    waiting_per_person
        Most of these that are not scored yet.
    keep_seconds
        How long an uploaded file's answer is kept.
    auth
        File of people who may sign in; empty admits everyone on this machine and no one else.
    https
        Whether people reach the pages over HTTPS: then cookies travel over nothing else.
    scoring_hosts
        Further names under which systems reach the gateway, beside this machine's own and that of
        `scoring_url`.
    hosts
        Names under which people reach the pages; a leading dot lets in subdomains. Empty for
        any: a name that is not this machine's own is let in only where people sign in.
    scored
        Table of scored customers for lists and look-ups: a file, folder or address; empty for none.
    audit
        File that says who did what and when; empty for none.
    """

    scoring_url: str = "http://127.0.0.1:5001"
    model_name: str = "customer-segmentation"
    mlflow_url: str = ""
    timeout: float = 1.5
    file_timeout: float = 60.0
    upload_megabytes: float = 200.0
    files_per_person: int = 30
    waiting_per_person: int = 3
    keep_seconds: float = 3600.0
    https: bool = False
    auth: str = ""
    hosts: tuple[str, ...] = ()
    scoring_hosts: tuple[str, ...] = ()
    scored: str = ""
    audit: str = ""

    @property
    def gateway_hosts(self) -> frozenset[str]:
        """Names under which the gateway answers: this machine's, and those of the settings."""
        return HERE | {urlsplit(self.scoring_url).hostname or "localhost", *self.scoring_hosts}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the ``SEGMENTATION_...`` variables; see the README of this folder.

        Raises
        ------
        SettingError
            When a number is not one above 0, or a model cannot have such a name.
        """
        auth = environment.get("SEGMENTATION_AUTH", cls.auth)
        # A password must not cross a network in the clear because a setting was forgotten.
        https = environment.get("SEGMENTATION_HTTPS") or ("1" if auth else "0")
        return cls(
            scoring_url=environment.get("SEGMENTATION_SCORING_URL", cls.scoring_url).rstrip("/"),
            model_name=_model_name(environment, cls.model_name),
            mlflow_url=environment.get("SEGMENTATION_MLFLOW_URL", "").rstrip("/"),
            timeout=_positive(environment, "SEGMENTATION_TIMEOUT", cls.timeout),
            upload_megabytes=_positive(environment, "SEGMENTATION_UPLOAD_MB", cls.upload_megabytes),
            files_per_person=int(
                _positive(environment, "SEGMENTATION_UPLOAD_FILES", cls.files_per_person)
            ),
            waiting_per_person=int(
                _positive(environment, "SEGMENTATION_UPLOAD_WAITING", cls.waiting_per_person)
            ),
            auth=auth,
            https=https != "0",
            hosts=_names(environment, "SEGMENTATION_HOSTS"),
            scoring_hosts=_names(environment, "SEGMENTATION_SCORING_HOSTS"),
            scored=environment.get("SEGMENTATION_SCORED", ""),
            audit=environment.get("SEGMENTATION_AUDIT", ""),
        )


def secret_key(instance: Path) -> str:
    """Return the key that signs sessions: from the environment, else kept in the instance folder.

    All worker processes of one server share it. It appears in the folder complete or not at all,
    so a worker that starts at the same moment never reads half a key.
    """
    if configured := os.environ.get("SEGMENTATION_SECRET_KEY"):
        return configured
    instance.mkdir(parents=True, exist_ok=True)
    file = instance / "secret_key"
    if not file.exists():
        write_whole(file, secrets.token_hex(32), private=True, overwrite=False)
    return file.read_text(encoding="ascii")


def _model_name(environment: Mapping[str, str], default: str) -> str:
    try:
        return check_model_name(environment.get("SEGMENTATION_MODEL_NAME", default))
    except RegistryError as error:
        raise SettingError(f"SEGMENTATION_MODEL_NAME: {error}") from error


def _names(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(environment.get(name, "").replace(",", " ").split())


def _positive(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    with suppress(ValueError):
        if (number := float(text)) > 0:
            return number
    raise SettingError(f"{name}={text!r}: expected a number above 0, for example {default:g}")
