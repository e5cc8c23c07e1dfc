"""The order of candidates once all are known: votes, restatements, equals, the alternatives."""

from dataclasses import MISSING, fields

import numpy as np
import pytest

from experiments.search.candidates import Candidate, as_text
from experiments.search.ranking import promising, rank, reason
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.evaluation.result import SCORE_NOISE, Evaluation

ROWS = 60


def candidate(
    number: int,
    k: int = 3,
    score: float = 1.5,
    *,
    clusterer: str = "k_means",
    preprocessing: Preprocessing | None = None,
    shift: int = 0,
    **numbers: float,
) -> Candidate:
    """Return a candidate whose partition is k equal ranges, shifted by some rows."""
    metrics = {"stability": 0.9, "separation": score - 0.9, **numbers}
    further = {name: metrics.pop(name, 0.0) for name in ("likelihood_gain", "restatement")}
    unstable = metrics["stability"] < 0.6
    names = [f.name for f in fields(Evaluation) if f.default is MISSING]
    plain = dict.fromkeys([n for n in names if n not in metrics], 0.0)
    plain = {n: v for n, v in plain.items() if n not in {"excess", "further", "seconds"}}
    evaluated = Evaluation(
        **{**plain, **metrics, "score": score, "n_segments": k, "rows": ROWS},
        infeasible=("stability is low",) if unstable else (),
        firm=metrics["stability"] >= 0.8,
        excess={"stability": 0.6 - metrics["stability"], "smallest_share": -0.1},
        further=further,
    )
    labels = np.roll(np.arange(ROWS) * k // ROWS, shift)
    hyperparameters = {"n_clusters": k} if clusterer != "hdbscan" else {}
    spec = SegmenterSpec(
        "s", preprocessing or Preprocessing(), clusterer, hyperparameters, seed=number
    )
    return Candidate(number, spec, evaluated, as_text(labels))


def numbers(candidates: list[Candidate]) -> list[int]:
    return [c.number for c in candidates]


def test_the_vote_goes_to_what_a_model_would_choose() -> None:
    """The partition of the largest likelihood gain lifts those like it, and itself."""
    voter = candidate(1, 4, 1.40, likelihood_gain=2.0)
    ranking = rank([candidate(0, 3, 1.45), voter])
    assert [s.candidate.number for s in ranking.standings] == [1, 0]
    by_number = {s.candidate.number: s for s in ranking.standings}
    assert by_number[1].vote == 1.0
    weight = 1.3 * 0.9**2 * (1.5 - ranking.gap)
    assert by_number[1].preference == pytest.approx(1.40 + weight)
    assert by_number[1].score == 1.40
    assert 0 < by_number[0].vote < 1


def test_nobody_votes_where_no_partition_gains() -> None:
    """A single Gaussian explains the table best: scores stay as they are."""
    ranking = rank([candidate(0, 3, 1.4), candidate(1, 4, 1.5, likelihood_gain=-0.1)])
    assert [s.preference for s in ranking.standings] == [1.5, 1.4]


def test_restatements_come_last_and_have_no_vote() -> None:
    """However high their score and their likelihood."""
    flags = candidate(0, 3, 1.9, restatement=0.95, likelihood_gain=9.0)
    real = candidate(1, 4, 1.3, likelihood_gain=0.5, shift=7)
    ranking = rank([flags, real])
    assert [s.candidate.number for s in ranking.standings] == [1, 0]
    assert ranking.standings[0].vote == 1.0


def test_segments_that_come_back_go_first() -> None:
    """A higher score does not make up for segments that a refit draws otherwise."""
    ranking = rank([candidate(0, 8, 1.9, stability=0.7), candidate(1, 4, 1.3)])
    assert [s.candidate.number for s in ranking.standings] == [0, 1]
    pick = ranking.pick()
    assert pick is not None
    assert pick.candidate.number == 1


def test_of_equals_the_simpler_is_picked() -> None:
    """As many segments, a score within noise: plain preprocessing and algorithm first."""
    elaborate = candidate(0, 4, 1.50, preprocessing=Preprocessing(scale="robust"))
    mixture = candidate(1, 4, 1.50, clusterer="gaussian_full")
    plain = candidate(2, 4, 1.50 - 0.9 * SCORE_NOISE)
    for order in ([elaborate, mixture, plain], [plain, elaborate, mixture]):
        pick = rank(order).pick()
        assert pick is not None
        assert pick.candidate.number == 2
    worse = candidate(2, 4, 1.50 - 1.5 * SCORE_NOISE)
    pick = rank([elaborate, worse]).pick()
    assert pick is not None
    assert pick.candidate.number == 0


def test_noise_is_that_of_the_splits_where_it_is_large() -> None:
    """A score known to a tenth only makes more candidates equal."""
    unsure = candidate(0, 4, 1.5, preprocessing=Preprocessing(scale="robust"), score_error=0.1)
    pick = rank([unsure, candidate(1, 4, 1.42)]).pick()
    assert pick is not None
    assert pick.candidate.number == 1


def test_the_alternatives_have_the_best_of_every_number() -> None:
    """Fewest first; any of them can be asked for; what is not there is None."""
    ranking = rank([candidate(0, 3, 1.6), candidate(1, 3, 1.2), candidate(2, 5, 1.4)])
    assert [(s.k, s.candidate.number) for s in ranking.alternatives()] == [(3, 0), (5, 2)]
    pick = ranking.pick(5)
    assert pick is not None
    assert pick.candidate.number == 2
    assert ranking.pick(4) is None


def test_the_unstable_stand_in_where_nothing_is_stable() -> None:
    """They are ranked, so that the best of what there is can be told; else they are left out."""
    unstable = candidate(0, 3, 1.0, stability=0.4)
    assert len(rank([unstable]).standings) == 1
    assert [s.candidate.number for s in rank([unstable, candidate(1)]).standings] == [1]
    assert rank([]).pick() is None


def test_leaders_of_all_numbers_and_the_voter_are_promising() -> None:
    """Then the best of the others, as many as there is room for."""
    evaluated = [candidate(i, k, s) for i, (k, s) in enumerate([(3, 1.6), (3, 1.5), (4, 1.0)])]
    evaluated.append(candidate(7, 3, 1.1, likelihood_gain=0.1, shift=31, clusterer="hdbscan"))
    evaluated.append(candidate(8, 3, 1.2, shift=29))
    assert set(numbers(promising(rank(evaluated), 1))) >= {2, 7}
    assert len(promising(rank(evaluated), 4)) == 4


def test_a_recipe_tried_twice_counts_once() -> None:
    """The older of two equal specs stands for both."""
    one = candidate(3, 4)
    twin = Candidate(8, one.spec, one.evaluation, one.partition)
    assert [s.candidate.number for s in rank([twin, one]).standings] == [3]


def test_of_equals_the_most_set_apart_is_picked() -> None:
    """Scores within twice the noise are equal, whatever the number of segments."""
    best = candidate(0, 5, 1.50, separation=0.6)
    apart = candidate(1, 3, 1.47, separation=0.9)
    worse = candidate(2, 4, 1.45, separation=1.0)
    ranking = rank([best, apart, worse])
    pick = ranking.pick()
    assert pick is not None
    assert pick.candidate.number == 1
    assert "3 segments: the most separated (0.90) of those that rank equal" in reason(ranking, pick)


def test_two_numbers_within_noise_are_named_as_two() -> None:
    """Neither a worse one nor one that does not come back is; and none where one is asked for."""
    candidates = [candidate(0, 5, 1.50), candidate(1, 3, 1.47), candidate(2, 4, 1.40)]
    ranking = rank([*candidates, candidate(3, 6, 1.49, stability=0.7)])
    pick = ranking.pick()
    assert pick is not None
    assert [pick.k, *(s.k for s in ranking.equals(pick))] == [5, 3]
    assert "3 segments rank equal within noise (0.04)" in reason(ranking, pick)
    assert "within noise" not in reason(ranking, pick, 5)


@pytest.mark.parametrize(
    ("others", "n_segments", "words"),
    [
        ([candidate(1, 6, 1.1, stability=0.65)], 0, "4 segments: the largest number whose"),
        (
            [candidate(1, 6, 1.1)],
            0,
            "4 segments: ranked first (score 1.50, vote 0.00; with 6: score 1.10, vote 0.00)",
        ),
        ([], 0, "no other number met all constraints"),
        ([candidate(1, 3, 1.6)], 4, "as requested; the search itself would pick 3"),
        (
            [candidate(1, 3, 1.7, restatement=0.9)],
            0,
            "say more than two yes/no facts or one category (score 1.50, vote 0.00; with 3: score",
        ),
    ],
)
def test_the_pick_is_explained(others: list[Candidate], n_segments: int, words: str) -> None:
    """The sentence says why this number of segments."""
    ranking = rank([candidate(0, 4, 1.5), *others])
    pick = ranking.pick(n_segments)
    assert pick is not None
    assert words in reason(ranking, pick, n_segments)


def test_partitions_travel_as_text() -> None:
    """One letter a customer, back to the same integers; too many segments leave nothing."""
    labels = np.random.default_rng(0).integers(0, 12, 500)
    restored = Candidate(0, candidate(0).spec, candidate(0).evaluation, as_text(labels))
    assert np.array_equal(restored.labels, labels)
    assert as_text(np.arange(100)) == ""
