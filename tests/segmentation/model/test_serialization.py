"""Saved models: the same answers bit for bit, no code, no customer, no damage unnoticed."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import CHOICES, Preprocessing
from segmentation.errors import ModelFileError
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.model.serialization import write_manifest
from segmentation.monitoring import reference_batch
from tests.segmentation.planted import EVALUATION, SCHEMA, planted, spec

# Written by the version of 2026-11-26, with what it answered.
SAVED = Path(__file__).parent / "saved"
PREPROCESSINGS = [
    Preprocessing(**{name: choice}) for name, choices in CHOICES.items() for choice in choices
] + [Preprocessing(nulls="indicator", outliers="winsorise", ratios="add", variance=0.9)]


def trained(
    clusterer: str = "k_means", rule: str = "prototype", preprocessing: Preprocessing | None = None
) -> SegmentationModel:
    """Return a small model."""
    customers, _ = planted(300)
    more = {"n_clusters": 4} if CLUSTERERS[clusterer].takes_n_clusters else {}
    made = spec(clusterer, rule, preprocessing, **more)
    return SegmentationModel.build(Segmenter(made, SCHEMA).fit(customers), customers, EVALUATION, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a saved model."""
    trained().save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("name", "rule"), [(c.name, rule) for c in CLUSTERERS.values() for rule in c.rules]
)
def test_every_clusterer_and_rule_round_trips(name, rule, tmp_path) -> None:
    """A loaded model answers bit for bit like the one that was saved."""
    check_round_trip(trained(name, rule), tmp_path)


def test_a_folder_is_named_by_text_too(tmp_path: Path) -> None:
    """In a notebook people write `model.save("model")`."""
    trained().save(str(tmp_path / "model"))
    assert SegmentationModel.load(str(tmp_path / "model")).numbering.numbers


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS, ids=str)
def test_every_preprocessing_round_trips(preprocessing, tmp_path) -> None:
    """Whatever the pipeline learned comes back as it was."""
    check_round_trip(trained(preprocessing=preprocessing), tmp_path)


def check_round_trip(model: SegmentationModel, folder: Path) -> None:
    """Save, load and compare answers and description."""
    model.save(folder / "model")
    again = SegmentationModel.load(folder / "model")
    fresh, _ = planted(60, seed=9)
    fresh.iloc[0] = np.nan
    pd.testing.assert_frame_equal(again.score(fresh), model.score(fresh), check_exact=True)
    assert again.schema == model.schema
    assert again.segmenter.spec_ == model.segmenter.spec_
    assert again.description == json.loads(json.dumps(model.description))


def test_the_same_model_gives_the_same_bytes(folder, tmp_path) -> None:
    """Training and saving again changes no byte, so digests tell whether a model changed."""
    trained().save(tmp_path / "again")
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_no_customer_is_in_the_files(folder) -> None:
    """Neither an identifier nor a customer's features or coordinates are saved."""
    customers, _ = planted(300)
    model = SegmentationModel.load(folder)
    own = np.vstack([model.segmenter.features(customers), model.reference.transform(customers)])
    with np.load(folder / "arrays.npz") as arrays:
        for name in arrays.files:
            saved = arrays[name]
            if saved.ndim == 2 and saved.shape[1] == own.shape[1]:
                assert not (saved[:, None] == own).all(axis=2).any(), name
    text = b"".join(file.read_bytes() for file in folder.iterdir())
    assert b"P00000" not in text


def test_nothing_saved_is_an_object(folder) -> None:
    """All arrays are numbers or text; nothing needs pickle."""
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiubU" for name in arrays.files)


@pytest.mark.parametrize("name", ["model.json", "arrays.npz", "description.json", "manifest.json"])
def test_missing_file_is_named(folder, name) -> None:
    """A folder that lacks a file is refused with the file's name."""
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=f"lacks {name}"):
        SegmentationModel.load(folder)


@pytest.mark.parametrize("name", ["model.json", "arrays.npz", "description.json"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04not this", b"[1, 2]", b'{"format": 1'])
def test_damaged_file_is_named(folder, name, content) -> None:
    """Empty, binary, misplaced or cut-off content is refused with the file's name."""
    (folder / name).write_bytes(content)
    write_manifest(folder)
    with pytest.raises(ModelFileError, match=name):
        SegmentationModel.load(folder)


class Bomb:
    """An object whose unpickling would leave a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.mark,))


def test_pickled_objects_are_refused_and_not_run(folder, tmp_path) -> None:
    """Neither an object array nor a bare pickle is ever executed."""
    mark = tmp_path / "executed"
    with np.load(folder / "arrays.npz") as arrays:
        content = {name: arrays[name] for name in arrays.files}
    content["medians"] = np.array([Bomb(mark)], dtype=object)
    np.savez(folder / "arrays.npz", **content)
    write_manifest(folder)
    with pytest.raises(ModelFileError, match="plain arrays"):
        SegmentationModel.load(folder)
    (folder / "arrays.npz").write_bytes(pickle.dumps(Bomb(mark)))
    write_manifest(folder)
    with pytest.raises(ModelFileError, match="plain arrays"):
        SegmentationModel.load(folder)
    assert not mark.exists()


def test_file_that_does_not_belong_is_refused(folder) -> None:
    """A pickle beside the model makes the whole folder suspicious."""
    (folder / "model.pkl").write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"model\.pkl.*no part of the model"):
        SegmentationModel.load(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 99, "format 99: expected 2"),
        ("rule", "oracle", "oracle"),
        ("identity", {"numbers": [1], "names": ["only one"]}, "KeyError"),
        ("spec", "{}", "not a segmenter spec"),
        ("schema", {"name": "x"}, "malformed"),
        ("noise_share", None, "TypeError"),
    ],
)
def test_recipe_that_does_not_fit_is_refused(folder, key, value, message) -> None:
    """A spec of another format, or one that contradicts the arrays, is no model."""
    spec = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**spec, key: value}))
    write_manifest(folder)
    with pytest.raises(ModelFileError, match=message):
        SegmentationModel.load(folder)


@pytest.mark.parametrize("gone", ["pipeline.scale.spread_", "rule.points", "novelty.low"])
def test_missing_array_is_refused_on_loading(folder, gone) -> None:
    """A model without one of its arrays fails when it is loaded, not when it is asked."""
    with np.load(folder / "arrays.npz") as arrays:
        content = {name: arrays[name] for name in arrays.files if name != gone}
    np.savez(folder / "arrays.npz", **content)
    write_manifest(folder)
    with pytest.raises(ModelFileError, match="do not make a model together"):
        SegmentationModel.load(folder)


@pytest.mark.parametrize("target", ["nowhere", "."])
def test_a_link_to_no_file_is_refused(folder, target) -> None:
    """A link to nothing or to a folder is no file of a model, whatever the manifest lists."""
    (folder / "arrays.npz").unlink()
    (folder / "arrays.npz").symlink_to(target)
    with pytest.raises(ModelFileError, match=r"arrays\.npz in .* is a link to no file"):
        SegmentationModel.load(folder)


def test_folder_that_is_not_there_is_named(tmp_path) -> None:
    """A wrong path is not mistaken for a damaged model."""
    with pytest.raises(ModelFileError, match="nowhere is not a folder"):
        SegmentationModel.load(tmp_path / "nowhere")


def flip(content: bytes) -> bytes:
    """Return the content with one bit of its middle turned."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("name", ["model.json", "arrays.npz", "description.json"])
@pytest.mark.parametrize("change", [flip, lambda content: content[:-1], lambda _: b""])
def test_a_changed_file_is_refused_by_name(folder, name, change) -> None:
    """One bit, one byte or everything: the manifest has another digest."""
    file = folder / name
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ModelFileError, match=rf"{name} in .* changed since"):
        SegmentationModel.load(folder)


def test_a_file_of_another_model_is_refused_by_name(folder, tmp_path) -> None:
    """A sound file swapped in from another sound model is a change."""
    trained("gaussian_full", "gaussian").save(tmp_path / "other")
    (folder / "arrays.npz").write_bytes((tmp_path / "other" / "arrays.npz").read_bytes())
    with pytest.raises(ModelFileError, match=r"arrays\.npz in .* changed since"):
        SegmentationModel.load(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": 1}', "no JSON"])
def test_a_manifest_without_digests_is_refused(folder, content) -> None:
    """A manifest that says nothing vouches for nothing."""
    (folder / "manifest.json").write_text(content)
    with pytest.raises(
        ModelFileError, match=r"manifest\.json is not a list of digests|lacks|holds"
    ):
        SegmentationModel.load(folder)


@pytest.mark.parametrize("name", ["prototype", "gaussian", "neighbours", "one_hot", "famd"])
def test_models_saved_by_an_earlier_version_answer_as_then(name) -> None:
    """Whatever was renamed since, an old folder loads and scores the same customers alike."""
    mixed = name in {"one_hot", "famd"}
    customers = pd.read_json(SAVED / f"{'mixed' if mixed else 'planted'}_customers.json")
    model = SegmentationModel.load(SAVED / name)
    expected = pd.read_json(SAVED / f"{name}.json")
    answer = model.score(customers)
    memberships = pd.DataFrame(answer.pop("memberships").tolist())
    assert np.allclose(memberships.sum(axis=1), 1.0)
    pd.testing.assert_frame_equal(answer, expected, rtol=1e-9, check_dtype=False)
    assert reference_batch(model).rows == 240
