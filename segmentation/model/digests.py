"""Which files belong together, and whether one of them was changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from segmentation.errors import ModelFileError

MANIFEST = "manifest.json"
TRUST = "Do not trust it; take the model from where it was made."


def digests(directory: Path) -> dict[str, str]:
    """Return the SHA-256 digest of every file below a folder, by relative path.

    The manifest itself, which cannot hold its own digest, is left out.
    """
    files = sorted(path for path in directory.rglob("*") if path.is_file() or path.is_symlink())
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.relative_to(directory).as_posix() != MANIFEST
    }


def seal(directory: Path) -> None:
    """Write the digest of every file into the folder's manifest."""
    text = json.dumps({"sha256": digests(directory)}, indent=1, sort_keys=True)
    (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")


def check_seal(directory: Path) -> None:
    """Compare a folder with its manifest.

    Raises
    ------
    ModelFileError
        When a file is missing, was changed or added, each named.
    """
    try:
        expected = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        known = {str(name): str(digest) for name, digest in expected.items()}
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{directory.name} lacks {MANIFEST}: copy the whole folder again"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{MANIFEST} is not a list of digests. {TRUST}") from error
    compare(known, digests(directory), str(directory))


def compare(expected: Mapping[str, str], found: Mapping[str, str], where: str) -> None:
    """Compare digests by file.

    Parameters
    ----------
    expected, found
        Digest by relative path.
    where
        What the files are part of, for the message.

    Raises
    ------
    ModelFileError
        When they differ.
    """
    if missing := sorted(set(expected) - set(found)):
        raise ModelFileError(f"{where} lacks {', '.join(missing)}: copy the whole folder again")
    if strange := sorted(set(found) - set(expected)):
        raise ModelFileError(
            f"{where} holds {', '.join(strange)}, which is no part of the model. {TRUST}"
        )
    if changed := sorted(name for name in expected if expected[name] != found[name]):
        raise ModelFileError(
            f"{', '.join(changed)} in {where} changed since the model was saved: the digest in its "
            f"manifest is another. {TRUST}"
        )
