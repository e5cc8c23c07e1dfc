"""A model as a folder of arrays and JSON: nothing in it can run code when it is read.

``model.json`` holds the recipe and the names, ``arrays.npz`` every learned number,
``description.json`` what is known about the segments, for people and pages, ``manifest.json``
the digests of the three, checked before anything else is read. The pipeline is built again from
the recipe by this package's own code and handed its learned arrays.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from segmentation.clustering.assignment_rules import rule_from_arrays
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import SegmenterSpec
from segmentation.errors import ModelFileError
from segmentation.model.digests import MANIFEST, check_seal, seal
from segmentation.preprocessing.pipeline import build_pipeline
from segmentation.schema import TableSchema

Arrays = Mapping[str, NDArray[Any]]
FORMAT = 1
RECIPE, ARRAYS, DESCRIPTION = "model.json", "arrays.npz", "description.json"
FILES = (RECIPE, ARRAYS, DESCRIPTION, MANIFEST)


@dataclass(frozen=True)
class Stored:
    """What the three files hold.

    Parameters
    ----------
    recipe
        JSON data, enough to build every object again, without what it learned.
    arrays
        What was learned, by dotted name.
    description
        JSON data for people and pages.
    """

    recipe: Mapping[str, Any]
    arrays: Arrays
    description: Mapping[str, Any]

    def write(self, directory: Path) -> None:
        """Write the files, making the folder if need be; equal data gives equal bytes."""
        directory.mkdir(parents=True, exist_ok=True)
        _write_json(directory / RECIPE, {"format": FORMAT, **self.recipe})
        _write_json(directory / DESCRIPTION, self.description)
        np.savez_compressed(directory / ARRAYS, allow_pickle=False, **dict(self.arrays))
        seal(directory)

    @classmethod
    def read(cls, directory: Path) -> Stored:
        """Read the files.

        Raises
        ------
        ModelFileError
            When a file is missing, changed, of another format, or does not belong there.
        """
        _check_files(directory)
        check_seal(directory)
        recipe = _read_json(directory / RECIPE)
        if recipe.get("format") != FORMAT:
            raise ModelFileError(
                f"{RECIPE} has format {recipe.get('format')!r}: expected {FORMAT}. Read it with "
                "the version of this package that wrote it, or train again."
            )
        arrays = _read_arrays(directory / ARRAYS)
        return cls(recipe, arrays, _read_json(directory / DESCRIPTION))


def check_safe(directory: Path) -> None:
    """Look at a folder without building anything from it.

    Raises
    ------
    ModelFileError
        When a file is missing, changed or no part of a model, or an array is more than numbers
        and texts: such an array would run code when it is read.
    """
    _check_files(directory)
    check_seal(directory)
    _read_arrays(directory / ARRAYS)


def segmenter_recipe(segmenter: Segmenter) -> dict[str, Any]:
    """Return what a fitted segmenter is made of, as JSON data."""
    return {
        "spec": segmenter.spec_.to_json(),
        "schema": segmenter.schema_.to_dict(),
        "rule": segmenter.rule_.name,
        "noise_share": segmenter.noise_share_,
    }


def segmenter_arrays(segmenter: Segmenter) -> dict[str, NDArray[Any]]:
    """Return what a fitted segmenter learned; its training customers are no part of it."""
    return {
        **_pipeline_arrays(segmenter.pipeline_),
        **named("rule", segmenter.rule_.to_arrays()),
    }


def restored_segmenter(recipe: Mapping[str, Any], arrays: Arrays) -> Segmenter:
    """Return the segmenter that :func:`segmenter_recipe` and :func:`segmenter_arrays` gave.

    It assigns as before, bit for bit; the training customers' assignment is not kept.
    """
    schema = TableSchema.from_dict(recipe["schema"])
    spec = SegmenterSpec.from_json(recipe["spec"])
    segmenter = Segmenter(spec, schema)
    segmenter.spec_, segmenter.schema_, segmenter.table_ = spec, schema, schema
    segmenter.pipeline_ = build_pipeline(spec.preprocessing, schema)
    _restore_pipeline(segmenter.pipeline_, arrays)
    segmenter.rule_ = rule_from_arrays(recipe["rule"], part("rule", arrays))
    segmenter.n_segments_ = segmenter.rule_.n_segments
    segmenter.noise_share_ = float(recipe["noise_share"])
    segmenter.notes_ = ()
    return segmenter


def named(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays under ``prefix.``; :func:`part` takes them back."""
    return {f"{prefix}.{name}": value for name, value in arrays.items()}


def part(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays that :func:`named` put under ``prefix.``."""
    start = f"{prefix}."
    return {n.removeprefix(start): v for n, v in arrays.items() if n.startswith(start)}


def _pipeline_arrays(pipeline: Pipeline) -> dict[str, NDArray[Any]]:
    """Return what each step learned: by our convention, arrays whose names end in ``_``."""
    return {
        f"pipeline.{name}.{attribute}": np.asarray(value)
        for name, step in pipeline.steps
        for attribute, value in vars(step).items()
        if attribute.endswith("_") and attribute != "feature_names_in_"
    }


def _restore_pipeline(pipeline: Pipeline, arrays: Arrays) -> None:
    for name, step in pipeline.steps:
        for attribute, value in part(f"pipeline.{name}", arrays).items():
            setattr(step, attribute, value.item() if value.ndim == 0 else value)


def _check_files(directory: Path) -> None:
    if not directory.is_dir():
        raise ModelFileError(f"{directory} is not a folder: expected a saved model")
    found = {path.name for path in directory.iterdir()}
    if missing := sorted(set(FILES) - found):
        raise ModelFileError(f"{directory} lacks {', '.join(missing)}: copy the whole folder again")
    if strange := sorted(found - set(FILES)):
        raise ModelFileError(
            f"{directory} holds {', '.join(strange)}, which is no part of a model: expected only "
            f"{', '.join(FILES)}. Do not trust this folder; take the model from where it was made."
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
