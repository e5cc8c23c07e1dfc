"""The servable model: a fitted segmenter with everything its answer needs, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from segmentation.clustering.assignment_rules import Rule, rule_from_arrays
from segmentation.clustering.segmenter import Customers, Segmenter
from segmentation.clustering.spec import SegmenterSpec
from segmentation.errors import ModelFileError, SegmentationError
from segmentation.evaluation.reference_space import ReferenceSpace
from segmentation.evaluation.result import Evaluation
from segmentation.interpretation.explanations import Reasons, segment_medians
from segmentation.interpretation.outcomes import OutcomeProfile, profile_outcomes
from segmentation.interpretation.profiles import (
    book_summary,
    most_frequent_levels,
    profile_segments,
    with_categories,
)
from segmentation.interpretation.projection import Plane, segment_map
from segmentation.model.answers import Answers, BasicAnswers
from segmentation.model.calibration import Calibration
from segmentation.model.earlier_format import CURVE, CurveCalibration
from segmentation.model.novelty import Novelty
from segmentation.model.segment_matching import Numbering, new_numbering
from segmentation.model.serialization import Arrays, ModelFiles, with_prefix, without_prefix
from segmentation.preprocessing.categorical import base_columns, expand
from segmentation.preprocessing.columns import customer_matrix
from segmentation.preprocessing.pipeline import build_pipeline
from segmentation.schema import TableSchema
from segmentation.types import Assignment, FloatArray, IntArray

MAP_DIGITS = 3
# Of a profile in the description, where the table has outcomes.
OUTCOMES = "outcomes"
# What restoring a model raises when its files do not fit each other.
MISFITS = (KeyError, IndexError, TypeError, ValueError, AttributeError, SegmentationError)


@dataclass(frozen=True)
class SegmentationModel:
    """Scores customers and describes its segments.

    Its ``description`` is plain JSON data: schema, spec, profiles, book, evaluation and map.
    """

    segmenter: Segmenter
    schema: TableSchema  # what it scores; with categories where the segmenter's has indicators
    numbering: Numbering
    reference: ReferenceSpace  # in which novelty and reasons are measured
    reasons: Reasons
    novelty: Novelty
    calibration: Calibration | CurveCalibration
    plane: Plane
    description: Mapping[str, Any]

    @classmethod
    def build(
        cls,
        segmenter: Segmenter,
        customers: pd.DataFrame,
        evaluation: Evaluation,
        seed: int,
        schema: TableSchema | None = None,
    ) -> SegmentationModel:
        """Learn from the customers what the answers need.

        Parameters
        ----------
        segmenter
            Fitted on `customers`, or on a sample of them.
        customers
            The book that is described.
        evaluation
            The evaluation of `segmenter`, for the description.
        seed
            Seeds the refits of the calibration, landmarks and map.
        schema
            What :meth:`score` takes; by default the segmenter's, where it has no indicators.
        """
        features, segment = segmenter.schema_, segmenter.assign(customers).segment
        reference = ReferenceSpace(features, segmenter.spec_.preprocessing.weights).fit(customers)
        coordinates = reference.transform(customers)
        medians = segment_medians(coordinates, segment, segmenter.n_segments_)
        schema = schema or features
        plane = Plane.learn(coordinates)
        description = {
            **_description(segmenter, customers, segment, schema, evaluation),
            "map": segment_map(coordinates, segment, plane, seed),
        }
        return cls(
            segmenter,
            schema,
            new_numbering([profile["name"] for profile in description["profiles"]]),
            reference,
            Reasons(features.column_names, medians),
            Novelty.learn(coordinates, seed),
            Calibration.learn(segmenter, customers, seed),
            plane,
            description,
        )

    def assign(self, customers: Customers) -> Assignment:
        """Return the cluster of every customer, from 0, and nothing else of :meth:`score`.

        Raises
        ------
        DataError
            When a column is missing.
        """
        return self.segmenter.assign(self._matrix(customers))

    def with_numbering(self, numbering: Numbering) -> SegmentationModel:
        """Return the same model with other numbers and names of its segments."""
        number = dict(zip(self.numbering.numbers, numbering.numbers, strict=True))
        name = numbering.name_of
        profiles = [
            {
                **profile,
                "number": number[profile["number"]],
                "name": name[number[profile["number"]]],
            }
            for profile in self.description["profiles"]
        ]
        points = {
            kind: [[x, y, number[segment]] for x, y, segment in rows]
            for kind, rows in self.description["map"].items()
        }
        description = {**self.description, "profiles": profiles, "map": points}
        return replace(self, numbering=numbering, description=description)

    def with_outcomes(
        self, customers: Customers, outcomes: pd.DataFrame | None
    ) -> SegmentationModel:
        """Return the model with what happened to the customers of each segment in its profiles.

        Parameters
        ----------
        customers
            Shape (n, d), as for :meth:`assign`.
        outcomes
            Theirs, shape (n, m): see :class:`segmentation.data.validation.Validated`.
        """
        if outcomes is None:
            return self
        described = self.outcomes_of(customers, outcomes)
        profiles = [
            {**profile, OUTCOMES: [outcome.to_dict() for outcome in own]}
            for profile, own in zip(self.description["profiles"], described, strict=True)
        ]
        return replace(self, description={**self.description, "profiles": profiles})

    def outcomes_of(
        self, customers: Customers, outcomes: pd.DataFrame
    ) -> tuple[tuple[OutcomeProfile, ...], ...]:
        """Return the outcomes of these customers by cluster, counted as in training."""
        levels = {o.column: o.level for profile in self.outcomes for o in profile}
        segment = self.assign(customers).segment
        return profile_outcomes(outcomes, segment, self.segmenter.n_segments_, self.schema, levels)

    @property
    def outcomes(self) -> tuple[tuple[OutcomeProfile, ...], ...]:
        """What happened to the training customers of each cluster; empty where nothing is saved."""
        return tuple(
            tuple(map(OutcomeProfile.from_dict, profile.get(OUTCOMES, ())))
            for profile in self.description["profiles"]
        )

    def score(self, customers: Customers) -> pd.DataFrame:
        """Return one row per customer; missing values are handled as in training.

        Parameters
        ----------
        customers
            Shape (n, d), the schema's columns; others are ignored.

        Returns
        -------
        DataFrame
            With the index of `customers` and the columns ``segment`` (its lasting number),
            ``segment_name``, ``confidence`` (the probability of the segment, see
            :class:`segmentation.model.calibration.Calibration`), ``memberships`` (the probability
            of every segment, by its number as text; they sum to 1), ``runner_up`` (the most
            probable other segment), ``runner_up_name``,
            ``unlike_training``, ``map_x`` and ``map_y`` (the customer's place on the map of the
            description) and ``reasons`` (at most five columns that decided for the segment over
            the runner-up, most important first).

        Raises
        ------
        DataError
            When a column is missing.
        """
        return self.answers(customers).frame(_index(customers))

    def answers(self, customers: Customers) -> Answers:
        """Return what :meth:`score` does as arrays, without a Python object for each customer.

        Takes and raises what :meth:`score` does.
        """
        matrix = self._matrix(customers)
        if not len(matrix):
            return self.answers(self._one_unknown()).part(slice(0))
        features, assignment, basic = self._assigned(matrix)
        runner_up = self.calibration.runner_up(assignment, features)
        coordinates = self.reference.transform(matrix)
        decisive = self.reasons.decisive(coordinates, basic.cluster, runner_up, ~np.isnan(matrix))
        names, reasons = base_columns(decisive, self.segmenter.schema_)
        return Answers(
            **vars(basic),
            runner_up=runner_up,
            unlike=self.novelty.unlike(coordinates),
            place=self.plane.place(coordinates).round(MAP_DIGITS),
            reason_names=names,
            reasons=reasons,
        )

    def basic(self, customers: Customers) -> BasicAnswers:
        """Return segments, memberships and nothing else of :meth:`answers`.

        For many customers at once: it takes a third of the time. Takes and raises what
        :meth:`score` does.
        """
        matrix = self._matrix(customers)
        if not len(matrix):
            return self.basic(self._one_unknown()).part(slice(0))
        return self._assigned(matrix)[-1]

    def _assigned(self, matrix: FloatArray) -> tuple[FloatArray, Assignment, BasicAnswers]:
        features = self.segmenter.features(matrix)
        assignment = self.segmenter.assign_features(features)
        memberships = self.calibration.memberships(assignment, features)
        numbers, names = self._labels()
        basic = BasicAnswers(numbers, names, assignment.segment, memberships)
        return features, assignment, basic

    def segments(self, customers: Customers) -> dict[str, NDArray[Any]]:
        """Return ``segment``, ``segment_name`` and ``confidence`` of :meth:`score` as arrays.

        Takes and raises what :meth:`score` does.
        """
        return self.basic(customers).columns()

    def save(self, directory: str | Path) -> None:
        """Write the model into a folder; see :mod:`segmentation.model.serialization`."""
        segmenter = self.segmenter
        parts = {
            "spec": segmenter.spec_.to_json(),
            "schema": segmenter.schema_.to_dict(),
            "rule": segmenter.rule_.name,
            "noise_share": segmenter.noise_share_,
            "identity": self.numbering.to_dict(),
        }
        if self.schema != segmenter.schema_:
            parts["table"] = self.schema.to_dict()
        arrays = {
            **_pipeline_arrays(segmenter.pipeline_),
            **with_prefix("rule", segmenter.rule_.to_arrays()),
            **with_prefix("reference", self.reference.to_arrays()),
            **with_prefix("novelty", self.novelty.to_arrays()),
            **with_prefix("calibration", self.calibration.to_arrays()),
            **with_prefix("plane", self.plane.to_arrays()),
            "medians": self.reasons.medians,
        }
        ModelFiles(parts, arrays, self.description).write(Path(directory))

    @classmethod
    def load(cls, directory: str | Path) -> SegmentationModel:
        """Read what :meth:`save` wrote, and score a customer without values to check that it works.

        The model answers as before, bit for bit.

        Raises
        ------
        ModelFileError
            When a file is missing or damaged, does not belong there or does not fit the others.
        """
        files = ModelFiles.read(Path(directory))
        try:
            model = cls._restored(files)
            model.score(model._one_unknown())
        except MISFITS as error:
            raise ModelFileError(
                f"the files in {directory} do not make a model together: "
                f"{type(error).__name__}: {error}. Copy the whole folder again or train again."
            ) from error
        return model

    @classmethod
    def _restored(cls, files: ModelFiles) -> SegmentationModel:
        parts, arrays = files.parts, files.arrays
        segmenter = _restored_segmenter(parts, arrays)
        numbering, medians = Numbering.from_dict(parts["identity"]), arrays["medians"]
        if not len(numbering.names) == len(medians) == segmenter.n_segments_:
            raise ModelFileError(
                f"{len(numbering.names)} names, {len(medians)} medians, "
                f"{segmenter.n_segments_} segments"
            )
        table = parts.get("table")
        return cls(
            segmenter,
            TableSchema.from_dict(table) if table else segmenter.schema_,
            numbering,
            ReferenceSpace.from_arrays(without_prefix("reference", arrays)),
            Reasons(segmenter.schema_.column_names, medians),
            Novelty.from_arrays(without_prefix("novelty", arrays)),
            _restored_calibration(without_prefix("calibration", arrays), segmenter.rule_),
            Plane.from_arrays(without_prefix("plane", arrays)),
            files.description,
        )

    def _one_unknown(self) -> FloatArray:
        """Return a customer of whom nothing is present."""
        return np.full((1, len(self.schema.columns)), np.nan)

    def _matrix(self, customers: Customers) -> FloatArray:
        features = self.segmenter.schema_
        if any(column.categorical for column in self.schema.columns):
            customers = expand(customers, self.schema, features)
        return customer_matrix(customers, features.column_names)

    def _labels(self) -> tuple[IntArray, NDArray[Any]]:
        """Return number and name of every segment, by cluster."""
        return np.array(self.numbering.numbers), np.array(self.numbering.names, dtype=object)


def _index(customers: Customers) -> pd.Index[Any]:
    if isinstance(customers, pd.DataFrame):
        return customers.index
    return pd.RangeIndex(len(customers))


def _description(
    segmenter: Segmenter,
    customers: pd.DataFrame,
    segment: IntArray,
    schema: TableSchema,
    evaluation: Evaluation,
) -> dict[str, Any]:
    """Return schema, spec, profiles, book and evaluation as JSON data."""
    features = segmenter.schema_
    profiles = [
        with_categories(profile.to_dict(), schema, features)
        for profile in profile_segments(customers, segment, features)
    ]
    numbers = {**asdict(evaluation), "feasible": evaluation.feasible}
    return {
        "schema": schema.to_dict(),
        "spec": json.loads(segmenter.spec_.to_json()),
        "profiles": profiles,
        "book": {**book_summary(customers, features), **most_frequent_levels(profiles[0], schema)},
        "evaluation": {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in numbers.items()
        },
    }


def _restored_segmenter(parts: Mapping[str, Any], arrays: Arrays) -> Segmenter:
    """Build a fitted segmenter again, without the assignment of its training customers."""
    schema = TableSchema.from_dict(parts["schema"])
    spec = SegmenterSpec.from_json(parts["spec"])
    segmenter = Segmenter(spec, schema)
    segmenter.spec_, segmenter.schema_, segmenter.table_ = spec, schema, schema
    segmenter.pipeline_ = build_pipeline(spec.preprocessing, schema)
    for name, step in segmenter.pipeline_.steps:
        for attribute, value in without_prefix(f"pipeline.{name}", arrays).items():
            setattr(step, attribute, value.item() if value.ndim == 0 else value)
    segmenter.rule_ = rule_from_arrays(parts["rule"], without_prefix("rule", arrays))
    segmenter.n_segments_ = segmenter.rule_.n_segments
    segmenter.noise_share_ = float(parts["noise_share"])
    segmenter.notes_ = ()
    return segmenter


def _restored_calibration(arrays: Arrays, rule: Rule) -> Calibration | CurveCalibration:
    if CURVE in arrays:
        return CurveCalibration.from_arrays(arrays, rule)
    return Calibration.from_arrays(arrays)


def _pipeline_arrays(pipeline: Pipeline) -> dict[str, NDArray[Any]]:
    """Return what each step learned: by our convention, arrays whose names end in ``_``."""
    return {
        f"pipeline.{name}.{attribute}": np.asarray(value)
        for name, step in pipeline.steps
        for attribute, value in vars(step).items()
        if attribute.endswith("_") and attribute != "feature_names_in_"
    }
