"""What the READMEs say to type can be typed, and where they lead there is something."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from experiments.command_line import COMMANDS, EntryPoints, main

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
PROJECT = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]
ENTRIES = {f"python -m experiments.{name}": name for name in COMMANDS}


def anchors(path: Path) -> set[str]:
    """Return the addresses of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def commands(path: Path) -> list[list[str]]:
    """Return the words of every line in a block of code; continued lines are one."""
    blocks = re.findall(r"(?ms)^```\n(.*?)^```", path.read_text(encoding="utf-8"))
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
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
        name = ENTRIES.get(
            " ".join(words[:3]), words[1] if words[:1] == ["customer-segmentation"] else ""
        )
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
