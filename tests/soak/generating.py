"""Requests nobody wrote by hand, with values planted in them that must not turn up in a log."""

import json
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from segmentation.data.synthetic import generate
from segmentation.schema import load_schema
from tests.soak.odd_parquet import parquet

SCHEMA = load_schema("cc_general")
NAMES = list(SCHEMA.column_names)
CUSTOMERS = generate(5, seed=1)[NAMES].astype(float).assign(BALANCE=98765.4321)
EXAMPLE = dict(SCHEMA.examples[0].values)
NUMBER, TEXT = 98765.4321, "canary7f3a9"
PLANTED = (str(NUMBER), TEXT)
TRACE = re.compile(r"Traceback|stack_trace|site-packages|File (\"|&#34;)/|\b0x[0-9a-f]{12}\b")
CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
LINE = ",".join(str(EXAMPLE[name]) for name in NAMES)
ODD_BODIES = [
    "", "null", "[]", "NaN", '{"', '"' + TEXT + '"', "[" * 100_000, '{"a":' * 5_000,
    '{"dataframe_records": [{"BALANCE": Infinity}]}', '{"dataframe_records": "' + TEXT + '"}',
    json.dumps({"dataframe_records": [{**EXAMPLE, "BALANCE": TEXT}]}),
    json.dumps({"dataframe_records": [{**EXAMPLE, "BALANCE": 10**400}]}),
    json.dumps({"dataframe_records": [{**EXAMPLE, "BALANCE": float("inf")}]}),
    json.dumps({"dataframe_records": [{**EXAMPLE, TEXT: NUMBER}]}),
    json.dumps({"dataframe_records": [EXAMPLE], "params": {TEXT: NUMBER}}),
    json.dumps({"dataframe_records": [EXAMPLE], "params": {"detail": TEXT}}),
    json.dumps({"dataframe_split": {"columns": NAMES, "data": [[NUMBER]]}}),
    json.dumps({"inputs": {name: [TEXT] for name in NAMES}}),
    json.dumps({"instances": TEXT}), json.dumps({"messages": [{"role": TEXT}]}),
    f"{','.join(NAMES)}\n{LINE}", f"{','.join(NAMES)},{TEXT}\n{LINE},{NUMBER}", LINE,
    f"{','.join(NAMES)}\n{LINE},1,2,{TEXT}", f'"{TEXT}', f"{','.join(NAMES)}\n\0{TEXT}",
]  # fmt: skip
ODD_TYPES = [
    None, "", TEXT, "application/json", "application/json; charset=latin-1", "text/csv",
    f"application/json; {TEXT}={NUMBER}", PARQUET, "multipart/form-data", "\xff",
]  # fmt: skip
ODD_PATHS = ["/invocations", f"/{TEXT}", "/challenger/invocations", f"/ping?{TEXT}={NUMBER}", "//"]
ODD_LINES = [
    b"GET /" + TEXT.encode(), b"\0" * 50, b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02" * 20,
    b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
    + TEXT.encode() + b"\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: localhost\r\n" + TEXT.encode() + b"\r\n\r\n",
    b"POST /customer HTTP/1.1\r\nHost: localhost\r\nX: \0" + TEXT.encode() + b"\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + TEXT.encode()[:12].ljust(12),
    b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz" + TEXT.encode() + b"\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: " + TEXT.encode() + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 2_000 + b"\r\n",
]  # fmt: skip


@dataclass
class Heard:
    """What was wrong with the answers to generated requests."""

    wrong: list[str] = field(default_factory=list)

    def judge(self, what: str, status: int, text: str) -> None:
        """Note an answer that is a failure of the server, or shows its inside."""
        if status >= 500 or TRACE.search(text):
            self.wrong.append(f"{what}: {status} {text[:300]}")


def drawn(strategy: st.SearchStrategy, act: Callable, count: int, seed: int) -> None:
    """Do something with about so many examples of a strategy; the same for the same seed."""
    settings = hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(seed)(settings(hypothesis.given(strategy)(act)))()


def document(url: str) -> dict:
    """Return the scoring server's OpenAPI document, with a value planted in every customer."""
    document = requests.get(f"{url}/openapi.json", timeout=10).json()
    content = document["paths"]["/invocations"]["post"]["requestBody"]["content"]
    customer = content["application/json"]["schema"]["properties"]["dataframe_records"]["items"]
    customer["properties"]["BALANCE"] = {"enum": [NUMBER, None]}
    customer["properties"]["CUST_ID"] = {"const": TEXT}
    return document


def tables() -> st.SearchStrategy[bytes]:
    """Return CSV files: most of them customers, some of them with cells that are none."""
    cell = st.one_of(st.floats(0, 1e6), st.just(NUMBER), st.just("")).map(str)
    odd = st.one_of(cell, st.just(TEXT), st.sampled_from(["inf", "nan", '"', "=1+1", "1e999"]))
    row = st.lists(cell, min_size=len(NAMES), max_size=len(NAMES))
    rows = st.lists(st.one_of(row, row, row, st.lists(odd, max_size=20)), min_size=1, max_size=5)
    head = st.sampled_from([",".join(NAMES)] * 9 + [",".join(NAMES[1:])])
    return st.builds(lambda h, r: "\n".join([h, *map(",".join, r)]).encode(), head, rows)


def scoring_requests(url: str, heard: Heard, count: int, seed: int) -> None:
    """Ask the scoring server for what its document allows, for what it does not, and worse."""
    schemathesis.openapi.media_type(CSV, tables())
    good = parquet(CUSTOMERS)
    broken = st.binary(max_size=200).map(lambda noise: good[: len(noise)] + noise)
    schemathesis.openapi.media_type(PARQUET, st.sampled_from([good] * 4) | broken)
    api = schemathesis.openapi.from_dict(document(url))
    session = requests.Session()

    def call(case: Case) -> None:
        reply = case.call(base_url=url, session=session, timeout=30)
        heard.judge(f"{case.method} {case.path}", reply.status_code, reply.text)

    def odd(request: tuple[str, str | None, str]) -> None:
        path, kind, body = request
        headers = {} if kind is None else {"Content-Type": kind}
        reply = session.post(url + path, data=body.encode(), headers=headers, timeout=60)
        heard.judge(f"{kind} {body[:80]}", reply.status_code, reply.text)

    for operation in (valid.ok() for valid in api.get_all_operations()):
        share = count if operation.path == "/invocations" else max(count // 50, 1)
        for mode, part in ((GenerationMode.POSITIVE, 0.55), (GenerationMode.NEGATIVE, 0.25)):
            with suppress(Unsatisfiable):  # nothing can be wrong with a request without a part
                drawn(operation.as_strategy(mode), call, max(int(share * part), 1), seed)
    kinds = st.sampled_from(ODD_TYPES + ["application/json", CSV] * 3)
    paths = st.sampled_from(["/invocations"] * 6 + ODD_PATHS)
    bodies = st.one_of(st.sampled_from(ODD_BODIES), st.text(max_size=30))
    drawn(st.tuples(paths, kinds, bodies), odd, max(count // 5, 1), seed)


def broken_lines(url: str) -> list[bytes]:
    """Send what is no HTTP; return the answers that show the server's inside."""
    host, port = url.removeprefix("http://").split(":")
    traces = []
    for line in ODD_LINES:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            answer = b""
            with suppress(OSError):
                connection.sendall(line)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65_536):
                    answer += piece
        if TRACE.search(answer.decode(errors="replace")) or answer.startswith(b"HTTP/1.1 5"):
            traces.append(line[:60] + b" -> " + answer[:200])
    return traces
