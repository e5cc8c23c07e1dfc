"""One of several processes at one study: ``python -m tests.soak.contending FOLDER STORAGE TRIALS``.

Judging takes no time here, so that the processes meet in the stores as often as they can.
"""

import random
import sys
from collections.abc import Sequence

import optuna
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Dataset, DatasetInput
from optuna.trial import FrozenTrial

from experiments.search.candidates import RUN
from experiments.search.proposals import ProposalSampler
from experiments.search.search_space import Parameters, Space
from experiments.study.databases import one_at_a_time, prepare_tracking, quiet
from experiments.study.recovery import close_orphans
from experiments.study.retry import retrying_client
from experiments.study.storage import open_storage
from experiments.study.study import open_study, optimise
from experiments.tracking.parent_run import open_experiment, open_parent
from experiments.tracking.tracker import Tracker
from tests.soak.searching import EXPERIMENT

SPACE = Space("cc_general", 3, 5, 0)


class Anything(ProposalSampler):
    """Proposes any of the first specs, the same for the same places."""

    def propose(self, _: Sequence[FrozenTrial], places: range) -> list[Parameters]:
        """Return complete parameters for every place of a batch."""
        return [random.Random(place).choice(self.first) for place in places]


def main(storage_url: str, trials: int) -> None:
    """Run trials until there are as many as asked for, by all processes together."""
    quiet()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    uri = prepare_tracking()
    client, storage = retrying_client(uri), open_storage(storage_url)
    source = CodeDatasetSource(tags={}).to_json()
    dataset = DatasetInput(Dataset("none", "0", "code", source))
    with one_at_a_time(storage_url, EXPERIMENT):
        experiment = open_experiment(client, EXPERIMENT)
        study = open_study(storage, EXPERIMENT)
        storage.watch(study.study_name)
        parent = open_parent(client, experiment, study.study_name, {})
        tracker = Tracker(client, experiment, parent, dataset)
        close_orphans(tracker, study)

    def objective(trial: optuna.Trial) -> float:
        spec = SPACE.propose(trial)
        with tracker.trial(trial.number, spec) as run_id:
            trial.set_user_attr(RUN, run_id)
            score = random.Random(trial.number).random()
            tracker.metrics(run_id, {"score": score})
        return score

    optimise(study, objective, Anything(SPACE), n_trials=trials)
    with one_at_a_time(storage_url, EXPERIMENT):
        close_orphans(tracker, study)
    tracker.finish()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
