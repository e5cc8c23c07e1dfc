"""What people, and programs that mean no good, may send to the pages."""

import io
from dataclasses import dataclass

import requests
from hypothesis import strategies as st

from serve.web.customer import slug
from tests.soak.generating import NAMES, NUMBER, SCHEMA, TEXT, Heard, drawn, tables
from tests.soak.serving import Person

EXAMPLES = [slug(example) for example in SCHEMA.examples]
PLAIN = (
    "/", "/customer", "/file", "/versions", "/engineers", "/healthz", "/readyz", "/segments/1",
    "/segments/2", "/customer?like=1", "/static/pages.css", "/versions/1/promote",
    *(f"/customer?example={name}" for name in EXAMPLES),
)  # fmt: skip
ODD = (
    "/segments/0", f"/segments/{10**30}", "/segments/-1", f"/customer?like={10**30}",
    f"/customer?like={TEXT}", f"/customer?example={TEXT}", f"/file/{TEXT}", f"/{TEXT}",
    f"/file/{'A' * 22}", f"/file/{'A' * 22}/state", f"/file/{'A' * 22}/download",
    f"/versions/{10**30}/promote", "/%00", "/%ff%fe", "/..%2f..%2fsecret_key", "/sign-in?next=//x",
)  # fmt: skip
POSTS = (
    "/customer", "/customer/what-if", "/file", "/segments/1/action", "/versions/1/promote",
    "/versions/999/promote", "/versions/rollback", "/sign-out", "/sign-in", f"/file/{TEXT}/again",
)  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """One request to the pages."""

    method: str
    path: str
    data: dict[str, str] | bytes | None = None
    file: tuple[str, bytes] | None = None
    kind: str = ""


def visits() -> st.SearchStrategy[Visit]:
    """Return requests to the pages, about half of them as a browser would send them."""
    number = st.one_of(st.floats(0, 1e5).map("{:.2f}".format), st.just(str(NUMBER)), st.just(""))
    odd = st.one_of(st.text(max_size=30), st.sampled_from([TEXT, "nan", "1e999", "9" * 400]))
    customers = st.fixed_dictionaries(dict.fromkeys(NAMES, number))
    spoilt = st.builds(lambda c, n, v: {**c, n: v}, customers, st.sampled_from(NAMES), odd)
    note = st.one_of(st.just(TEXT), st.text(max_size=3_000)).map(lambda text: {"text": text})
    query = st.sampled_from(["", "?challenger=1", f"?before={TEXT}", "?before=1"])
    files = st.tuples(st.one_of(odd, st.just("customers.csv")), st.one_of(tables(), st.binary()))
    anything = st.dictionaries(odd.filter(bool), odd, max_size=5)
    return st.one_of(
        st.builds(Visit, st.just("GET"), st.sampled_from(PLAIN)),
        st.builds(Visit, st.just("GET"), st.sampled_from(PLAIN[::-1])),
        st.builds(Visit, st.just("POST"), query.map("/customer".__add__), customers),
        st.builds(Visit, st.just("POST"), st.just("/file"), st.just({}),
                  st.tuples(st.just("customers.csv"), tables())),
        st.builds(Visit, st.just("GET"), st.sampled_from(ODD)),
        st.builds(Visit, st.just("POST"), st.just("/customer"), customers),
        st.builds(Visit, st.just("POST"), query.map("/customer".__add__), spoilt),
        st.builds(Visit, st.just("POST"), query.map("/customer/what-if".__add__), customers),
        st.builds(Visit, st.just("POST"), st.just("/segments/1/action"), note),
        st.builds(Visit, st.just("POST"), st.just("/file"), st.just({}), files),
        st.builds(Visit, st.just("POST"), st.sampled_from(POSTS), anything),
        st.builds(Visit, st.just("POST"), st.sampled_from(POSTS), st.binary(max_size=200),
                  st.none(), st.sampled_from(["", TEXT, "multipart/form-data; boundary=x"])),
        st.builds(Visit, st.sampled_from(["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", TEXT]),
                  st.sampled_from(PLAIN + ODD)),
    )  # fmt: skip


def page_requests(pages: str, heard: Heard, count: int, seed: int) -> None:
    """Visit the pages so often, as somebody with a valid session."""
    person = Person(pages)
    token = person.token()

    def visit(request: Visit) -> None:
        nonlocal person, token
        # A connection each: one that is kept may be closed by its end just when it is used.
        data, headers, files = request.data, {"Connection": "close"}, None
        if isinstance(data, dict):
            data = {**data, "csrf_token": token}
        if request.kind or isinstance(data, bytes):
            headers["Content-Type"] = request.kind or "application/x-www-form-urlencoded"
        if request.file is not None:
            files = {"file": (request.file[0], io.BytesIO(request.file[1]))}
        reply: requests.Response = person.session.request(
            request.method,
            pages + request.path,
            data=data,
            files=files,
            headers=headers,
            timeout=30,
        )
        heard.judge(f"{request.method} {request.path}", reply.status_code, reply.text)
        if request.path == "/sign-out":  # it forgot the session, and its token with it
            person = Person(pages)
            token = person.token()

    drawn(visits(), visit, count, seed)
