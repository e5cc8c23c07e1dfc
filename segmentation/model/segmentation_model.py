"""The servable model: a fitted segmenter with everything its answer needs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segmentation.clustering.segmenter import Customers, Segmenter
from segmentation.errors import ModelFileError, SegmentationError
from segmentation.evaluation.reference_space import ReferenceSpace
from segmentation.evaluation.result import Evaluation
from segmentation.interpretation.explanations import Reasons, segment_medians
from segmentation.interpretation.projection import Plane, segment_map
from segmentation.model.calibration import Calibration
from segmentation.model.description import described
from segmentation.model.novelty import Novelty
from segmentation.model.segment_matching import Identity, first_identity
from segmentation.model.serialization import (
    Stored,
    named,
    part,
    restored_segmenter,
    segmenter_arrays,
    segmenter_recipe,
)
from segmentation.preprocessing.categorical import base_names, expand
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema
from segmentation.types import Assignment, FloatArray

MAP_DIGITS = 3
MISFITS = (KeyError, IndexError, TypeError, ValueError, AttributeError, SegmentationError)


@dataclass(frozen=True)
class SegmentationModel:
    """Scores customers and describes its segments.

    Parameters
    ----------
    segmenter
        Fitted.
    table
        The customers' table as a person knows it; the segmenter's schema has indicators in the
        place of its categories.
    identity
        Number and name of each segment, by cluster.
    reference
        The space in which novelty and reasons are measured.
    reasons, novelty, calibration, plane
        See their classes.
    about
        What :meth:`description` returns.
    """

    segmenter: Segmenter
    table: TableSchema
    identity: Identity
    reference: ReferenceSpace
    reasons: Reasons
    novelty: Novelty
    calibration: Calibration
    plane: Plane
    about: Mapping[str, Any]

    @classmethod
    def build(
        cls,
        segmenter: Segmenter,
        customers: pd.DataFrame,
        evaluation: Evaluation,
        seed: int,
        table: TableSchema | None = None,
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
        table
            What :meth:`score` takes; by default the segmenter's schema, where it has no
            indicators.
        """
        schema, segment = segmenter.schema_, segmenter.assign(customers).segment
        reference = ReferenceSpace(schema).fit(customers)
        coordinates = reference.transform(customers)
        medians = segment_medians(coordinates, segment, segmenter.n_segments_)
        table = table or schema
        about = described(segmenter, customers, segment, table, evaluation)
        plane = Plane.learn(coordinates)
        about["map"] = segment_map(coordinates, segment, plane, seed)
        return cls(
            segmenter,
            table,
            first_identity([profile["name"] for profile in about["profiles"]]),
            reference,
            Reasons(schema.column_names, medians),
            Novelty.learn(coordinates, seed),
            Calibration.learn(segmenter, customers, seed),
            plane,
            about,
        )

    @property
    def schema(self) -> TableSchema:
        """The table this model scores."""
        return self.table

    def assign(self, customers: Customers) -> Assignment:
        """Return the cluster of every customer, from 0, without what a person wants to read.

        Raises
        ------
        DataError
            When a column is missing.
        """
        return self.segmenter.assign(self._matrix(customers))

    def identified(self, identity: Identity) -> SegmentationModel:
        """Return the same model with other numbers and names of its segments.

        Parameters
        ----------
        identity
            As :func:`segmentation.model.segment_matching.match` finds it, of as many segments.
        """
        number = dict(zip(self.identity.numbers, identity.numbers, strict=True))
        name = dict(zip(self.identity.numbers, identity.names, strict=True))
        profiles = [
            {**profile, "number": number[profile["number"]], "name": name[profile["number"]]}
            for profile in self.about["profiles"]
        ]
        points = {
            kind: [[x, y, number[segment]] for x, y, segment in rows]
            for kind, rows in self.about["map"].items()
        }
        about = {**self.about, "profiles": profiles, "map": points}
        return replace(self, identity=identity, about=about)

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
            ``segment_name``, ``confidence`` (in [0, 1]: the share of such customers that keep
            their segment when the model is refitted), ``runner_up``, ``runner_up_name``,
            ``unlike_training``, ``map_x`` and ``map_y`` (where the customer lies on the map of
            :meth:`description`) and ``reasons`` (at most five column names, those that decided
            for the segment over the runner-up, most important first).

        Raises
        ------
        DataError
            When a column is missing.
        """
        matrix = self._matrix(customers)
        if not len(matrix):
            return self._score_one_unknown().iloc[:0].set_axis(_index(customers))
        assignment = self.segmenter.assign(matrix)
        segment, runner_up = assignment.segment, assignment.runner_up
        coordinates = self.reference.transform(matrix)
        reasons = self.reasons.decisive(coordinates, segment, runner_up, ~np.isnan(matrix))
        index, names = _index(customers), np.array(self.identity.names, dtype=object)
        numbers = np.array(self.identity.numbers)
        place = self.plane.place(coordinates).round(MAP_DIGITS)
        columns = {
            "segment": numbers[segment],
            "segment_name": pd.Series(names[segment], index=index, dtype=object),
            "confidence": self.calibration.apply(assignment.confidence),
            "runner_up": numbers[runner_up],
            "runner_up_name": pd.Series(names[runner_up], index=index, dtype=object),
            "unlike_training": self.novelty.unlike(coordinates),
            "map_x": place[:, 0],
            "map_y": place[:, 1],
            "reasons": pd.Series(
                base_names(reasons, self.segmenter.schema_), index=index, dtype=object
            ),
        }
        return pd.DataFrame(columns, index=index)

    def segments(self, customers: Customers) -> dict[str, NDArray[Any]]:
        """Return ``segment``, ``segment_name`` and ``confidence`` of :meth:`score` as arrays.

        For many customers at once: a fraction of the time of everything. Takes and raises what
        :meth:`score` does.
        """
        matrix = self._matrix(customers)
        cluster, confidence = np.empty(0, dtype=np.int64), np.empty(0)
        if len(matrix):
            assignment = self.segmenter.assign(matrix)
            cluster, confidence = assignment.segment, self.calibration.apply(assignment.confidence)
        return {
            "segment": np.array(self.identity.numbers)[cluster],
            "segment_name": np.array(self.identity.names, dtype=object)[cluster],
            "confidence": confidence,
        }

    def _matrix(self, customers: Customers) -> FloatArray:
        schema = self.segmenter.schema_
        if any(column.categorical for column in self.table.columns):
            customers = expand(customers, self.table, schema)
        return customer_matrix(customers, schema.column_names)

    def description(self) -> dict[str, Any]:
        """Return schema, spec, profiles, book, evaluation and map as plain JSON data."""
        return dict(self.about)

    def save(self, directory: Path) -> None:
        """Write the model into a folder; see :mod:`segmentation.model.serialization`."""
        recipe = {**segmenter_recipe(self.segmenter), "identity": asdict(self.identity)}
        if self.table != self.segmenter.schema_:
            recipe["table"] = self.table.to_dict()
        arrays = {
            **segmenter_arrays(self.segmenter),
            **named("reference", self.reference.to_arrays()),
            **named("novelty", self.novelty.to_arrays()),
            **named("calibration", self.calibration.to_arrays()),
            **named("plane", self.plane.to_arrays()),
            "medians": self.reasons.medians,
        }
        Stored(recipe, arrays, self.about).write(directory)

    @classmethod
    def load(cls, directory: Path) -> SegmentationModel:
        """Read what :meth:`save` wrote, and score a customer without values to see it work.

        Raises
        ------
        ModelFileError
            When a file is missing or damaged, does not belong there or does not fit the others.
        """
        stored = Stored.read(directory)
        try:
            model = cls._restored(stored)
            model._score_one_unknown()
        except MISFITS as error:
            raise ModelFileError(
                f"the files in {directory} do not make a model together: "
                f"{type(error).__name__}: {error}. Copy the whole folder again or train again."
            ) from error
        return model

    @classmethod
    def _restored(cls, stored: Stored) -> SegmentationModel:
        arrays = stored.arrays
        segmenter = restored_segmenter(stored.recipe, arrays)
        identity, medians = Identity.from_dict(stored.recipe["identity"]), arrays["medians"]
        if not len(identity.names) == len(medians) == segmenter.n_segments_:
            raise ModelFileError(
                f"{len(identity.names)} names, {len(medians)} medians, "
                f"{segmenter.n_segments_} segments"
            )
        table = stored.recipe.get("table")
        return cls(
            segmenter,
            TableSchema.from_dict(table) if table else segmenter.schema_,
            identity,
            ReferenceSpace.from_arrays(part("reference", arrays)),
            Reasons(segmenter.schema_.column_names, medians),
            Novelty.from_arrays(part("novelty", arrays)),
            Calibration.from_arrays(part("calibration", arrays)),
            Plane.from_arrays(part("plane", arrays)),
            stored.description,
        )

    def _score_one_unknown(self) -> pd.DataFrame:
        return self.score(np.full((1, len(self.schema.columns)), np.nan))


def _index(customers: Customers) -> pd.Index[Any]:
    if isinstance(customers, pd.DataFrame):
        return customers.index
    return pd.RangeIndex(len(customers))
