"""What a process that shows pages loads: neither scikit-learn nor Optuna, and little else."""

import json
import subprocess
import sys
from pathlib import Path

from serve.app import create_app

HEAVY = {"sklearn", "optuna", "pandas", "pyarrow", "pandera", "openpyxl", "mlflow", "scipy"}
MOST_MEGABYTES = 150
MOST_SECONDS = 1.5
PROGRAM = """
import json, sys, time
import serve.app
import psutil
if len(sys.argv) > 1:
    app = serve.app.create_app({"INSTANCE": sys.argv[1], "WTF_CSRF_ENABLED": False})
    browser = app.test_client()
    for path in ("/", "/customer", "/file", "/versions", "/engineers"):
        browser.get(path)
megabytes = psutil.Process().memory_info().rss / 1024**2
print(json.dumps([sorted(sys.modules), megabytes, time.process_time()]))
"""


def loaded(*arguments: str, cwd: Path) -> tuple[set[str], float, float]:
    """Return the modules of a fresh interpreter, its megabytes and its seconds of computing."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    root = Path(__file__).resolve().parents[2]
    environment = {"PYTHONPATH": str(root), "MLFLOW_TRACKING_URI": f"sqlite:///{cwd}/mlflow.db"}
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, check=True)
    modules, megabytes, seconds = json.loads(done.stdout.splitlines()[-1])
    return set(modules), megabytes, seconds


def test_the_front_door_is_light(tmp_path: Path) -> None:
    """A fresh interpreter that imports it has nothing heavy, in time and within memory."""
    modules, megabytes, seconds = loaded(cwd=tmp_path)
    assert not modules & HEAVY
    assert megabytes < MOST_MEGABYTES
    assert seconds < MOST_SECONDS


def test_the_pages_load_no_learning_library(tmp_path: Path) -> None:
    """Not after they asked the registry either."""
    modules, _, _ = loaded(str(tmp_path / "instance"), cwd=tmp_path)
    assert "mlflow" in modules
    assert not modules & {"sklearn", "optuna"}


def test_the_first_visitor_does_not_wait_for_imports(tmp_path: Path) -> None:
    """An application that nobody has asked yet imports what talks to the registry by itself."""
    program = """
import sys, time
import serve.app
serve.app.create_app({"INSTANCE": sys.argv[1]})
deadline = time.monotonic() + 60
while not {"mlflow", "pandas"} <= set(sys.modules) and time.monotonic() < deadline:
    time.sleep(0.1)
print({"mlflow", "pandas"} <= set(sys.modules))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "instance")]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(root)}, cwd=tmp_path, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"True"]


def test_two_products_on_one_host_keep_their_sessions_apart(tmp_path: Path) -> None:
    """Their cookies have different names; processes of one instance share the name."""
    names = [
        create_app({"INSTANCE": tmp_path / instance}).config["SESSION_COOKIE_NAME"]
        for instance in ("one", "one", "two")
    ]
    assert names[0] == names[1] != names[2]
