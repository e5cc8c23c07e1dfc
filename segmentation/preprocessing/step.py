"""What all preprocessing steps share: arrays in, arrays out, and only arrays are learned."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from segmentation.types import FloatArray


class ArrayStep(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer that learns arrays and gives a row the same answer alone and in a batch.

    A subclass writes ``_learn`` and ``_apply``; everything it learns is an array or a number
    whose name ends in ``_``, so a fitted step is saved as plain arrays.
    """

    accepts_missing: ClassVar[bool] = False

    def fit(self, X: Any, y: None = None) -> Self:  # noqa: ARG002
        """Learn from a matrix of shape (n, d) and return the step itself."""
        self._learn(self._validated(X, reset=True))
        return self

    def transform(self, X: Any) -> FloatArray:
        """Return the transformed matrix, one row per row of `X`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before :meth:`fit`.
        """
        check_is_fitted(self)
        return self._apply(self._validated(X, reset=False))

    def apply(self, matrix: FloatArray) -> FloatArray:
        """Return :meth:`transform` of a float matrix that was validated before."""
        return self._apply(matrix)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.accepts_missing
        return tags

    def _validated(self, X: Any, *, reset: bool) -> FloatArray:
        finite = "allow-nan" if self.accepts_missing else True
        matrix: FloatArray = validate_data(
            self, X, reset=reset, dtype=np.float64, order="C", ensure_all_finite=finite
        )
        return matrix

    def _learn(self, matrix: FloatArray) -> None:
        """Learn from a validated matrix; nothing by default."""

    def _apply(self, matrix: FloatArray) -> FloatArray:
        """Return a new matrix; must not change `matrix`."""
        raise NotImplementedError


def column_quantile(matrix: FloatArray, share: float) -> FloatArray:
    """Return each column's quantile over its present values, shape (d,); 0 for an empty column."""
    result = np.zeros(matrix.shape[1])
    filled = ~np.isnan(matrix).all(axis=0)
    result[filled] = np.nanquantile(matrix[:, filled], share, axis=0)
    return result
