"""Requests joined on their way to a scoring server get what each would have got alone."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientError

from serve.gateway import batching
from serve.gateway.backend import Backend
from serve.gateway.batching import Batcher, FullError, regular_rows, split


def backend(folder: Path) -> Backend:
    """Return a server's description: a number, a text."""
    made = Backend("none", "none", "7", folder, {})
    made.columns, made.texts = ("AGE", "PLAN"), (False, True)
    return made


def body(*rows: list[object]) -> bytes:
    """Return customers as MLflow takes them."""
    return json.dumps({"dataframe_split": {"columns": ["AGE", "PLAN"], "data": rows}}).encode()


@dataclass
class Server:
    """Answers rows, slowly; refuses a negative age, dies of one above 1,000."""

    bodies: list[list[list[object]]] = field(default_factory=list)

    async def send(self, content: bytes) -> batching.Reply:
        """Answer one body."""
        rows = json.loads(content)["dataframe_split"]["data"]
        self.bodies.append(rows)
        await asyncio.sleep(0.02)
        if any(age > 1_000 for age, _ in rows):
            raise ClientError
        if any(age < 0 for age, _ in rows):
            return 400, b'{"message": "a negative age"}', "application/json"
        answers = [{"segment": age, "note": '], [ é "', "model_version": "7"} for age, _ in rows]
        return 200, json.dumps({"predictions": answers}).encode(), "application/json"


@pytest.mark.parametrize(
    "form",
    [
        {"dataframe_split": {"columns": ["PLAN", "AGE", "ID"], "data": [["a", 3, 9]]}},
        {"dataframe_records": [{"ID": 9, "AGE": 3, "PLAN": "a"}], "params": {"detail": "full"}},
        {"dataframe_records": [{"AGE": 3, "PLAN": "a"}], "params": {}},
    ],
)
def test_what_is_joined_has_the_order_of_the_model(form: dict, tmp_path: Path) -> None:
    """Whatever the form, the order and other columns."""
    assert regular_rows(json.dumps(form).encode(), backend(tmp_path)) == [[3, "a"]]


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "null", '{"inputs": {"AGE": [3], "PLAN": ["a"]}}',
        '{"dataframe_records": [{"AGE": "3", "PLAN": "a"}]}',
        '{"dataframe_records": [{"AGE": true, "PLAN": "a"}]}',
        '{"dataframe_records": [{"AGE": 3, "PLAN": 4}]}',
        '{"dataframe_records": [{"AGE": NaN, "PLAN": "a"}]}',
        '{"dataframe_records": [{"AGE": 9007199254740993, "PLAN": "a"}]}',
        '{"dataframe_records": [{"AGE": 3}]}',
        '{"dataframe_records": [{"AGE": 3, "PLAN": "a"}, {"AGE": 3}]}',
        '{"dataframe_records": [{"AGE": 3, "PLAN": "a", "detail": "basic"}]}',
        '{"dataframe_records": [{"AGE": 3, "PLAN": "a"}], "params": {"detail": "basic"}}',
        '{"dataframe_records": [{"AGE": 3, "PLAN": "a"}], "more": 1}',
        '{"dataframe_records": []}',
        '{"dataframe_split": {"columns": ["AGE", "PLAN"], "data": [[3]]}}',
        '{"dataframe_split": {"columns": ["AGE", "AGE"], "data": [[3, "a"]]}}',
        '{"dataframe_split": {"columns": ["AGE", "PLAN"], "index": [0], "data": [[3, "a"]]}}',
    ],
)  # fmt: skip
def test_what_may_be_answered_otherwise_goes_alone(text: str, tmp_path: Path) -> None:
    """Other types, other forms, other wishes, and what the server will refuse."""
    assert regular_rows(text.encode(), backend(tmp_path)) is None


def test_an_answer_is_cut_without_changing_a_byte() -> None:
    """What stands around the customers is around each part; another form is not cut."""
    rows = ['{"a": [1, {"b": "], ["}]}', '{"a": 1.0}', "{}"]
    content = ('{"predictions": [' + ", ".join(rows) + '], "more": 1}').encode()
    parts = split(content, [2, 1])
    assert parts == [
        ('{"predictions": [' + ", ".join(own) + '], "more": 1}').encode()
        for own in (rows[:2], rows[2:])
    ]
    assert split(content, [2]) is None
    assert split(b'{"predictions": {"segment": [1, 2]}}', [1, 1]) is None
    assert split(b'{"predictions": [{"a": 1}, ', [1]) is None


async def asked(server: Server, bodies: list[bytes], folder: Path) -> list[object]:
    """Send bodies at the same moment through one batcher, which counts what it sends."""
    sizes: list[int] = []
    batcher, target = Batcher(sizes.append), backend(folder)
    replies = await asyncio.gather(
        *(batcher.reply(target, one, server.send) for one in bodies), return_exceptions=True
    )
    assert sizes == [len(rows) for rows in server.bodies]
    return list(replies)


def test_those_that_come_meanwhile_are_one_body(tmp_path: Path) -> None:
    """The first goes at once and alone; each gets its own bytes."""
    server, bodies = Server(), [body([n, "a"], [n + 100, None]) for n in range(10)]
    replies = asyncio.run(asked(server, bodies, tmp_path))
    assert [len(rows) for rows in server.bodies] == [2, 18]
    alone = [asyncio.run(Server().send(one)) for one in bodies]
    assert replies == alone


def test_one_that_is_refused_spoils_no_other(tmp_path: Path) -> None:
    """A joined body that is refused is sent again one by one."""
    server, bodies = Server(), [body([n, "a"]) for n in (1, 2, -3, 4)]
    replies = asyncio.run(asked(server, bodies, tmp_path))
    assert [reply[0] for reply in replies] == [200, 200, 400, 200]  # type: ignore[index]
    assert [len(rows) for rows in server.bodies] == [1, 3, 1, 1, 1]


def test_a_server_that_dies_is_an_error_of_each(tmp_path: Path) -> None:
    """Whoever asked tries again elsewhere; the next one is not left waiting."""
    server, bodies = Server(), [body([n, "a"]) for n in (1, 2, 1_001)]
    replies = asyncio.run(asked(server, bodies, tmp_path))
    assert [isinstance(reply, ClientError) for reply in replies] == [False, True, True]


def test_the_line_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than it holds is refused at once."""
    monkeypatch.setattr(batching, "MOST_WAITING", 3)
    replies = asyncio.run(asked(Server(), [body([n, "a"]) for n in range(6)], tmp_path))
    assert [isinstance(reply, FullError) for reply in replies] == [False] * 4 + [True] * 2
