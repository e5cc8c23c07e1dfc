"""Commands work anywhere: odd paths, terminals without UTF-8, a folder that is read-only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# Where no user may write, not even root.
READ_ONLY = Path("/sys")
# A terminal in Turkish, whose encoding lacks most letters.
TURKISH = {"LANG": "tr_TR", "LC_ALL": "tr_TR", "PYTHONIOENCODING": "iso-8859-9"}
SHIPPED = ("MLproject", "conda.yaml", "segmentation", "experiments")


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with the tracking store that MLflow chooses by itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    everything = {**clean, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", **environment}
    return subprocess.run(
        command,
        cwd=folder,
        env=everything,
        capture_output=True,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        check=False,
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
    done = run(folder, "mlflow", "run", ".", "--env-manager", "local", *options, **TURKISH)
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


def test_a_read_only_folder_is_left_alone(tmp_path: Path) -> None:
    """Store, study and models are where the tracking store is; the language is C."""
    store = tmp_path / "mit Größe und Platz" / "mlflow.db"
    where = {"MLFLOW_TRACKING_URI": f"sqlite:///{store}", "PYTHONPATH": str(ROOT), "LC_ALL": "C"}
    command = (sys.executable, "-m", "experiments")
    few = ("--n-trials", "3", "--k-max", "4", "--trial-gigabytes", "0", "--trial-seconds", "0")
    done = run(READ_ONLY, *command, "search", "--data", "embedded:300", *few, **where)
    assert done.returncode == 0, done.stderr
    scored = str(tmp_path / "scored.csv")
    done = run(READ_ONLY, *command, "score", "--data", "embedded:20", "--out", scored, **where)
    assert done.stdout == f"20 customers scored into {scored}\n", done.stderr
    assert {"mlflow.db", "mlruns", "optuna.db"} <= {path.name for path in store.parent.iterdir()}
    done = run(READ_ONLY, *command, "serve", **where)
    assert done.returncode == 1
    assert "var/log cannot be made" in done.stderr
    assert "SEGMENTATION_LOGS" in done.stderr


def test_a_read_only_checkout_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    """`mlflow run` of it, from a read-only folder: no file appears, none changes."""

    def state() -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in checkout.rglob("*")}

    before, folders = state(), [path for path in [checkout, *checkout.rglob("*")] if path.is_dir()]
    for path in folders:  # which holds whoever is not root
        path.chmod(0o555)
    try:
        command = ("mlflow", "run", str(checkout), "--env-manager", "local")
        few = {"n_trials": 3, "k_max": 4, "trial_gigabytes": 0, "data": "embedded:300"}
        options = [word for name, value in few.items() for word in ("-P", f"{name}={value}")]
        store = tmp_path / "mlflow.db"
        where = {"MLFLOW_TRACKING_URI": f"sqlite:///{store}", "PYTHONDONTWRITEBYTECODE": "1"}
        done = run(READ_ONLY, *command, *options, **where)
        assert done.returncode == 0, done.stderr
        assert "Registered as customer-segmentation version 1." in done.stdout
        assert state() == before
    finally:
        for path in folders:
            path.chmod(0o755)
    assert {"mlflow.db", "mlruns", "optuna.db"} <= {path.name for path in tmp_path.iterdir()}


def test_a_store_that_cannot_be_opened_is_not_waited_for(tmp_path: Path) -> None:
    """A folder where a file should be stays one: say so at once, with what to do."""
    command = (sys.executable, "-m", "experiments.rollback")
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}", "PYTHONPATH": str(ROOT)}
    done = run(tmp_path, *command, **environment)
    assert done.returncode == 2
    assert done.stderr.startswith("error: MLFLOW_TRACKING_URI=")
    assert "cannot be opened (unable to open database file)" in done.stderr
    assert "Name another file" in done.stderr
