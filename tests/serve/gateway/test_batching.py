"""Requests joined on their way to a scoring server get what each would have got alone."""

import asyncio
import json
from base64 import b64decode, b64encode
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientError

from serve.gateway import batching, joining
from serve.gateway.backend import Backend
from serve.gateway.batching import Batcher, FullError
from serve.gateway.error_messages import CSV, JSON, PARQUET
from serve.gateway.joining import Envelopes, Reply, Request, Tables, regular_rows, split

COLUMNS, TEXTS = ("AGE", "PLAN"), (False, True)


def backend(folder: Path) -> Backend:
    """Return the description of a server with a number and a text, of an earlier release."""
    made = Backend("none", "none", "7", folder, {})
    made.joiner = Tables(COLUMNS, TEXTS, made.answered)
    return made


def body(*rows: list[object]) -> bytes:
    """Return customers as MLflow takes them."""
    return json.dumps({"dataframe_split": {"columns": ["AGE", "PLAN"], "data": rows}}).encode()


@dataclass
class Server:
    """Answers rows, slowly; refuses a negative age, dies of one above 1,000."""

    bodies: list[list[list[object]]] = field(default_factory=list)

    async def send(self, request: Request) -> Reply:
        """Answer one body."""
        rows = json.loads(request.body)["dataframe_split"]["data"]
        self.bodies.append(rows)
        await asyncio.sleep(0.02)
        if any(age > 1_000 for age, _ in rows):
            raise ClientError
        if any(age < 0 for age, _ in rows):
            return Reply(400, b'{"message": "a negative age"}', "application/json")
        answers = [{"segment": age, "note": '], [ é "', "model_version": "7"} for age, _ in rows]
        return Reply(200, json.dumps({"predictions": answers}).encode(), "application/json")


@pytest.mark.parametrize(
    "form",
    [
        {"dataframe_split": {"columns": ["PLAN", "AGE", "ID"], "data": [["a", 3, 9]]}},
        {"dataframe_records": [{"ID": 9, "AGE": 3, "PLAN": "a"}], "params": {"detail": "full"}},
        {"dataframe_records": [{"AGE": 3, "PLAN": "a"}], "params": {}},
    ],
)
def test_what_is_joined_has_the_order_of_the_model(form: dict) -> None:
    """Whatever the form, the order and other columns."""
    assert regular_rows(json.dumps(form).encode(), COLUMNS, TEXTS) == [[3, "a"]]


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
def test_what_may_be_answered_otherwise_goes_alone(text: str) -> None:
    """Other types, other forms, other wishes, and what the server will refuse."""
    assert regular_rows(text.encode(), COLUMNS, TEXTS) == []


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


async def asked(
    server: Server, bodies: list[bytes], folder: Path, sizes: list[int] | None = None
) -> list[object]:
    """Send bodies at the same moment through one batcher; note how many customers it joined."""
    batcher, target = Batcher((sizes if sizes is not None else []).append), backend(folder)
    requests = (batcher.reply(target, Request(one), server.send) for one in bodies)
    return list(await asyncio.gather(*requests, return_exceptions=True))


def test_those_that_come_meanwhile_are_one_body(tmp_path: Path) -> None:
    """The first goes at once and alone; each gets its own bytes."""
    server, bodies = Server(), [body([n, "a"], [n + 100, None]) for n in range(10)]
    sizes: list[int] = []
    replies = asyncio.run(asked(server, bodies, tmp_path, sizes))
    assert sizes == [len(rows) for rows in server.bodies] == [2, 18]
    alone = [asyncio.run(Server().send(Request(one))) for one in bodies]
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


@pytest.mark.parametrize("length", [10, 2 * joining.SHORT])
def test_whole_requests_travel_in_texts(length: int) -> None:
    """Long ones stay in memory; answers come back to whom they are for."""
    envelopes = Envelopes("7")
    requests = [Request(b"a\n\0" + b"." * length, CSV, PARQUET), Request(b"{}", JSON)]
    with closing(envelopes.join(requests)) as joined:
        texts = json.loads(joined.request.body)["inputs"]
        first, second = (b64decode(text).split(b"\n", 3) for text in texts)
        assert first[:2] == [CSV.encode(), PARQUET.encode()]
        assert second == [JSON.encode(), JSON.encode(), b"", b"{}"]
        memory = Path(first[2].decode())
        assert bool(first[2]) == (length > joining.SHORT)
        assert (memory.read_bytes() if first[2] else first[3]) == requests[0].body
        content: str | None = b64encode(b"\xff").decode()
        if first[2]:
            memory.write_bytes(b"\xff")
            content = None
        answers = [[200, PARQUET, content], [400, JSON, ""]]
        reply = {"version": "7", "rows": 3, "answers": answers}
        split = envelopes.split(json.dumps({"predictions": reply}).encode(), joined)
        assert split == ([Reply(200, b"\xff", PARQUET), Reply(400, b"", JSON)], 3)
        wrong = [[200, PARQUET, "="], [400, JSON, None]]
        for other in (
            {**reply, "version": "8"},
            {**reply, "answers": []},
            {**reply, "answers": wrong},
            [],
            1,
        ):
            assert envelopes.split(json.dumps({"predictions": other}).encode(), joined) is None
    assert not first[2] or not memory.exists()
