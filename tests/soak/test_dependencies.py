"""What the product is built of: pinned, audited where that can be done, and listed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from serve.demo import BIN
from tests.licences import verdict
from tests.soak.searching import ROOT

Figure = Callable[[str], None]
ROOMS = ("segmentation", "experiments", "serve")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)
LOCKS = ("requirements.lock", "requirements-spark.lock")


def locked(lock: str) -> list[tuple[str, str]]:
    """Return every package of a lock file with its version; a few have one by version of Python."""
    return PIN.findall((ROOT / lock).read_text(encoding="utf-8"))


def make(target: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a make target; what is installed stays as it is."""
    command = ["make", target, f"BIN={BIN}", "--assume-old=setup", "--old-file=.venv/.ready", *more]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.row("dependencies locked with hashes")
def test_every_dependency_has_a_hash(figure: Figure) -> None:
    """Every package of both locks is pinned to one version and at least one digest."""
    counts, bare = [], []
    for lock in LOCKS:
        text = (ROOT / lock).read_text(encoding="utf-8")
        parts = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
        bare += [part.split(" ")[0] for part in parts if "--hash=sha256:" not in part]
        assert len(parts) == len(locked(lock))
        assert "://" not in text
        counts.append(f"{len(parts)} in {lock}")
    install = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert install.count("--require-hashes requirements.lock") == 1
    assert install.count("--require-hashes -r requirements-spark.lock") == 1
    figure(f"{', '.join(counts)}: {len(bare)} without a hash")
    assert bare == []


@pytest.mark.row("an audit that could check nothing fails; unsafe code is looked for")
def test_an_audit_without_answers_fails(tmp_path: Path, figure: Figure) -> None:
    """Bandit finds nothing of weight; an audit that can ask nobody says so and fails."""
    bandit = [str(BIN / "bandit"), "--quiet", "--recursive", "--format", "json", *ROOMS]
    output = subprocess.run(bandit, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    report = json.loads(output)
    weighty = [r for r in report["results"] if r["issue_severity"] != "LOW"]
    lines = report["metrics"]["_totals"]["loc"]
    # Nobody listens there: an audit that cannot ask anybody.
    away = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    ended = make("audit", **away)
    audited = ended.stdout + ended.stderr
    figure(
        f"bandit: {len(weighty)} findings of medium or high severity in {lines:,} lines; audit "
        f"without a service: exit {ended.returncode}, says that the lock is not audited"
    )
    assert weighty == []
    assert report["errors"] == []
    assert ended.returncode != 0
    assert "requirements.lock is not audited" in audited


@pytest.mark.row("a bill of materials by one command")
def test_the_bill_of_materials_is_whole(tmp_path: Path, figure: Figure) -> None:
    """Without a network every installed package is in it, at the locked version."""
    file = tmp_path / "sbom.json"
    away = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    ended = make("sbom", f"SBOM={file}", **away)
    assert ended.returncode == 0, ended.stderr
    bill = json.loads(file.read_text(encoding="utf-8"))
    listed = {_plain(part["name"]): part["version"] for part in bill["components"]}
    listing = subprocess.run(
        [sys.executable, "-c", INSTALLED], capture_output=True, text=True, check=True
    ).stdout.split()
    installed = {_plain(name) for name in listing}
    pins = {(_plain(name), version) for lock in LOCKS for name, version in locked(lock)}
    other = sorted(set(listed.items()) - pins)
    (root,) = [d for d in bill["dependencies"] if d["ref"] == "root-component"]
    licensed = sum("licenses" in part for part in bill["components"])
    figure(
        f"CycloneDX {bill['specVersion']}: {len(listed)} packages, {licensed} with a licence, "
        f"{len(root['dependsOn'])} needed directly; {len(other)} of another version than locked"
    )
    assert bill["metadata"]["component"]["name"] == "customer-segmentation"
    assert (installed - set(listed), other) == (set(), [])


@pytest.mark.row("a copyleft licence in the default install")
def test_no_licence_of_the_default_install_is_copyleft(figure: Figure) -> None:
    """One command prints every licence; all that `pip install .` needs is there, and no more."""
    ended = make("licences")
    *lines, last = ended.stdout.splitlines()
    excepted = [line.split()[0] for line in lines if line.endswith("as they are published)")]
    figure(f"{len(lines)} packages, {last.split()[0]} refused, excepted: {', '.join(excepted)}")
    assert ended.returncode == 0, ended.stdout
    names = {line.split()[0] for line in lines}
    assert {"mlflow", "sqlalchemy", "flask"} <= names
    assert not {"psycopg", "hypothesis", "pyspark"} & names


@pytest.mark.parametrize(
    ("name", "licence", "refused"),
    [
        ("some", "MIT", False),
        ("some", "GPL-3.0-only", True),
        ("some", "MIT OR GPL-2.0-or-later", False),
        ("some", "MIT AND GPL-2.0-or-later", True),
        ("some", "(MIT OR GPL-2.0-only) AND (BSD-3-Clause OR LGPL-2.1-only)", False),
        ("some", "MIT AND (LGPL-2.1-only OR MPL-2.0)", True),
        ("some", "GNU Lesser General Public License v3 (LGPLv3)", True),
        ("some", "GNU Affero General Public License v3", True),
        ("some", "BSD License AND Apache Software License", False),
        ("some", "", True),
        ("tqdm", "MPL-2.0 AND MIT", False),
        ("tqdm", "GPL-3.0-only", True),
        ("some", "MPL-2.0 AND MIT", True),
    ],
)
def test_a_licence_is_judged_by_its_choices(name: str, licence: str, refused: bool) -> None:
    """One may choose of dual licences; an exception is one package with one licence."""
    assert bool(verdict(name, licence)) == refused


INSTALLED = "import importlib.metadata as m; print(*{d.name for d in m.distributions()})"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
