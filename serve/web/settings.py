"""Settings of the pages, from the environment."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from experiments.registry.client import RegistryError, check_model_name
from segmentation.data.atomic import write_whole

# Names by which a machine reaches itself; no page of another site is under one of them.
HERE = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_SECRET = 16
PREFIX = re.compile(r"(/[\w.~-]+)*", re.ASCII)
# Below the prefix, where several models have pages.
MODELS = "/models"


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
    audit_days
        For how many days it says so; 0 for ever.
    auth_proxy
        Addresses of a proxy at which people sign in and whose headers say who asks; empty for none.
    auth_secret
        What that proxy sends with every request.
    prefix
        Path under which people reach the pages, such as ``/segments``; empty for the root.
    proxies
        How many proxies of one's own stand in front, whose ``X-Forwarded-For`` and
        ``X-Forwarded-Proto`` are believed; 0 believes nobody.
    webhook_secret
        What MLflow signs its webhooks to the gateway with; empty where none are taken.
    models
        Names of all models of these pages where there are several, each below ``/models/NAME/``;
        empty for one model.
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
    audit_days: int = 0
    auth_proxy: tuple[str, ...] = ()
    auth_secret: str = field(default="", repr=False)
    prefix: str = ""
    proxies: int = 0
    webhook_secret: str = field(default="", repr=False)
    models: tuple[str, ...] = ()

    @property
    def root(self) -> str:
        """Path under which people reach the pages of this model."""
        return self.prefix + (f"{MODELS}/{self.model_name}" if self.models else "")

    def folder(self, instance: Path) -> Path:
        """Return where uploads and queue of this model are, in the folder of all models."""
        return instance / MODELS[1:] / self.model_name if self.models else instance

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
            When a number is not one above 0, a model cannot have such a name, or a secret is
            short.
        """
        auth = environment.get("SEGMENTATION_AUTH", cls.auth)
        # A password must not cross a network in the clear because a setting was forgotten.
        proxy = _names(environment, "SEGMENTATION_AUTH_PROXY")
        https = environment.get("SEGMENTATION_HTTPS") or ("1" if auth or proxy else "0")
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
            audit_days=_count(environment, "SEGMENTATION_AUDIT_DAYS"),
            auth_proxy=proxy,
            auth_secret=environment.get("SEGMENTATION_AUTH_SECRET", ""),
            prefix=_prefix(environment),
            proxies=_count(environment, "SEGMENTATION_PROXIES"),
            webhook_secret=_secret(environment, "SEGMENTATION_WEBHOOK_SECRET"),
        )

    @classmethod
    def of_every_model(cls, environment: Mapping[str, str] = os.environ) -> tuple[Settings, ...]:
        """Read the settings of each model: of one, or of those in ``SEGMENTATION_MODELS``.

        Raises
        ------
        SettingError
            As :meth:`from_environment`; also when a model is not written as ``NAME=ADDRESS``.
        """
        common = cls.from_environment(environment)
        text = environment.get("SEGMENTATION_MODELS", "").strip()
        if not text:
            return (common,)
        addresses: dict[str, str] = {}
        for entry in text.split(","):
            name, _, url = (part.strip() for part in entry.partition("="))
            if not url.startswith(("http://", "https://")) or name in addresses:
                raise SettingError(
                    f"SEGMENTATION_MODELS: {entry.strip()!r}: expected NAME=ADDRESS, separated by "
                    "commas, each name once, for example "
                    "cards=http://127.0.0.1:5001,loans=http://127.0.0.1:5002"
                )
            addresses[_model_name({"SEGMENTATION_MODEL_NAME": name}, "")] = url.rstrip("/")
        scored = _scored(common.scored, addresses)
        return tuple(
            replace(
                common,
                model_name=name,
                scoring_url=url,
                scored=scored.get(name, ""),
                models=tuple(addresses),
            )
            for name, url in addresses.items()
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


def _prefix(environment: Mapping[str, str]) -> str:
    text = environment.get("SEGMENTATION_PREFIX", "").rstrip("/")
    if PREFIX.fullmatch(text) and not {".", ".."} & set(text.split("/")):
        return text
    raise SettingError(
        f"SEGMENTATION_PREFIX={text!r}: expected a path of letters, digits and . _ ~ -, for "
        "example /segments"
    )


def _scored(text: str, models: Mapping[str, str]) -> dict[str, str]:
    """Return the table of scored customers of each model that has one."""
    tables = {}
    for entry in filter(None, map(str.strip, text.split(";"))):
        name, _, address = (part.strip() for part in entry.partition("="))
        if name not in models or not address:
            raise SettingError(
                f"SEGMENTATION_SCORED: {entry!r}: with SEGMENTATION_MODELS expected NAME=TABLE "
                f"with one of {', '.join(models)}, separated by semicolons"
            )
        tables[name] = address
    return tables


def _secret(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "")
    if text and len(text) < SHORTEST_SECRET:
        raise SettingError(
            f"{name}: expected at least {SHORTEST_SECRET} characters. Make one with "
            'python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return text


def _count(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name) or "0"
    if text.isascii() and text.isdigit():
        return int(text)
    raise SettingError(f"{name}={text!r}: expected a whole number, for example 1")


def _names(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(environment.get(name, "").replace(",", " ").split())


def _positive(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    with suppress(ValueError):
        if (number := float(text)) > 0:
            return number
    raise SettingError(f"{name}={text!r}: expected a number above 0, for example {default:g}")
