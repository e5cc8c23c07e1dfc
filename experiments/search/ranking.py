"""Put evaluated candidates in order: the model-based vote, the alternatives, the pick.

A trial's own score, stability + separation + 0.03 ln k, is what can be known while it runs. What
the others found decides two more things: how set apart the best of them is, and what a model of
Gaussian groups would have chosen. Where nothing is set apart, that model's choice counts more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sklearn.metrics import adjusted_rand_score

from experiments.search.candidates import Candidate
from segmentation.clustering.clusterers import CLUSTERERS

VOTE, CROWDED = 1.3, 1.5
# Rank correlation of the score between split seeds is .9: a score is known to about .02, so the
# difference of two is known to about .04 and below that means nothing.
NOISE = 0.02
EQUAL = 2 * NOISE
SIMPLE_FIRST = tuple(CLUSTERERS)


@dataclass(frozen=True)
class Standing:
    """A candidate among others.

    Parameters
    ----------
    candidate
        Judged.
    vote
        In [0, 1]: adjusted Rand index with the partition of the largest likelihood gain; 0
        where no partition gains anything.
    score
        The candidate's score plus the weighted vote.
    """

    candidate: Candidate
    vote: float
    score: float

    @property
    def k(self) -> int:
        """Number of segments."""
        return self.candidate.evaluation.n_segments

    @property
    def simplicity(self) -> tuple[int, int, float]:
        """Sort key: plain preprocessing, simple algorithm, high score."""
        spec = self.candidate.spec
        return (self.candidate.changes, SIMPLE_FIRST.index(spec.clusterer), -self.score)


@dataclass(frozen=True)
class Ranking:
    """The contenders of one fidelity level, best first.

    Parameters
    ----------
    standings
        Feasible candidates; where none is, those that violate the stability constraint only.
    gap
        In [0, 1]: the largest min(stability, separation) of them.
    """

    standings: tuple[Standing, ...]
    gap: float

    def alternatives(self) -> list[Standing]:
        """Return the best standing of every number of segments, fewest first."""
        best: dict[int, Standing] = {}
        for standing in self.standings:
            best.setdefault(standing.k, standing)
        return [_simplest(best[k], self.standings) for k in sorted(best)]

    def pick(self, k: int = 0) -> Standing | None:
        """Return the best standing, or with `k` the alternative with so many segments.

        Segments that come back when refitted go before others, whatever the score. Of
        candidates whose scores are equal within noise, the one that is set apart most is picked,
        and of those with as many segments the simplest.
        """
        if k:
            return next((standing for standing in self.alternatives() if standing.k == k), None)
        held = [s for s in self.standings if s.candidate.evaluation.firm] or self.standings
        best = next((s for s in held if not s.candidate.restates), next(iter(held), None))
        return _simplest(_most_apart(best, held), held) if best else None


def rank(candidates: Iterable[Candidate]) -> Ranking:
    """Rank candidates that were judged on the same customers.

    The score is ``S + B + 0.03 ln k + w V`` with w = 1.3 S(M)² (1.5 - gap), M being the
    contender with the largest likelihood gain and V the adjusted Rand index with it: the vote
    counts as the voter is stable, and more where no partition is set apart. Candidates that
    restate two yes/no facts come last and have no vote; nor have those whose segments do not
    come back when refitted, unless there are no others.

    Parameters
    ----------
    candidates
        Of one fidelity level; a recipe tried twice counts once.
    """
    contenders = _contenders(candidates)
    if not contenders:
        return Ranking((), 0.0)
    gap = max(min(c.evaluation.stability, c.evaluation.separation) for c in contenders)
    real = [c for c in contenders if not c.restates] or contenders
    voters = [c for c in real if c.evaluation.firm] or real
    voter = max(voters, key=lambda c: (c.evaluation.further["likelihood_gain"], -c.number))
    gains = voter.evaluation.further["likelihood_gain"] > 0
    weight = VOTE * voter.evaluation.stability**2 * (CROWDED - gap)
    standings = []
    for candidate in contenders:
        vote = max(0.0, adjusted_rand_score(candidate.labels, voter.labels)) if gains else 0.0
        score = candidate.evaluation.score + weight * vote
        standings.append(Standing(candidate, float(vote), float(score)))
    standings.sort(key=lambda s: (s.candidate.restates, -s.score, s.k, s.candidate.number))
    return Ranking(tuple(standings), gap)


def promising(ranking: Ranking, most: int) -> list[Candidate]:
    """Return the candidates worth judging on more customers.

    The best of every number of segments comes first, so that the alternatives rest on the same
    evidence as the pick; then the voter's likes, the largest likelihood gain; then the best.

    Parameters
    ----------
    ranking
        Of the level below.
    most
        How many to return at most, unless there are more numbers of segments than that.
    """
    leaders = [standing.candidate for standing in ranking.alternatives()]
    rest = [s.candidate for s in ranking.standings if s.candidate not in leaders]
    if rest:
        rest.sort(key=lambda c: -c.evaluation.further["likelihood_gain"])
        best = [s.candidate for s in ranking.standings if s.candidate in rest]
        rest = [rest[0], *(c for c in best if c is not rest[0])]
    return [*leaders, *rest[: max(1, most - len(leaders))]]


def reason(ranking: Ranking, pick: Standing, asked: int = 0) -> str:
    """Return in words why this number of segments is the pick."""
    alternatives = ranking.alternatives()
    head = f"{pick.k} segments: "
    if asked:
        best = ranking.pick()
        other = f"; the search itself would pick {best.k}" if best and best.k != asked else ""
        return f"{head}as asked{other}."
    larger = [s for s in alternatives if s.k > pick.k]
    held = pick.candidate.evaluation.firm
    lost = larger and not any(s.candidate.evaluation.firm for s in larger)
    if held and lost:
        top = max(larger, key=lambda s: s.candidate.evaluation.stability)
        return (
            f"{head}the largest number whose segments come back when refitted (stability "
            f"{pick.candidate.evaluation.stability:.2f}; of more segments at best "
            f"{top.candidate.evaluation.stability:.2f}, with {top.k})."
        )
    others = sorted((s for s in alternatives if s.k != pick.k), key=lambda s: -s.score)[:2]
    if not others:
        return f"{head}no other number met all constraints."
    rivals = " and ".join(f"{s.score:.2f} with {s.k}" for s in others)
    above = [s for s in alternatives if s.score > pick.score and s.k != pick.k]
    if not above:
        return f"{head}the best score, {pick.score:.2f}, against {rivals}."
    if all(s.score <= pick.score + EQUAL + NOISE for s in above):
        return (
            f"{head}the most set apart (separation {pick.candidate.evaluation.separation:.2f}) of "
            f"those whose scores are equal within noise, {pick.score:.2f} against {rivals}."
        )
    return (
        f"{head}the best score, {pick.score:.2f}, of those that come back when refitted and say "
        f"more than two yes/no facts; the others: {rivals}."
    )


def _contenders(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the feasible candidates, or else those that violate the stability constraint only."""
    distinct: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.number):
        if candidate.partition:
            distinct.setdefault(candidate.spec.to_json(), candidate)
    feasible = [c for c in distinct.values() if c.evaluation.feasible]
    return feasible or [c for c in distinct.values() if _only_unstable(c)]


def _only_unstable(candidate: Candidate) -> bool:
    return [n for n, excess in candidate.evaluation.excess.items() if excess > 0] == ["stability"]


def _most_apart(best: Standing, standings: Sequence[Standing]) -> Standing:
    """Return the one of largest separation of those equal to the best, whatever their number."""
    equals = [
        s
        for s in standings
        if s.candidate.restates == best.candidate.restates and s.score >= best.score - EQUAL
    ]
    return max(equals, key=lambda s: (s.candidate.evaluation.separation, s.score))


def _simplest(best: Standing, standings: Sequence[Standing]) -> Standing:
    """Return the simplest of those equal to the best: as many segments, score within noise."""
    noise = max(NOISE, best.candidate.evaluation.score_error)
    equals = [
        s
        for s in standings
        if s.k == best.k
        and s.candidate.restates == best.candidate.restates
        and s.score >= best.score - noise
    ]
    return min(equals, key=lambda s: s.simplicity)
