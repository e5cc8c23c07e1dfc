"""What a study tries depends on places and history alone."""

import optuna
import pytest
from optuna.trial import FrozenTrial

from experiments.search.fidelity import Fidelity, Samples
from experiments.search.proposals import BATCH, ProposalSampler
from experiments.search.runner import find
from experiments.search.search_space import Space
from experiments.study.study import PLACE, open_study, optimise, settled
from experiments.study.worker_pool import Workers
from segmentation.evaluation.constraints import Constraints
from tests.segmentation.planted import SCHEMA, planted

SPACE = Space(SCHEMA.name, 2, 5, 3)
FIDELITIES = (Fidelity(200, 1_000), Fidelity(300, 4))


@pytest.fixture(scope="module")
def history() -> list[FrozenTrial]:
    """Return the settled trials of a short study."""
    study = open_study(None, "history")
    samples = Samples(planted(300)[0], SCHEMA, Constraints(2, 5), 3, fidelities=FIDELITIES)
    with Workers(1) as workers:
        find(study, SPACE, samples, workers, n_trials=30)
    return sorted(settled(study), key=lambda trial: trial.user_attrs[PLACE])


def test_first_recipes_fill_the_first_batch() -> None:
    """All of them need no history; batches of four follow without a gap."""
    sampler = ProposalSampler(SPACE)
    assert sampler.batch(0) == range(len(sampler.first))
    start = sampler.batch(0).stop
    assert sampler.batch(start) == range(start, start + BATCH)
    assert sampler.propose([], sampler.batch(0)) == sampler.first


def test_the_same_history_gives_the_same_proposals(history: list[FrozenTrial]) -> None:
    """Half near the best and not tried before, half sampled; another place, other samples."""
    sampler = ProposalSampler(SPACE)
    places = range(100, 104)
    proposed = sampler.propose(history, places)
    assert proposed == sampler.propose(history, places)
    assert proposed[2:] != sampler.propose(history, range(104, 108))[2:]
    tried = {SPACE.spec_of(dict(trial.params)) for trial in history}
    near = [SPACE.spec_of(parameters) for parameters in proposed[:2]]
    assert not tried & set(near)
    assert len(set(near)) == 2


def run(n_trials: int, study: optuna.Study) -> list[dict[str, object]]:
    def objective(trial: optuna.Trial) -> float:
        spec = SPACE.propose(trial)
        return float(len(spec.clusterer))

    optimise(study, objective, ProposalSampler(SPACE), n_trials=n_trials)
    return [
        dict(trial.params) for trial in sorted(settled(study), key=lambda t: t.user_attrs[PLACE])
    ]


def test_interruptions_do_not_change_what_is_tried() -> None:
    """Asked for in three portions, with a trial lost in between: the same trials."""
    whole = run(38, open_study(None, "whole"))
    study = open_study(None, "parts")
    run(33, study)
    assert run(36, study) == whole[:36]
    assert run(38, study) == whole


def test_a_place_is_taken_once() -> None:
    """A trial queued by two processes is evaluated by the first and pruned by the second."""
    study = open_study(None, "twice")
    (first, *_) = ProposalSampler(SPACE).first
    study.enqueue_trial(first, user_attrs={PLACE: 0})
    study.enqueue_trial(first, user_attrs={PLACE: 0})
    run(1, study)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED"]
