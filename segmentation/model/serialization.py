"""A model as a folder of arrays and JSON: reading it cannot run code.

``model.json`` has the spec and the names, ``arrays.npz`` every learned number, ``description.json``
what people and pages are shown, ``manifest.json`` the digests of the three. They are checked before
anything else is read.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import ModelFileError

Arrays = Mapping[str, NDArray[Any]]
FORMAT = 2
# Read, not written: their confidence is a curve, see `segmentation.model.earlier_format`.
EARLIER_FORMATS = (1,)
PARTS, ARRAYS, DESCRIPTION = "model.json", "arrays.npz", "description.json"
MANIFEST = "manifest.json"
FILES = (PARTS, ARRAYS, DESCRIPTION)
DO_NOT_TRUST = "Do not trust it; take the model from where it was made."


@dataclass(frozen=True)
class ModelFiles:
    """The contents of a model's folder."""

    parts: Mapping[str, Any]  # JSON data: enough to build every object, without what it learned
    arrays: Arrays  # what was learned, by dotted name
    description: Mapping[str, Any]  # JSON data for people and pages

    def write(self, directory: Path) -> None:
        """Write the files, and the folder if there is none; equal data give equal bytes."""
        directory.mkdir(parents=True, exist_ok=True)
        _write_json(directory / PARTS, {"format": FORMAT, **self.parts})
        _write_json(directory / DESCRIPTION, self.description)
        np.savez_compressed(directory / ARRAYS, allow_pickle=False, **dict(self.arrays))
        write_manifest(directory)

    @classmethod
    def read(cls, directory: Path) -> ModelFiles:
        """Read the files.

        Raises
        ------
        ModelFileError
            When a file is missing, changed, of another format, or not part of a model.
        """
        arrays = check_safe(directory)
        parts = _read_json(directory / PARTS)
        if parts.get("format") not in {FORMAT, *EARLIER_FORMATS}:
            raise ModelFileError(
                f"{PARTS} has format {parts.get('format')!r}: expected {FORMAT}. Read it with "
                "the version of this package that wrote it, or train again."
            )
        return cls(parts, arrays, _read_json(directory / DESCRIPTION))


def check_safe(directory: Path) -> Arrays:
    """Look at a folder without building a model from it; return its arrays.

    Raises
    ------
    ModelFileError
        When a file is missing, changed or not part of a model, or an array is more than numbers
        and text: such an array would run code when it is read.
    """
    if not directory.is_dir():
        raise ModelFileError(f"{directory} is not a folder: expected a saved model")
    check_manifest(directory)
    return _read_arrays(directory / ARRAYS)


def with_prefix(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays with ``prefix.`` before their names."""
    return {f"{prefix}.{name}": value for name, value in arrays.items()}


def without_prefix(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names start with ``prefix.``, without it."""
    start = f"{prefix}."
    return {n.removeprefix(start): v for n, v in arrays.items() if n.startswith(start)}


def digests(directory: Path) -> dict[str, str]:
    """Return the SHA-256 digest of every file below a folder but its manifest, by relative path.

    Raises
    ------
    ModelFileError
        When a link leads to something that is not a file.
    """
    result = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() and not path.is_file():
            raise ModelFileError(f"{name} in {directory} is a link to no file. {DO_NOT_TRUST}")
        if path.is_file() and name != MANIFEST:
            result[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return result


def write_manifest(directory: Path) -> None:
    """Write the digest of every file into the folder's manifest."""
    _write_json(directory / MANIFEST, {"sha256": digests(directory)})


def check_manifest(directory: Path) -> None:
    """Compare a model's folder with its manifest.

    Raises
    ------
    ModelFileError
        When a file is missing, changed, or not part of a model; the error names it.
    """
    try:
        expected = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        expected = {name: str(expected[name]) for name in FILES}
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{directory} lacks {MANIFEST}: copy the whole folder again"
        ) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelFileError(
            f"{MANIFEST} is not a list of digests of {', '.join(FILES)}. {DO_NOT_TRUST}"
        ) from error
    compare_digests(expected, digests(directory), str(directory))


def compare_digests(expected: Mapping[str, str], actual: Mapping[str, str], folder: str) -> None:
    """Compare digests by relative path.

    Raises
    ------
    ModelFileError
        When a file of `folder` is missing, changed or unexpected; the error names it.
    """
    if missing := sorted(set(expected) - set(actual)):
        raise ModelFileError(f"{folder} lacks {', '.join(missing)}: copy the whole folder again")
    if unexpected := sorted(set(actual) - set(expected)):
        raise ModelFileError(
            f"{folder} holds {', '.join(unexpected)}, which is no part of the model. {DO_NOT_TRUST}"
        )
    if changed := sorted(name for name in expected if expected[name] != actual[name]):
        raise ModelFileError(
            f"{', '.join(changed)} in {folder} changed since the model was saved: its digest is "
            f"not the one in the manifest. {DO_NOT_TRUST}"
        )


def _write_json(path: Path, data: Any) -> None:
    text = json.dumps(data, indent=1, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelFileError(f"{path.name} is not JSON: {error}. Copy it again.") from error
    if not isinstance(data, dict):
        raise ModelFileError(f"{path.name} holds a {type(data).__name__}: expected an object")
    return data


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise ModelFileError(
            f"{path.name} is not an archive of plain arrays: {error}. Copy it again."
        ) from error
