"""What people want to see of all versions of a model before they promote one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from experiments.registry.registry import RegistryError

MOST_VERSIONS = 100


@dataclass(frozen=True)
class Version:
    """One version in a list.

    Parameters
    ----------
    number
        In the registry.
    created
        In UTC.
    aliases
        ``champion``, ``challenger`` and others.
    segments, stability, score, kept, algorithm
        As tagged when it was registered; empty where nothing was.
    run_id
        Of the search that found it.
    """

    number: str
    created: datetime
    aliases: tuple[str, ...]
    segments: str
    stability: str
    score: str
    kept: str
    algorithm: str
    run_id: str


def list_versions(name: str) -> list[Version]:
    """Return the newest hundred versions of a model, newest first.

    Raises
    ------
    RegistryError
        When the registry cannot be reached.
    """
    client = MlflowClient()
    try:
        aliases = client.get_registered_model(name).aliases
        found = client.search_model_versions(
            f"name = '{name}'", max_results=MOST_VERSIONS, order_by=["version_number DESC"]
        )
    except (MlflowException, OSError) as error:
        raise RegistryError(f"the versions of {name} cannot be listed: {error}") from error
    return [
        Version(
            number=str(version.version),
            created=datetime.fromtimestamp(version.creation_timestamp / 1000, tz=UTC),
            aliases=tuple(sorted(a for a, v in aliases.items() if str(v) == str(version.version))),
            segments=version.tags.get("segments", ""),
            stability=version.tags.get("stability", ""),
            score=version.tags.get("score", ""),
            kept=version.tags.get("segments_kept", ""),
            algorithm=version.tags.get("algorithm", ""),
            run_id=str(version.run_id),
        )
        for version in found
    ]
