"""What everybody does: k-means on standardised columns, k by the best silhouette."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

from segmentation.types import FloatArray, IntArray

STARTS = 10
EXACT_ROWS = 3_000


def kmeans_silhouette(values: FloatArray, k_min: int, k_max: int, seed: int = 0) -> IntArray:
    """Partition `values` the usual way.

    Parameters
    ----------
    values
        Shape (n, d), no missing values.
    k_min, k_max
        Closed interval of the number of clusters.
    seed
        Seeds k-means; above 3,000 rows also the rows the silhouette is computed on.

    Returns
    -------
    Labels, shape (n,).
    """
    scaled = StandardScaler().fit_transform(values)
    best: tuple[float, IntArray] | None = None
    for k in range(k_min, min(k_max, len(values) - 1) + 1):
        labels = KMeans(k, n_init=STARTS, random_state=seed).fit_predict(scaled)
        if len(np.unique(labels)) < 2:
            continue
        rows = min(EXACT_ROWS, len(values))
        width = silhouette_score(scaled, labels, sample_size=rows, random_state=seed)
        if best is None or width > best[0]:
            best = (float(width), labels.astype(np.int64))
    return best[1] if best else np.zeros(len(values), dtype=np.int64)
