"""Whether confidence is the probability it says: planted mixtures, and real tables refitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import softmax
from scipy.stats import multivariate_normal, ortho_group

from experiments.search.notebook import find_segments
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.readers import load_described
from segmentation.model.calibration import Calibration, bands, keeps_segment
from segmentation.model.segment_matching import best_partner, contingency
from segmentation.preprocessing.categorical import prepare_table
from segmentation.reports.figures.reliability import draw_reliability
from segmentation.schema.levels import decode
from segmentation.types import FloatArray, IntArray

SURE = 0.9
WITHIN = 1.1
FRESH = 4_000
# Distance of a mean from its nearest neighbour, in standard deviations of a spherical group.
NEAR, FAR = 2.8, 3.6
REFITS = 10
MOST_REFITTED = 20_000
# The clusterer whose model the groups are, of columns that were brought to one scale.
KINDS = {"spherical": "gaussian_tied", "alike": "gaussian_tied", "elliptical": "gaussian_full"}
# Shown beside it: round groups are not round any more when columns are brought to one scale.
BESIDE = "k_means"
SHAPES = ((2, 2), (3, 3), (4, 5), (6, 3))  # segments, columns


@dataclass(frozen=True)
class Mixture:
    """Normal groups whose posterior is known: shares (k,), means (k, d), covariances (k, d, d)."""

    name: str
    shares: FloatArray
    means: FloatArray
    covariances: FloatArray

    def draw(self, rows: int, seed: int) -> tuple[FloatArray, IntArray]:
        """Return customers, shape (rows, d), and the group of each."""
        random = np.random.default_rng(seed)
        group = random.choice(len(self.shares), rows, p=self.shares)
        noise = random.normal(size=(rows, self.means.shape[1]))
        roots = np.linalg.cholesky(self.covariances)[group]
        return self.means[group] + np.einsum("nij,nj->ni", roots, noise), group

    def posterior(self, customers: FloatArray) -> FloatArray:
        """Return the true probability of every group, shape (n, k)."""
        parts = zip(self.shares, self.means, self.covariances, strict=True)
        log_joint = [
            np.log(share) + multivariate_normal(mean, covariance).logpdf(customers)
            for share, mean, covariance in parts
        ]
        return np.asarray(softmax(np.stack(log_joint, axis=1), axis=1))


@dataclass(frozen=True)
class PlantedRow:
    """Losses of the memberships of one model on fresh customers, beside those of the truth."""

    mixture: str
    clusterer: str
    segments: int
    accuracy: float
    brier: float
    brier_true: float
    log_loss: float
    log_loss_true: float

    @property
    def within(self) -> bool:
        """Whether both losses are within a tenth of the true posterior's."""
        return (
            self.brier <= WITHIN * self.brier_true and self.log_loss <= WITHIN * self.log_loss_true
        )


@dataclass(frozen=True)
class KeptRow:
    """How often customers of a real table keep their segment, by how sure the model is."""

    table: str
    algorithm: str
    segments: int
    customers: int
    # Shape (10, 3) each: confidence, share of bootstraps that keep the segment, customers.
    everybody: FloatArray
    a_month_later: FloatArray
    sure: FloatArray  # of those with a confidence of at least 0.9
    share_sure: float
    share_nearly_certain: float  # with at least 0.985

    @property
    def holds(self) -> bool:
        """Whether every tenth of the sure ones keeps its segment as often as it should."""
        return bool((self.sure[:, 1] >= SURE).all())


def planted_mixture(kind: str, segments: int, columns: int, seed: int) -> Mixture:
    """Return a mixture whose groups overlap: every mean has a neighbour 2.8 to 3.6 away.

    ``spherical`` groups are round and of one size, ``alike`` ones have one covariance, and those
    of ``elliptical`` mixtures each their own.
    """
    random = np.random.default_rng([seed, segments, columns])
    means = [np.zeros(columns)]
    while len(means) < segments:
        mean = random.normal(size=columns) * FAR * segments ** (1 / columns)
        nearest = min(float(np.linalg.norm(mean - other)) for other in means)
        if NEAR <= nearest <= FAR:
            means.append(mean)
    if kind == "spherical":
        covariances = np.stack([np.eye(columns)] * segments)
    else:
        made = [_covariance(columns, random) for _ in range(segments)]
        covariances = np.stack(made if kind == "elliptical" else made[:1] * segments)
    shares = np.full(segments, 1.0 / segments)
    if kind != "spherical":
        shares = random.dirichlet(np.full(segments, 20.0))
    name = f"{kind}, {segments} in {columns} columns"
    return Mixture(name, shares, np.stack(means), covariances)


def _covariance(columns: int, random: np.random.Generator) -> FloatArray:
    axes = ortho_group(columns, seed=random).rvs()
    axes = np.asarray(axes).reshape(columns, columns)
    return np.asarray(axes @ np.diag(random.uniform(0.5, 1.3, columns)) @ axes.T)


def score_planted(mixture: Mixture, clusterer: str, rows: int, seed: int = 0) -> PlantedRow:
    """Fit a clusterer that knows the number of groups; judge its memberships on fresh customers."""
    customers, _ = mixture.draw(rows, seed)
    rule = "prototype" if clusterer == "k_means" else "gaussian"
    hyperparameters = {"n_clusters": len(mixture.shares)}
    spec = SegmenterSpec("array", Preprocessing(), clusterer, hyperparameters, rule, seed)
    segmenter = Segmenter(spec).fit(customers)
    return _judged(mixture, segmenter, Calibration.learn(segmenter, customers, seed), seed)


def search_planted(mixture: Mixture, rows: int, trials: int, jobs: int) -> PlantedRow:
    """Let the whole search choose, the number of groups unknown; judge as :func:`score_planted`."""
    customers, _ = mixture.draw(rows, 0)
    names = [f"amount_{place}" for place in range(customers.shape[1])]
    segments = find_segments(
        pd.DataFrame(customers, columns=names),
        n_trials=trials,
        k_min=2,
        n_jobs=jobs,
        progress=False,
    )
    model = segments.model
    return _judged(mixture, model.segmenter, model.calibration, 0)


def _judged(mixture: Mixture, segmenter: Segmenter, calibration: Any, seed: int) -> PlantedRow:
    fresh, group = mixture.draw(FRESH, seed + 1_000)
    features = segmenter.features(fresh)
    assignment = segmenter.assign_features(features)
    stated = calibration.memberships(assignment, features)
    aligned = _aligned(stated, assignment.segment, group, len(mixture.shares))
    brier, log_loss = losses(aligned, group)
    brier_true, log_loss_true = losses(mixture.posterior(fresh), group)
    return PlantedRow(
        mixture.name,
        segmenter.spec_.clusterer,
        segmenter.n_segments_,
        float((aligned.argmax(axis=1) == group).mean()),
        brier,
        brier_true,
        log_loss,
        log_loss_true,
    )


def _aligned(stated: FloatArray, segment: IntArray, group: IntArray, groups: int) -> FloatArray:
    """Return memberships in the order of the groups; segments without a partner come last."""
    counts = contingency(group, segment, (groups, stated.shape[1]))
    partner = best_partner(counts)
    result = np.zeros((len(stated), max(groups, stated.shape[1])))
    spare = iter(sorted(set(range(result.shape[1])) - set(partner.tolist())))
    for own, theirs in enumerate(partner.tolist()):
        result[:, theirs if theirs >= 0 else next(spare)] = stated[:, own]
    return result


def losses(stated: FloatArray, group: IntArray) -> tuple[float, float]:
    """Return Brier score (Brier 1950) and log loss of probabilities, shape (n, k)."""
    truth = np.eye(stated.shape[1])[group]
    brier = float(((stated - truth) ** 2).sum(axis=1).mean())
    own = np.clip(stated[np.arange(len(group)), group], 1e-12, None)
    return brier, float(-np.log(own).mean())


def planted_rows(rows: int, trials: int, jobs: int) -> Iterator[PlantedRow]:
    """Judge mixtures of every kind with the clusterer that has their model; some searched too."""
    for kind, clusterer in KINDS.items():
        for segments, columns in SHAPES:
            mixture = planted_mixture(kind, segments, columns, 0)
            yield score_planted(mixture, clusterer, rows)
            if kind == "spherical":
                yield score_planted(mixture, BESIDE, rows)
    if trials:
        for kind in KINDS:
            yield search_planted(planted_mixture(kind, 4, 5, 0), rows, trials, jobs)


def kept_row(table: Path, trials: int, jobs: int) -> KeptRow:
    """Search a table; refit the pick on bootstraps and see which customers keep their segment."""
    validated, schema = load_described(str(table), "auto")
    readable = decode(validated.customers, schema)
    searched = find_segments(readable, schema=schema, n_trials=trials, n_jobs=jobs, progress=False)
    model, customers = searched.model, prepare_table(validated.customers, schema).customers
    customers = customers.head(MOST_REFITTED)
    features = model.segmenter.features(customers)
    assignment = model.segmenter.assign_features(features)
    memberships = model.calibration.memberships(assignment, features)
    confidence = memberships[np.arange(len(customers)), assignment.segment]
    preserved, changed = (
        np.mean(
            [
                keeps_segment(model.segmenter, customers, [1_000, i], changed=later)
                for i in range(REFITS)
            ],
            axis=0,
        )
        for later in (False, True)
    )
    sure = confidence >= SURE
    return KeptRow(
        table.stem,
        model.segmenter.spec_.clusterer,
        model.segmenter.n_segments_,
        len(customers),
        bands(confidence, preserved),
        bands(confidence, changed),
        bands(confidence[sure], preserved[sure]),
        float(sure.mean()),
        float((confidence >= 0.985).mean()),
    )


def planted_table(rows: Sequence[PlantedRow]) -> str:
    """Return the losses and their ratios to those of the truth."""
    frame = pd.DataFrame([asdict(row) for row in rows])
    frame["brier_ratio"] = frame["brier"] / frame["brier_true"]
    frame["log_loss_ratio"] = frame["log_loss"] / frame["log_loss_true"]
    within = sum(row.within for row in rows)
    return (
        f"{frame.round(3).to_string(index=False)}\n\n{within} of {len(rows)} within 10% of the "
        f"true posterior; mean ratios {frame['brier_ratio'].mean():.3f} (Brier), "
        f"{frame['log_loss_ratio'].mean():.3f} (log loss)"
    )


def kept_table(row: KeptRow) -> str:
    """Return the reliability of one real table's model in words and numbers."""
    frame = pd.DataFrame(
        {
            "confidence": row.everybody[:, 0],
            "kept_in_bootstraps": row.everybody[:, 1],
            "kept_a_month_later": row.a_month_later[:, 1],
            "sure_confidence": row.sure[:, 0],
            "sure_kept_in_bootstraps": row.sure[:, 1],
        },
        index=pd.RangeIndex(1, len(row.everybody) + 1, name="tenth"),
    )
    return (
        f"{row.table}: {row.customers:,} customers, {row.segments} segments by {row.algorithm}; "
        f"{row.share_sure:.1%} with a confidence of at least 0.9, "
        f"{row.share_nearly_certain:.1%} of at least 0.985\n{frame.round(3).to_string()}\n"
        f"customers from 0.9 on keep their segment in at least 0.9 of {REFITS} bootstraps, "
        f"in every tenth: {'yes' if row.holds else 'no'}"
    )


def missed_targets(planted: Sequence[PlantedRow], real: Sequence[KeptRow]) -> list[str]:
    """Return a sentence for every target that was missed."""
    return [
        *(
            f"{row.mixture}, {row.clusterer}: not within 10%"
            for row in planted
            if not row.within and row.clusterer != BESIDE
        ),
        *(f"{row.table}: sure customers lose their segment" for row in real if not row.holds),
    ]


def diagram(rows: Sequence[KeptRow]) -> Figure:
    """Return the reliability diagram of the tables, on bootstraps and a month's changes."""
    return draw_reliability({row.table: row.a_month_later for row in rows})
