"""Trees of merges: of segments by their centres, and of the customers of a hierarchical fit."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import linkage

from segmentation.clustering.genie import merge_order
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spanning_tree import SpanningTree, spanning_tree
from segmentation.types import FloatArray

LINKAGES = ("ward", "average", "complete")
HIERARCHICAL = (*LINKAGES, "genie")


def segment_tree(centres: FloatArray) -> FloatArray:
    """Return how segments merge by average linkage of their centres.

    Parameters
    ----------
    centres
        Shape (k, d), k at least 2.

    Returns
    -------
    FloatArray
        Shape (k - 1, 4), a linkage matrix of :mod:`scipy.cluster.hierarchy`; heights are mean
        distances between centres.
    """
    return np.asarray(linkage(centres, "average"))


def customer_tree(segmenter: Segmenter, features: FloatArray) -> FloatArray:
    """Return how customers merge by the linkage of a fitted hierarchical segmenter.

    Genie's merges are not in the order of their lengths, so they are as high as they come late:
    the logarithm of customers by groups left.

    Parameters
    ----------
    segmenter
        Whose clusterer is one of :data:`HIERARCHICAL`.
    features
        Shape (m, number of features), at least two customers.

    Returns
    -------
    FloatArray
        Shape (m - 1, 4), a linkage matrix of :mod:`scipy.cluster.hierarchy`.
    """
    spec = segmenter.spec_
    if spec.clusterer in LINKAGES:
        return np.asarray(linkage(features, spec.clusterer))
    genie = segmenter.clusterer.build(spec.hyperparameters, spec.seed)
    tree = spanning_tree(features, genie.n_neighbours)
    return _genie_tree(tree, genie.gini_threshold)


def _genie_tree(tree: SpanningTree, gini_threshold: float) -> FloatArray:
    """Return Genie's merges down to one cluster as a linkage matrix."""
    edges = merge_order(tree, gini_threshold, 1)
    rows = len(tree.start) + 1
    heights = np.log(rows / np.arange(rows - 1, 0, -1))
    cluster, members = np.arange(rows), [[row] for row in range(rows)]
    merges = np.empty((len(edges), 4))
    for step, edge in enumerate(edges):
        one, other = sorted((int(cluster[tree.start[edge]]), int(cluster[tree.end[edge]])))
        both = members[one] + members[other]
        merges[step] = one, other, heights[step], len(both)
        members.append(both)
        cluster[both] = rows + step
    return merges
