"""Every proposal is a valid recipe; every choice is reachable."""

from dataclasses import MISSING, fields

import optuna
import pytest

from experiments.candidates import Candidate, ladder, promising
from experiments.space import PREPROCESSING, Space
from segmentation.clusterers import CLUSTERERS
from segmentation.evaluation import Evaluation
from segmentation.schema import load_schema
from segmentation.segmenter import Segmenter
from segmentation.spec import Preprocessing, SegmenterSpec

SPACE = Space("cc_general", 3, 8, 5)


def proposals(number: int) -> list[SegmenterSpec]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [SPACE.propose(study.ask()) for _ in range(number)]


def test_proposals_are_valid_and_reach_everything() -> None:
    """Four hundred random proposals build, use every algorithm and every choice."""
    schema = load_schema("cc_general")
    specs = proposals(400)
    for spec in specs:
        Segmenter(spec, schema)
        assert spec.seed == 5
        if CLUSTERERS[spec.clusterer].takes_n_clusters:
            assert 3 <= int(spec.hyperparameters["n_clusters"]) <= 8
    assert {spec.clusterer for spec in specs} == set(CLUSTERERS)
    for name, choices in PREPROCESSING.items():
        if name != "reduction":
            assert {getattr(spec.preprocessing, name) for spec in specs} == set(choices)
    assert {spec.preprocessing.variance is None for spec in specs} == {True, False}


def test_the_first_trials_can_be_proposed() -> None:
    """What a study starts with are plain recipes over several numbers of segments."""
    study = optuna.create_study()
    for parameters in SPACE.first():
        study.enqueue_trial(parameters)
    wanted = [(p["algorithm"], p["n_clusters"]) for p in SPACE.first()]
    specs = [SPACE.propose(study.ask()) for _ in wanted]
    assert [(s.clusterer, s.hyperparameters["n_clusters"]) for s in specs] == wanted


@pytest.mark.parametrize("change", [{"k_max": 9}, {"seed": 6}, {"algorithms": ("k_means",)}])
def test_another_space_has_another_fingerprint(change: dict[str, object]) -> None:
    """A study is never continued in a space that it was not begun in."""
    plain = {"schema": "cc_general", "k_min": 3, "k_max": 8, "seed": 5}
    assert Space(**{**plain, **change}).fingerprint() != SPACE.fingerprint()  # type: ignore[arg-type]
    assert Space(**plain).fingerprint() == SPACE.fingerprint()  # type: ignore[arg-type]


def candidate(number: int, k: int, score: float, *, rows: int = 100, fit: bool = True) -> Candidate:
    spec = SegmenterSpec("s", Preprocessing(), "k_means", {"n_clusters": k}, seed=number)
    given = {"score", "n_segments", "rows", "excess", "further", "seconds"}
    names = [f.name for f in fields(Evaluation) if f.default is MISSING]
    nothing = dict.fromkeys(set(names) - given, 0.0)
    reasons = () if fit else ("too small",)
    judged = Evaluation(score=score, n_segments=k, rows=rows, infeasible=reasons, **nothing)
    return Candidate(number, spec, judged)


def test_the_best_of_every_number_of_segments_is_promising() -> None:
    """Leaders of all k first, then the best of the others; infeasible ones never."""
    judged = [
        candidate(i, k, s) for i, (k, s) in enumerate([(3, 2.0), (3, 1.9), (4, 1.0), (3, 1.8)])
    ]
    judged.append(candidate(9, 5, 9.0, fit=False))
    assert [c.number for c in promising(judged, 3)] == [0, 2, 1]
    assert [c.number for c in ladder(judged)] == [0, 2]


def test_evidence_from_more_customers_goes_first() -> None:
    """A judgement on a higher rung outranks a better score on a sample."""
    judged = [candidate(0, 3, 2.0), candidate(1, 3, 1.5, rows=1000)]
    assert [c.number for c in ladder(judged)] == [1]


def test_a_recipe_tried_twice_counts_once() -> None:
    """The older of two equal recipes stands for both."""
    one, other = candidate(3, 4, 1.0), candidate(8, 4, 1.0)
    twin = Candidate(8, one.spec, other.evaluation)
    assert [c.number for c in promising([twin, one], 5)] == [3]
