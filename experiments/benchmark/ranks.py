"""How far what is computed on a sample ranks recipes as all customers do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import silhouette_score

from experiments.search.candidates import as_labels
from experiments.search.fidelity import FIDELITIES, Fidelity, Samples
from experiments.search.proposals import ProposalSampler
from experiments.search.runner import space_for
from experiments.study.worker_pool import Outcome, Workers
from segmentation.clustering.spec import SegmenterSpec
from segmentation.data.readers import load_customers
from segmentation.evaluation.constraints import Constraints
from segmentation.evaluation.metrics import SILHOUETTE_ROWS
from segmentation.schema import load_schema
from segmentation.types import FloatArray, IntArray

RANKED = ("score", "stability", "separation", "likelihood_gain")
# Of what no second fit is needed for; scores differ by noise among the best.
LEAST_RANK = {"separation": 0.8, "silhouette": 0.95}
# Scores that differ by less are equal: see experiments/README.md.
MOST_LOST = 0.04


@dataclass(frozen=True)
class RankRow:
    """One number of many recipes, on a sample and on all customers.

    Parameters
    ----------
    name
        Of the number.
    rows
        Customers in the sample.
    correlation
        Spearman's, in [-1, 1].
    """

    name: str
    rows: int
    correlation: float


@dataclass(frozen=True)
class Ranks:
    """What samples keep of an order.

    Parameters
    ----------
    rows
        Correlations.
    customers, recipes
        Of the whole table; compared.
    lost
        Score of the best recipe, less that of the best among those that get from the first
        sample to the next, both on all customers.
    """

    rows: tuple[RankRow, ...]
    customers: int
    recipes: int
    lost: float


def ranks_of(source: str, schema_name: str, jobs: int) -> Ranks:
    """Judge the first recipes of a study on samples and on all customers of a table."""
    schema = load_schema(schema_name)
    customers = load_customers(source, schema).customers
    space = space_for(customers, schema, 3, 10, 0)
    specs = [space.spec_of(p) for p in ProposalSampler(space).first]
    levels = [Fidelity(fidelity.rows, len(specs)) for fidelity in FIDELITIES[:2]]
    everybody = Fidelity(len(customers), len(specs))
    samples = Samples(customers, schema, Constraints(), 0, fidelities=(*levels, everybody))
    with Workers(jobs) as workers:
        evaluated = {
            fidelity.rows: _evaluated(samples, fidelity, specs, workers)
            for fidelity in samples.fidelities
        }
    exact = evaluated[everybody.rows]
    alike = [
        number
        for number in exact
        if all(number in evaluations for evaluations in evaluated.values())
    ]
    rows = [
        RankRow(name, fidelity.rows, _ranked(name, evaluated[fidelity.rows], exact, alike))
        for name in RANKED
        for fidelity in samples.fidelities[:-1]
    ]
    coordinates = samples.evaluator_of(everybody).table.coordinates
    labels = [as_labels(exact[number].partition) for number in alike[::2]]
    rows.append(RankRow("silhouette", SILHOUETTE_ROWS, _silhouettes(labels, coordinates)))
    first = evaluated[levels[0].rows]
    reevaluated = sorted(alike, key=lambda i: -first[i].evaluation.score)[: FIDELITIES[1].most]
    scores = {number: exact[number].evaluation.score for number in alike}
    lost = max(scores.values()) - max(scores[number] for number in reevaluated)
    return Ranks(tuple(rows), len(customers), len(alike), lost)


def _evaluated(
    samples: Samples, fidelity: Fidelity, specs: Sequence[SegmenterSpec], workers: Workers
) -> dict[int, Outcome]:
    outcomes = workers.evaluate_all(samples.evaluator_of(fidelity), specs)
    return {number: o for number, o in enumerate(outcomes) if isinstance(o, Outcome)}


def _ranked(
    name: str, sample: Mapping[int, Outcome], exact: Mapping[int, Outcome], alike: Sequence[int]
) -> float:
    pairs = [
        [evaluations[i].evaluation.metrics()[name] for i in alike]
        for evaluations in (sample, exact)
    ]
    return float(spearmanr(*pairs).statistic)


def _silhouettes(labels: Sequence[IntArray], coordinates: FloatArray) -> float:
    """Compare the mean width of 2,000 customers, among themselves, with that of all."""
    picks = np.random.default_rng(0).permutation(len(coordinates))[:SILHOUETTE_ROWS]
    sample = [silhouette_score(coordinates[picks], partition[picks]) for partition in labels]
    return float(spearmanr(sample, [silhouette_score(coordinates, f) for f in labels]).statistic)


def rank_table(ranks: Ranks) -> str:
    """Return the correlations as text."""
    lines = [f"{row.name:<18}{row.rows:>8,} customers{row.correlation:>8.3f}" for row in ranks.rows]
    heading = f"rank correlation with {ranks.customers:,} customers, {ranks.recipes} recipes"
    best = f"the best {FIDELITIES[1].most} on {FIDELITIES[0].rows:,} customers go on"
    return "\n".join([heading, *lines, f"{best}: {ranks.lost:.3f} of the best score is lost"])


def too_low(ranks: Ranks) -> list[str]:
    """Return a sentence for each target that was not met."""
    missed = [
        f"{row.name} on {row.rows:,} customers ranks with {row.correlation:.3f}, at least "
        f"{LEAST_RANK[row.name]} wanted"
        for row in ranks.rows
        if row.correlation < LEAST_RANK.get(row.name, -1.0)
    ]
    if ranks.lost > MOST_LOST:
        missed.append(f"{ranks.lost:.3f} of the score is lost, at most {MOST_LOST} wanted")
    return missed
