"""Servers start together, are known to answer, and are all gone afterwards."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from serve import MOVED
from serve.processes import Service, ServiceError, ServiceGroup, ask, free_port, listen_at


def http_server(name: str, port: int) -> Service:
    command = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
    return Service(name, command, f"http://127.0.0.1:{port}/")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_started_servers_answer_and_are_gone_afterwards(tmp_path: Path) -> None:
    """Two real servers answer inside the block; no process of theirs is left after it."""
    with ServiceGroup(tmp_path) as group:
        group.start(http_server("one", free_port(18801)))
        group.start(http_server("two", free_port(18802)))
        group.wait_until_ready(20)
        pids = group.process_ids
        assert all(is_alive(pid) for pid in pids)
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)


def test_children_of_a_server_are_stopped_too(tmp_path: Path) -> None:
    """A child that ignores SIGTERM is ended with its group."""
    child = (
        "import signal,time,pathlib,os;signal.signal(signal.SIGTERM,signal.SIG_IGN);"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()));time.sleep(60)"
    )
    port = free_port(18803)
    parent = (
        f"import subprocess,sys;subprocess.Popen([sys.executable,'-c',{child!r}]);"
        f"import runpy;sys.argv=['x',{str(port)!r},'--bind','127.0.0.1'];"
        "runpy.run_module('http.server',run_name='__main__')"
    )
    with ServiceGroup(tmp_path) as group:
        url = f"http://127.0.0.1:{port}/"
        group.start(Service("parent", (sys.executable, "-c", parent), url))
        group.wait_until_ready(20)
        written = tmp_path / "pid"
        assert soon(lambda: written.exists() and bool(written.read_text()))
    assert soon(lambda: not is_running(int(written.read_text())))


def soon(condition: Callable[[], bool]) -> bool:
    """Tell whether a condition comes true within ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_running(pid: int) -> bool:
    """Tell whether a process runs; an orphan may stay a zombie where nothing reaps it."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_a_server_that_ends_early_is_named_with_its_log(tmp_path: Path) -> None:
    """The message names the server, its exit code and its log; the log has its words."""
    with ServiceGroup(tmp_path) as group:
        command = (sys.executable, "-c", "import sys; sys.exit('no such model')")
        group.start(Service("scoring", command, "http://127.0.0.1:9/"))
        with pytest.raises(ServiceError, match=r"scoring ended with exit code 1; its log is .*log"):
            group.wait_until_ready(20)
    assert "no such model" in (tmp_path / "scoring.log").read_text()


def test_a_second_serve_on_the_same_port_leaves_the_first_alone(tmp_path: Path) -> None:
    """The port and its process are named; the log of the first is as it was."""
    service = http_server("pages", free_port(18806))
    log = tmp_path / "pages.log"
    with ServiceGroup(tmp_path) as first, ServiceGroup(tmp_path) as second:
        first.start(service)
        first.wait_until_ready(20)
        requests.get(service.ready_url, timeout=5)
        before = log.read_text()
        assert "GET /" in before
        (pid,) = first.process_ids
        owner = rf"pages: port \d+ is in use by process {pid} \(python"
        with pytest.raises(ServiceError, match=owner):
            second.start(service)
        with pytest.raises(ServiceError, match=r"pages: another process writes to .*pages\.log"):
            second.start(http_server("pages", free_port(18807)))
        assert second.process_ids == ()
        assert log.read_text() == before


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """Waiting ends at the deadline with the address that did not answer."""
    with ServiceGroup(tmp_path) as group:
        command = (sys.executable, "-c", "import time; time.sleep(60)")
        group.start(Service("mute", command, "http://127.0.0.1:9/"))
        with pytest.raises(ServiceError, match="mute did not answer at http://127"):
            group.wait_until_ready(0.5)


def test_an_answer_of_another_process_does_not_count(tmp_path: Path) -> None:
    """A server whose port another process holds is not ready, though its address answers."""
    port = free_port(18804)
    with ServiceGroup(tmp_path / "first") as first, ServiceGroup(tmp_path / "second") as second:
        idle = (sys.executable, "-c", "import time; time.sleep(60)")
        second.start(Service("second", idle, f"http://127.0.0.1:{port}/"))
        first.start(http_server("first", port))
        first.wait_until_ready(20)
        with pytest.raises(ServiceError, match="second did not answer"):
            second.wait_until_ready(1)


def test_a_socket_belongs_to_its_server_from_the_start_to_the_end(tmp_path: Path) -> None:
    """A server takes over a socket that was open before; when it is killed, nobody answers."""
    serve = (
        "import socket,socketserver,http.server as h\n"
        "class S(socketserver.UnixStreamServer):\n"
        " def get_request(self): return self.socket.accept()[0], ('', 0)\n"
        "s=S('',h.SimpleHTTPRequestHandler,False);s.socket=socket.socket(fileno=0);s.serve_forever()"
    )
    path = tmp_path / "http"
    listener = listen_at(path)
    with ServiceGroup(tmp_path) as group:
        command = (sys.executable, "-c", serve)
        group.start(Service("server", command, "http://localhost/", path), listener)
        group.wait_until_ready(20)
        assert ask(path, "GET", "/none")[0] == 404
        os.kill(group.process_ids[0], signal.SIGKILL)
        assert soon(lambda: listener.fileno() == -1)
        with pytest.raises(ConnectionRefusedError):
            ask(path, "GET", "/")


def test_a_folder_too_long_for_a_socket_is_named(tmp_path: Path) -> None:
    """With the setting that names another one."""
    with pytest.raises(ServiceError, match="shorter folder in TMPDIR"):
        listen_at(tmp_path / ("x" * 200))


def test_a_taken_port_is_avoided() -> None:
    """A free port is handed out when the preferred one is in use."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port


@pytest.mark.parametrize("former", ["serve.live", "serve.worker", "serve.access"])
def test_a_former_name_says_the_new_one_and_works(former: str) -> None:
    """What people typed before still runs; one sentence says what to type now."""
    command = (sys.executable, "-m", former, "--help")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.count(f"{former} is now called {MOVED[former][0]}") == 1
    assert "usage" in done.stdout.lower()
