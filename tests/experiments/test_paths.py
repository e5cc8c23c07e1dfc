"""Commands work in folders whose path has spaces and letters beyond ASCII."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SHIPPED = ("MLproject", "conda.yaml", "segmentation", "experiments")


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with the tracking store that MLflow chooses by itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    everything = {**clean, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", **environment}
    return subprocess.run(
        command, cwd=folder, env=everything, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in such a folder, with one search behind it."""
    folder = tmp_path_factory.mktemp("paths") / "mit Größe und Platz"
    folder.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "*.png")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder)
    options = ("-P", "data=embedded:400", "-P", "n_trials=6", "-P", "trial_gigabytes=0")
    done = run(folder, "mlflow", "run", ".", "--env-manager", "local", *options)
    assert done.returncode == 0, done.stderr
    return folder


def test_mlflow_run_searches(checkout: Path) -> None:
    """The stores are in the folder itself; MLflow's own folder of an encoded name stays empty."""
    assert {path.name for path in checkout.glob("*.db")} == {"mlflow.db", "optuna.db"}
    assert not [*checkout.parent.glob("mit%20*/*")]


def test_an_encoded_address_leads_to_the_same_store(checkout: Path) -> None:
    """What MLflow hands to the processes it starts is read as it is meant."""
    address = f"sqlite:///{quote(str(checkout / 'mlflow.db'))}"
    for empty in checkout.parent.glob("mit%20*"):
        empty.rmdir()
    command = (sys.executable, "-m", "experiments.integrity", "--alias", "1")
    done = run(checkout, *command, MLFLOW_TRACKING_URI=address)
    assert done.stdout == (
        "customer-segmentation version 1: every file is as it was registered.\n"
    ), done.stderr
    assert [path.name for path in checkout.parent.iterdir()] == [checkout.name]


def test_a_store_that_cannot_be_opened_is_not_waited_for(tmp_path: Path) -> None:
    """A folder where a file should be stays one: say so at once, with what to do."""
    command = (sys.executable, "-m", "experiments.rollback")
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}", "PYTHONPATH": str(ROOT)}
    done = run(tmp_path, *command, **environment)
    assert done.returncode == 2
    assert done.stderr.startswith("error: MLFLOW_TRACKING_URI=")
    assert "cannot be opened (unable to open database file)" in done.stderr
    assert "Name another file" in done.stderr
