"""The scoring server is down, slow, or dies in the middle of an answer: people are told in time."""

import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests

from segmentation.data.synthetic import generate
from serve.processes import free_port
from tests.soak.dying import WAYS, dying
from tests.soak.searching import wait_until
from tests.soak.serving import Person, Product, Registry, front, product, scoring_alone

Times = Callable[[int, int], int]
Figure = Callable[[str], None]
SAID = "does not answer right now"
LONGEST = 2.0
TRACE = re.compile(r"Traceback|File &#34;|File \"|aiohttp|ClientError|site-packages")
ROW = "the scoring server is down, slow, or dies in the middle of an answer"


@dataclass
class Seen:
    """How long pages took while there was no answer for a customer, and what was wrong."""

    pages: int = 0
    longest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def look(self, running: Product) -> None:
        """Open every page; each must come in time, and those that ask must say what is wrong."""
        person = Person(running.pages)
        reply, seconds = person.ask()
        self._note("a customer", reply, {503}, seconds)
        if SAID not in reply.text:
            self.wrong.append("a customer's page does not say it")
        segment = re.findall(r'href="(/segments/\d+)"', person.get("/")[0].text)[0]
        for path in ("/", "/file", "/versions", "/engineers", segment):
            reply, seconds = person.get(path)
            self._note(path, reply, {200}, seconds)
            if path == "/" and SAID not in reply.text and "is started again" not in reply.text:
                self.wrong.append("the first page does not say it")

    def _note(
        self, what: str, reply: requests.Response, expected: set[int], seconds: float
    ) -> None:
        self.pages += 1
        self.longest = max(self.longest, seconds)
        if reply.status_code not in expected or TRACE.search(reply.text) or seconds > LONGEST:
            self.wrong.append(f"{what}: {reply.status_code} after {seconds:.2f} s")

    def tell(self, figure: Figure, what: str) -> None:
        """Keep the figure."""
        figure(
            f"{what}, {self.pages} pages: the longest took {self.longest:.2f} s; {len(self.wrong)} "
            "late, silent, with another status or a trace; an answer again after each fault"
        )


def works(running: Product) -> bool:
    """Tell whether a customer is answered."""
    return Person(running.pages).ask()[0].status_code == 200


def recovers(running: Product) -> None:
    """Wait until a customer is answered again; nobody touches the pages for it."""
    wait_until(lambda: works(running), 60, "an answer for a customer after the fault")


def group_of(pid: int) -> list[psutil.Process]:
    """Return a process and its children."""
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


class File:
    """A file sent by somebody, and the page it ends on."""

    def __init__(self, running: Product, folder: Path) -> None:
        self.person = Person(running.pages)
        self.token = {"csrf_token": self.person.token()}
        generate(5, seed=1).to_csv(folder / "few.csv", index=False)
        with (folder / "few.csv").open("rb") as content:
            sent = self.person.session.post(
                f"{running.pages}/file", data=self.token, files={"file": content}, timeout=30
            )
        self.path = sent.url.removeprefix(running.pages)

    def page(self) -> str:
        """Return the page once nothing more happens by itself."""
        state = f"{self.path}/state"
        wait_until(lambda: self.person.get(state)[0].json()["finished"], 90, "an end of scoring")
        return self.person.get(self.path)[0].text

    def again(self) -> None:
        """Press the button that tries once more."""
        self.person.post(f"{self.path}/again", self.token)


@pytest.mark.row(ROW)
def test_a_scoring_server_that_fails(
    registry: Registry, tmp_path: Path, times: Times, figure: Figure
) -> None:
    """MLflow's own server killed and stopped; a socket that breaks off in every way."""
    port, seen, faults = free_port(18610), Seen(), 0
    url = f"http://127.0.0.1:{port}"
    with product(registry, tmp_path, url, [scoring_alone(url)]) as running:
        recovers(running)
        for _ in range(times(1, 10)):
            for process in (stopped := group_of(running.pid("scoring"))):
                process.send_signal(signal.SIGSTOP)
            seen.look(running)
            for process in stopped:
                process.send_signal(signal.SIGCONT)
            recovers(running)
            os.killpg(running.pid("scoring"), signal.SIGKILL)
            psutil.wait_procs(stopped, timeout=10)
            seen.look(running)
            file = File(running, tmp_path)
            page = file.page()
            for way in WAYS:
                with dying(port, way):
                    seen.look(running)
            faults += 2 + len(WAYS)
            running.again("scoring")
            recovers(running)
            file.again()
            assert SAID in page
            assert "5 card holders scored" in file.page()
        logs = running.logs()
    seen.tell(figure, f"MLflow's server alone: {faults} faults")
    assert seen.wrong == []
    assert "Traceback" not in logs


@pytest.mark.row(f"{ROW}, as `make serve` runs it")
def test_a_scoring_server_that_fails_behind_the_front(
    registry: Registry, tmp_path: Path, times: Times, figure: Figure
) -> None:
    """The front is stopped; the server behind it is stopped or killed; each comes back."""
    url, seen, faults = f"http://127.0.0.1:{free_port(18620)}", Seen(), 0
    with product(registry, tmp_path, url, [front(url, tmp_path)]) as running:
        recovers(running)
        for _ in range(times(1, 10)):
            leader, *servers = group_of(running.pid("front"))
            for whose in ([leader], servers):
                for process in whose:
                    process.send_signal(signal.SIGSTOP)
                seen.look(running)
                for process in whose:
                    process.send_signal(signal.SIGCONT)
                recovers(running)
            os.killpg(servers[0].pid, signal.SIGKILL)
            seen.look(running)
            recovers(running)
            faults += 3
        logs = running.logs()
    seen.tell(figure, f"behind the front: {faults} faults")
    assert seen.wrong == []
    assert "Traceback" not in logs
