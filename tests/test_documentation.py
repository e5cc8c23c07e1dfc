"""What the READMEs say to type can be typed, and where they lead there is something."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import experiments
from experiments.command_line import COMMANDS, EntryPoints, main

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
PROJECT = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]
NOTEBOOK = ROOT / "experiments" / "tutorial.ipynb"
EXAMPLES = [page for page in PAGES if "```python\n" in page.read_text(encoding="utf-8")]
ENTRIES = {f"python -m experiments.{name}": name for name in COMMANDS}


def anchors(path: Path) -> set[str]:
    """Return the addresses of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def commands(path: Path) -> list[list[str]]:
    """Return the words of every line in a block of code; continued lines are one."""
    blocks = re.findall(r"(?ms)^```(\w*)\n(.*?)^```", path.read_text(encoding="utf-8"))
    lines = (
        "\n".join(block for language, block in blocks if not language)
        .replace("\\\n", " ")
        .splitlines()
    )
    typed = (line.removeprefix("$ ").partition("    #")[0] for line in lines)
    # An apostrophe in what a command printed opens a quotation for shlex.
    return [shlex.split(line) for line in typed if line.count("'") % 2 == line.count('"') % 2 == 0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Files exist, and headings of that name in them."""
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_mlflow_have_these_parameters(page: Path) -> None:
    """Every ``mlflow run .`` names an entry point, and parameters that it has."""
    for words in commands(page):
        if words[:3] != ["mlflow", "run", "."]:
            continue
        entry = words[words.index("-e") + 1] if "-e" in words else "main"
        names = {words[i + 1].partition("=")[0] for i, word in enumerate(words) if word == "-P"}
        assert names <= set(PROJECT[entry]["parameters"]), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_the_project_have_these_options(page: Path) -> None:
    """Every command of ours exists, with the options that are typed."""
    group = main
    assert isinstance(group, EntryPoints)
    for words in commands(page):
        # What a command prints may begin with the model's name and a version.
        ours = words[:1] == ["customer-segmentation"] and words[1] != "version"
        name = ENTRIES.get(" ".join(words[:3]), words[1] if ours else "")
        if not name:
            continue
        command = group.get_command(click.Context(group), name)
        assert command is not None, words
        if command.params:
            options = {flag for parameter in command.params for flag in parameter.opts}
            typed = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert typed <= {*options, "--help"}, words


PROMISES, MADE = "## The tests behind these words", "## What was done on purpose"
PROMISE = re.compile(r"\b(cannot|never|only)\b", re.IGNORECASE)
NAMED = re.compile(r"\[\^([a-z]+)\](?!:)")


def sentences(text: str) -> list[str]:
    """Return the sentences of prose and the clauses of tables, without blocks of code."""
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    text = re.sub(r"\n(?! *[-|#\n])", " ", text)
    return re.split(r"\n|\s*\|\s*|(?<=[.:;])\s+", text)


def test_a_promise_names_the_test_that_would_fail() -> None:
    """Each sentence of SECURITY.md with cannot, never or only; the tests exist, and no other."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    words, _, rest = text.partition(PROMISES)
    references = rest.partition("## ")[0]
    # The table that `make soak` prints has its tests behind it by itself.
    words += rest.partition("## ")[2].partition(MADE)[0]
    promises = [sentence for sentence in sentences(words) if PROMISE.search(sentence)]
    assert len(promises) > 8
    assert [sentence for sentence in promises if not NAMED.search(sentence)] == []
    tests = {
        key: re.findall(r"`([^`]+)::([^`]+)`", where)
        for key, where in re.findall(r"(?ms)^\[\^([a-z]+)\]: (.*?)(?=^\[|\Z)", references)
    }
    assert set(NAMED.findall(words)) == set(tests)
    for key, places in tests.items():
        assert places, key
        for file, name in places:
            assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), (key, name)


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Run every cell of the tutorial in order, in an empty folder; return its variables."""
    here = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("tutorial"))
    variables: dict[str, Any] = {}
    try:
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), variables)
        yield variables
    finally:
        os.chdir(here)


def test_the_tutorial_runs(tutorial: dict[str, Any]) -> None:
    """Its model, loaded again, answers as before; what it says it shows, it has."""
    new, result = tutorial["new"], tutorial["result"]
    answers = [model.score(new).reset_index(drop=True) for model in (tutorial["again"], result)]
    assert answers[0].equals(answers[1])
    assert tutorial["draft"].identifier == "CUST_ID"
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(cell["outputs"] or "save" in str(cell) for cell in cells if "outputs" in cell)


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_examples_run(
    page: Path, tutorial: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order; a search answers with the tutorial's result, as sixty trials take a minute."""
    monkeypatch.setattr(experiments, "find_segments", lambda _: tutorial["result"], raising=False)
    new = tutorial["new"]
    tasks: list[dict[str, Any]] = []
    variables = {
        **{"frame": tutorial["customers"], "new": new, "new_customers": new, "path": "saved"},
        "BashOperator": lambda **task: tasks.append(task),
    }
    for block in re.findall(r"(?ms)^```python\n(.*?)^```", page.read_text(encoding="utf-8")):
        exec(block, dict(variables))
    for task in tasks:
        name, *words = shlex.split(task["bash_command"].partition("experiments.")[2])
        group = main
        assert isinstance(group, EntryPoints)
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert command.make_context(name, words).params["data"] == "/data/customers.parquet"


def test_make_targets_exist() -> None:
    """Every ``make`` of the pages is a target."""
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    typed = set()
    for page in PAGES:
        for words in commands(page):
            plain = [word for word in words if "=" not in word]
            if plain[:1] == ["make"]:
                typed |= {word for word in plain[1:2] if word.isalpha()}
        text = page.read_text(encoding="utf-8")
        typed |= set(re.findall(r"`make ([a-z]+)", text))
    assert typed
    assert typed <= targets


def test_modules_that_are_run_exist() -> None:
    """Every ``python -m`` of the pages names a module that can be run."""
    for page in PAGES:
        for module in re.findall(r"python -m ([\w.]+)", page.read_text(encoding="utf-8")):
            path = ROOT / module.replace(".", "/")
            is_module = path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
            assert is_module, (page.name, module)


def test_the_reference_is_written(tmp_path: Path) -> None:
    """What `make docs` runs documents a package with its docstrings."""
    command = (sys.executable, "-m", "pdoc", "--docformat", "numpy", "--output-directory")
    done = subprocess.run(
        (*command, str(tmp_path), "segmentation.schema"), cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "segmentation" / "schema.html").read_text(encoding="utf-8")
    assert "class" in page
    assert "load_schema" in page
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "-m pdoc --docformat numpy" in makefile
