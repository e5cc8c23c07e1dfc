"""Put evaluated candidates in order: the model-based vote, the alternatives, the pick.

A candidate's score, stability + separation + 0.03 ln k, comes from its own
evaluation. What the others show decides two more things: how separated the best of them is, and
what a model of Gaussian groups would have chosen. Where no candidate is separated, that model's
choice counts more. Score and vote together make the order; only the evaluation has a score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sklearn.metrics import adjusted_rand_score

from experiments.search.candidates import Candidate
from segmentation.clustering.clusterers import CLUSTERERS
from segmentation.evaluation.result import SCORE_NOISE

VOTE, CROWDED = 1.3, 1.5
# The difference of two scores is known to about .04 and below that means nothing.
EQUAL = 2 * SCORE_NOISE
SIMPLE_FIRST = tuple(CLUSTERERS)


@dataclass(frozen=True)
class Standing:
    """A candidate among others."""

    candidate: Candidate
    vote: float  # in [0, 1]: adjusted Rand index with the partition of the largest likelihood gain
    preference: float  # score + weighted vote: the order, see `rank`

    @property
    def k(self) -> int:
        """Number of segments."""
        return self.candidate.evaluation.n_segments

    @property
    def score(self) -> float:
        """Stability + separation + 0.03 ln k of the candidate's latest evaluation."""
        return self.candidate.evaluation.score

    @property
    def simplicity(self) -> tuple[int, int, float]:
        """Sort key: plain preprocessing, simple algorithm, high preference."""
        spec = self.candidate.spec
        return (self.candidate.changes, SIMPLE_FIRST.index(spec.clusterer), -self.preference)

    def __str__(self) -> str:
        """Return score and vote in words."""
        return f"score {self.score:.2f}, vote {self.vote:.2f}"


@dataclass(frozen=True)
class Ranking:
    """The contenders of one fidelity level, best first: feasible candidates.

    Where none is feasible, those that violate the stability constraint only.
    """

    standings: tuple[Standing, ...]
    gap: float  # in [0, 1]: the largest min(stability, separation) of them

    def alternatives(self) -> list[Standing]:
        """Return the best standing of every number of segments, fewest first."""
        best: dict[int, Standing] = {}
        for standing in self.standings:
            best.setdefault(standing.k, standing)
        return [_simplest(best[k], self.standings) for k in sorted(best)]

    def pick(self, k: int = 0) -> Standing | None:
        """Return the best standing, or with `k` the alternative with so many segments.

        Segments that come back when refitted go before others. Of candidates that are equal
        within noise, the most separated is picked, and of those with as many segments the
        simplest.
        """
        if k:
            return next((standing for standing in self.alternatives() if standing.k == k), None)
        firm = [s for s in self.standings if s.candidate.evaluation.firm] or self.standings
        best = next((s for s in firm if not s.candidate.restates), next(iter(firm), None))
        return _simplest(_most_separated(best, firm), firm) if best else None

    def equals(self, pick: Standing) -> list[Standing]:
        """Return the alternatives with other numbers that rank as the pick within noise."""
        return [
            s
            for s in self.alternatives()
            if s.k != pick.k
            and (_firm(s), s.candidate.restates) == (_firm(pick), pick.candidate.restates)
            and abs(s.preference - pick.preference) <= EQUAL
        ]


def rank(candidates: Iterable[Candidate]) -> Ranking:
    """Rank candidates of one fidelity level; a spec tried twice counts once.

    The order is that of ``score + w V`` with ``w = 1.3 S(M)² (1.5 - gap)``, M being the contender
    with the largest likelihood gain and V the adjusted Rand index with it, 0 where no partition
    gains anything: the vote counts as the voter is stable, and more where no partition is
    separated. Candidates that restate two yes/no facts or a category come last and have no vote;
    nor have those whose segments do not come back when refitted, unless there are no others.
    """
    contenders = _contenders(candidates)
    if not contenders:
        return Ranking((), 0.0)
    gap = max(min(c.evaluation.stability, c.evaluation.separation) for c in contenders)
    real = [c for c in contenders if not c.restates] or contenders
    voters = [c for c in real if c.evaluation.firm] or real
    voter = max(voters, key=lambda c: (_gain(c), -c.number))
    weight = VOTE * voter.evaluation.stability**2 * (CROWDED - gap)
    standings = []
    for candidate in contenders:
        agreement = adjusted_rand_score(candidate.labels, voter.labels) if _gain(voter) > 0 else 0.0
        vote = float(max(0.0, agreement))
        standings.append(Standing(candidate, vote, candidate.evaluation.score + weight * vote))
    standings.sort(key=lambda s: (s.candidate.restates, -s.preference, s.k, s.candidate.number))
    return Ranking(tuple(standings), gap)


def promising(ranking: Ranking, most: int) -> list[Candidate]:
    """Return the candidates worth evaluating on more customers.

    The best of every number of segments comes first, even if there are more than `most`, so that
    the alternatives rest on the same evidence as the pick; then the largest likelihood gain; then
    the best.
    """
    leaders = [standing.candidate for standing in ranking.alternatives()]
    best = [s.candidate for s in ranking.standings if s.candidate not in leaders]
    if not best:
        return leaders
    voter = max(best, key=_gain)
    rest = [voter, *(c for c in best if c is not voter)]
    return [*leaders, *rest[: max(1, most - len(leaders))]]


def reason(ranking: Ranking, pick: Standing, k: int = 0) -> str:
    """Return in words why the pick has this number of segments; `k` is the number requested.

    Other numbers that the ranking cannot tell from it are named.
    """
    equals = [] if k else ranking.equals(pick)
    if not equals:
        return _reason(ranking, pick, k)
    names = " and ".join(str(standing.k) for standing in equals)
    return (
        f"{_reason(ranking, pick)} {names} segments rank equal within noise ({EQUAL:.2f}): these "
        "customers do not tell which is right; choose by use."
    )


def _reason(ranking: Ranking, pick: Standing, k: int = 0) -> str:
    alternatives = ranking.alternatives()
    head = f"{pick.k} segments: "
    if k:
        best = ranking.pick()
        other = f"; the search itself would pick {best.k}" if best and best.k != k else ""
        return f"{head}as requested{other}."
    larger = [s for s in alternatives if s.k > pick.k]
    if larger and pick.candidate.evaluation.firm and not any(_firm(s) for s in larger):
        top = max(larger, key=lambda s: s.candidate.evaluation.stability)
        return (
            f"{head}the largest number whose segments come back when refitted (stability "
            f"{pick.candidate.evaluation.stability:.2f}; of more segments at best "
            f"{top.candidate.evaluation.stability:.2f}, with {top.k})."
        )
    rivals = sorted((s for s in alternatives if s.k != pick.k), key=lambda s: -s.preference)
    if not rivals:
        return f"{head}no other number met all constraints."
    others = "; ".join(f"with {s.k}: {s}" for s in rivals[:2])
    ahead = [s for s in rivals if s.preference > pick.preference]
    if not ahead:
        return f"{head}ranked first ({pick}; {others})."
    if all(s.preference <= pick.preference + EQUAL + SCORE_NOISE for s in ahead):
        return (
            f"{head}the most separated ({pick.candidate.evaluation.separation:.2f}) of those that "
            f"rank equal within noise ({pick}; {others})."
        )
    return (
        f"{head}ranked first of those that come back when refitted and say more than two yes/no "
        f"facts or one category ({pick}; {others})."
    )


def _firm(standing: Standing) -> bool:
    return standing.candidate.evaluation.firm


def _gain(candidate: Candidate) -> float:
    return candidate.evaluation.further["likelihood_gain"]


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


def _most_separated(best: Standing, standings: Sequence[Standing]) -> Standing:
    """Return the most separated of those equal to the best, whatever their number of segments."""
    equals = [
        s
        for s in standings
        if s.candidate.restates == best.candidate.restates
        and s.preference >= best.preference - EQUAL
    ]
    return max(equals, key=lambda s: (s.candidate.evaluation.separation, s.preference))


def _simplest(best: Standing, standings: Sequence[Standing]) -> Standing:
    """Return the simplest of those equal to the best: as many segments, within noise of it."""
    noise = max(SCORE_NOISE, best.candidate.evaluation.score_error)
    equals = [
        s
        for s in standings
        if s.k == best.k
        and s.candidate.restates == best.candidate.restates
        and s.preference >= best.preference - noise
    ]
    return min(equals, key=lambda s: s.simplicity)
