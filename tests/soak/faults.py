"""Algorithms that crash, hang or swallow memory, by name; the rest evaluates as it should."""

import ctypes
import time

import numpy as np

from segmentation.clustering.spec import SegmenterSpec
from segmentation.evaluation.evaluator import EvaluatedSegmenter, Evaluator

RAISES, DIES, HANGS, SWALLOWS = "k_means", "gaussian_tied", "gaussian_full", "gaussian_diagonal"
FAULTY = (RAISES, DIES, HANGS, SWALLOWS)
HUNDRED_GB = 100 * 1024**3


class FaultyEvaluator(Evaluator):
    """An evaluator under which some algorithms misbehave."""

    def evaluate(self, spec: SegmenterSpec) -> EvaluatedSegmenter:
        """Evaluate a spec, or misbehave."""
        if spec.clusterer == RAISES:
            raise ZeroDivisionError("the algorithm divided by nothing")
        if spec.clusterer == DIES:
            ctypes.string_at(0)
        if spec.clusterer == HANGS:
            while True:
                time.sleep(3600)
        if spec.clusterer == SWALLOWS:
            np.ones(HUNDRED_GB // 8)
        return super().evaluate(spec)
