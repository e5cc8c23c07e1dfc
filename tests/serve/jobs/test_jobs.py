"""A file of customers: what comes back, what is refused, what is kept and for how long."""

import csv
import io
import json
import os
import re
import sqlite3
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from segmentation.data.files.workbook import MOST_UNPACKED
from segmentation.data.synthetic import generate
from segmentation.data.writers import ANSWER, ScoredWriter
from serve.jobs.queue import FOLDER, file_queue
from serve.jobs.sandbox import most_seconds, score_in_sandbox
from serve.jobs.store import Jobs
from serve.web.scoring_client import ScoringAwayError, ScoringClient
from serve.web.settings import Settings
from tests.serve.conftest import SCHEMA, Scoring, scored


def send(client: FlaskClient, content: bytes, name: str = "customers.csv"):
    """Send a file and return the page it leads to."""
    reply = client.post("/file", data={"file": (io.BytesIO(content), name)})
    assert reply.status_code == 303, reply.text
    page = client.get(reply.location)
    page.address = reply.location
    return page


def fetched(client: FlaskClient, address: str) -> bytes:
    with client.get(f"{address}/download") as download:
        assert download.status_code == 200
        return download.data


def spoilt(table: bytes, row: int, value: str = "lots") -> bytes:
    """Return a CSV file with a text in one cell of the column BALANCE."""
    lines = table.decode().splitlines()
    cells = lines[row].split(",")
    lines[row] = ",".join([cells[0], value, *cells[2:]])
    return "\n".join(lines).encode()


def kept(client: FlaskClient) -> list[Path]:
    return sorted((Path(client.application.instance_path) / FOLDER).rglob("*.*"))


def test_a_file_is_scored_and_comes_back(client: FlaskClient, customers_csv: bytes) -> None:
    """Counts by segment, a preview, and a download with every customer in order."""
    page = send(client, customers_csv)
    assert "30 card holders scored" in page.text
    assert "Full payers" in page.text
    frame = scored(fetched(client, page.address))
    assert list(frame["CUST_ID"]) == list(scored(customers_csv)["CUST_ID"])
    assert set(frame["segment_name"]) <= {"Full payers", "Cash-advance users"}
    assert "Cash advances, Balance" in set(frame["reasons"])


@pytest.mark.parametrize("ending", [".parquet", ".xlsx"])
def test_a_file_comes_back_in_its_format(client: FlaskClient, tmp_path: Path, ending: str) -> None:
    """Parquet and Excel are read by what they are, and written again."""
    table, path = generate(25, seed=4), tmp_path / f"customers{ending}"
    write, read = {
        ".parquet": (table.to_parquet, pd.read_parquet),
        ".xlsx": (table.to_excel, pd.read_excel),
    }[ending]
    write(path, index=False)
    page = send(client, path.read_bytes(), "anything.csv")
    assert "25 card holders scored" in page.text
    frame = read(io.BytesIO(fetched(client, page.address)))
    assert list(frame["CUST_ID"]) == list(table["CUST_ID"])
    assert frame["segment"].between(1, 2).all()


def test_bad_cells_are_listed_by_line_and_nothing_is_scored(
    client: FlaskClient, customers_csv: bytes, scoring: Scoring
) -> None:
    """Line as in a spreadsheet, column, what was found and what was expected."""
    page = send(client, spoilt(customers_csv, 5))
    assert page.status_code == 422
    assert re.search(
        r"<td[^>]*>6</td><td[^>]*>BALANCE</td><td[^>]*><code>lots</code></td>", page.text
    )
    assert client.get(f"{page.address}/download").status_code == 404
    assert not scoring.bodies


def test_good_rows_are_scored_anyway_when_a_person_says_so(
    client: FlaskClient, customers_csv: bytes
) -> None:
    """Every row comes back in place; the bad one says why it has no segment."""
    page = send(client, spoilt(customers_csv, 5))
    assert "Score the other 29 card holders anyway" in page.text
    reply = client.post(f"{page.address}/anyway")
    assert reply.status_code == 303
    page = client.get(reply.location)
    assert "29 card holders scored" in page.text
    assert "1 row could not be read" in page.text
    frame = scored(fetched(client, reply.location))
    assert list(frame["CUST_ID"]) == list(scored(customers_csv)["CUST_ID"])
    assert frame["segment"].isna().tolist() == [row == 4 for row in range(30)]
    assert frame["problem"].notna().tolist() == [row == 4 for row in range(30)]


def test_bad_rows_can_be_fetched_to_correct_them(client: FlaskClient, customers_csv: bytes) -> None:
    """Line, what to correct, and the row as it is; before and after the others are scored."""
    page = send(client, spoilt(customers_csv, 5))
    assert "Download this row as CSV" in page.text
    for _ in range(2):
        with client.get(f"{page.address}/bad_rows") as download:
            bad = scored(download.data)
        assert list(bad) == ["line", "problem", *scored(customers_csv)]
        assert bad.loc[0, ["line", "CUST_ID", "BALANCE"]].tolist() == [
            6,
            scored(customers_csv)["CUST_ID"][4],
            "lots",
        ]
        assert "BALANCE: expected numbers" in bad["problem"][0]
        client.post(f"{page.address}/anyway")
    other = send(client, customers_csv).address
    assert client.get(f"{other}/bad_rows").status_code == 404


def test_a_download_has_the_columns_of_the_command(
    client: FlaskClient, customers_csv: bytes
) -> None:
    """The table's own and the answer, as `score` writes them; the preview has no amounts."""
    page = send(client, customers_csv)
    frame = scored(fetched(client, page.address))
    own = scored(customers_csv)
    assert list(frame) == [*own, *ANSWER]
    pd.testing.assert_frame_equal(frame[list(own)], own)
    (job,) = [json.loads(f.read_text()) for f in kept(client) if f.name == "job.json"]
    assert list(job["preview"][0]) == ["CUST_ID", *ANSWER]


def test_a_file_is_scored_without_a_challenger_that_is_gone(
    client: FlaskClient, customers_csv: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there when the box was ticked: the champion's answer comes, and a note says so."""

    def away(*_: object) -> None:
        raise ScoringAwayError("gone")

    monkeypatch.setattr("serve.jobs.task._ask_challenger", away)
    data = {"file": (io.BytesIO(customers_csv), "customers.csv"), "compare": "y"}
    reply = client.post("/file", data=data, content_type="multipart/form-data")
    page = client.get(reply.location)
    assert "30 card holders scored" in page.text
    assert "The challenger did not answer" in page.text
    assert not [name for name in scored(fetched(client, reply.location)) if "challenger" in name]


def test_a_piece_without_a_good_row_keeps_its_place(
    client: FlaskClient, customers_csv: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first rows of a file may all be bad: those after them are scored, types unchanged."""
    monkeypatch.setattr("serve.jobs.inspection.PIECE_ROWS", 10)
    table = scored(customers_csv).astype({"BALANCE": object})
    table.loc[:9, "BALANCE"] = "lots"
    table.astype({"BALANCE": str}).to_parquet(tmp_path / "in.parquet", index=False)
    for content in (table.to_csv(index=False).encode(), (tmp_path / "in.parquet").read_bytes()):
        page = send(client, content)
        client.post(f"{page.address}/anyway")
        download = fetched(client, page.address)
        parquet = content.startswith(b"PAR1")
        frame = pd.read_parquet(io.BytesIO(download)) if parquet else scored(download)
        assert frame["segment"].isna().tolist() == [True] * 10 + [False] * 20
        assert list(frame) == [*table, *ANSWER, "problem"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_are_counted_as_an_editor_counts_them(
    client: FlaskClient, customers_csv: bytes, encoding: str
) -> None:
    """Blank lines and cells over several lines do not shift the numbers."""
    lines = customers_csv.decode().splitlines()
    lines[1] = '"two\nlines"' + lines[1][lines[1].index(",") :]
    lines[4] = lines[4].replace(",", ",plenty", 1)
    lines.insert(3, "")
    text = "\n".join(lines)
    line = next(n for n, line_text in enumerate(text.split("\n"), 1) if "plenty" in line_text)
    assert line == 7
    page = send(client, text.encode(encoding))
    assert re.search(rf"<td[^>]*>{line}</td><td[^>]*>BALANCE</td><td[^>]*><code>plenty", page.text)


def test_many_bad_cells_are_capped_in_the_order_of_the_file(client: FlaskClient) -> None:
    """One bad column does not hide the next one; how many are left out is said."""
    table = generate(60, seed=1).astype(object).assign(BALANCE="much", PAYMENTS="plenty")
    page = send(client, table.to_csv(index=False).encode()).text
    assert re.findall(r"<td[^>]*>(\d+)</td><td[^>]*>(\w+)</td>", page)[:3] == [
        ("2", "BALANCE"),
        ("2", "PAYMENTS"),
        ("3", "BALANCE"),
    ]
    assert "and 70 more" in page
    assert "anyway" not in page


def test_what_stood_out_in_a_good_file_is_said(client: FlaskClient) -> None:
    """Unusual values and a missing identifier are told, rows counted from 1."""
    table = generate(4, seed=1).drop(columns="CUST_ID").assign(CASH_ADVANCE_FREQUENCY=1.5, AGE=4)
    page = send(client, table.to_csv(index=False).encode())
    assert "CASH_ADVANCE_FREQUENCY: expected 0 to 1 share of months in 4 rows." in page.text
    assert "AGE: expected only the columns of the schema" in page.text
    assert "CUST_ID: expected a column that names customers" in page.text
    assert list(scored(fetched(client, page.address))["row"]) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7", "a PDF document"),
        (b"", "empty file"),
        (b"A;B\n1;2\n", "found 0 of them (BALANCE, "),
        (b"PK\x03\x04rest", "a damaged one or another archive"),
        (b"PAR1rest", "a Parquet file"),
        (",".join(["CUST_ID", *SCHEMA.column_names]).encode() + b"\n", "at least one row"),
    ],
)
def test_what_is_no_table_is_explained(client: FlaskClient, content: bytes, message: str) -> None:
    """The page says what was found instead; the server's paths stay its own."""
    page = send(client, content)
    assert page.status_code == 422
    assert message in page.text
    assert client.application.instance_path not in page.text


def test_a_workbook_that_unpacks_to_gigabytes_is_not_unpacked(client: FlaskClient) -> None:
    """A zip bomb under the name of a workbook costs nothing."""
    import zipfile

    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as member,
    ):
        for _ in range((MOST_UNPACKED >> 20) + 1):
            member.write(bytes(1 << 20))
    start = time.monotonic()
    page = send(client, packed.getvalue(), "bomb.xlsx")
    assert "MB unpacked" in page.text
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_more_customers_than_anybody_waits_for_are_refused(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Equal rows take next to no room in a file; the limit is on rows, and says what to do."""
    monkeypatch.setattr("serve.jobs.inspection.MOST_ROWS", 20)
    path = tmp_path / f"many{ending}"
    table = generate(30, seed=4)
    (table.to_csv if ending == ".csv" else table.to_parquet)(path, index=False)
    page = send(client, path.read_bytes())
    assert page.status_code == 422
    assert "at most 20 customers. Split the file" in page.text


def test_a_file_that_takes_too_long_is_given_up_once(
    tmp_path: Path, scoring: Scoring, customers_csv: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is ended and not begun again: others wait behind it."""
    monkeypatch.setattr("serve.jobs.sandbox.MOST_SECONDS", 0.01)
    jobs, client = Jobs(tmp_path / FOLDER, 3600), ScoringClient(scoring.url, 1, 60)
    slow = jobs.new(".csv", "slow.csv", SCHEMA, {})
    jobs.upload(slow).write_bytes(customers_csv)
    jobs.save(slow)
    score_in_sandbox(slow.token, jobs, client, client)
    ended = jobs.find(slow.token)
    assert ended is not None
    assert (ended.state, ended.failure) == ("failed", "The file could not be read to its end.")
    assert scoring.bodies == []


def test_a_small_file_has_minutes_and_a_large_one_half_an_hour() -> None:
    """A file of 5 kB keeps no worker for longer than it takes to read one."""
    assert most_seconds(5_000) < 130
    assert 130 < most_seconds(10 * 1024**2) < most_seconds(200 * 1024**2) == 1_800


def test_several_workers_score_a_file_once(
    tmp_path: Path, scoring: Scoring, customers_csv: bytes
) -> None:
    """A file that a worker has at hand is left to it."""
    jobs, client = Jobs(tmp_path / FOLDER, 3600), ScoringClient(scoring.url, 1, 60)
    job = jobs.new(".csv", "once.csv", SCHEMA, {})
    jobs.upload(job).write_bytes(customers_csv)
    jobs.save(job)
    with jobs.lock(job.token):
        score_in_sandbox(job.token, jobs, client, client)
    assert scoring.bodies == []
    assert not jobs.find(job.token).finished


def test_files_of_several_people_take_turns(tmp_path: Path, scoring: Scoring) -> None:
    """The second file of one person comes after the first of another, who came later."""
    queue, put = file_queue(tmp_path, Settings(scoring_url=scoring.url))
    jobs, tokens = Jobs(tmp_path / FOLDER, 3600), {}
    for number, owner in enumerate(["ada", "ada", "ada", "bob"]):
        job = jobs.new(".csv", "some.csv", SCHEMA, {})
        job.owner, tokens[job.token] = owner, f"{owner} {number}"
        jobs.save(job)
        put(job.token)
    order = [tokens[queue.dequeue().args[0]] for _ in range(4)]
    assert order == ["ada 0", "bob 3", "ada 1", "ada 2"]


def waiting(app: Flask, **limits: float) -> FlaskClient:
    """Return a browser at pages whose files wait, with other limits."""
    app.extensions["settings"] = replace(app.extensions["settings"], **limits)
    app.extensions["put_file"] = lambda _: None
    return app.test_client()


def posted(client: FlaskClient, content: bytes) -> TestResponse:
    return client.post("/file", data={"file": (io.BytesIO(content), "customers.csv")})


def test_a_person_has_a_quota_of_files(app: Flask, customers_csv: bytes) -> None:
    """Fourteen at once: three wait, the others are refused in words, and nothing of them stays."""
    client = waiting(app)
    replies = [posted(client, customers_csv) for _ in range(14)]
    assert [reply.status_code for reply in replies] == [303] * 3 + [429] * 11
    assert "3 of your files are not scored yet" in replies[-1].text
    assert len(list((Path(app.instance_path) / FOLDER).iterdir())) == 3


def test_a_person_has_a_quota_of_kept_files_and_of_room(app: Flask, customers_csv: bytes) -> None:
    """Files that are ready count too, and so does what they take."""
    client = waiting(app, files_per_person=2)
    jobs = Jobs(Path(app.instance_path) / FOLDER, 3600)
    for _ in range(2):
        assert posted(client, customers_csv).status_code == 303
        for token in list(jobs.unfinished()):
            job = jobs.find(token)
            job.state = "failed"
            jobs.save(job)
    assert "At most 2 files an hour" in posted(client, customers_csv).text
    client = waiting(app, files_per_person=30, upload_megabytes=len(customers_csv) / 4 / 1024**2)
    refused = posted(client, customers_csv)
    assert refused.status_code == 429
    assert "Your files that are not scored take" in refused.text


def test_a_full_disk_is_said_and_nothing_stays(
    app: Flask, customers_csv: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """507 and words, whether the file or a database finds no room; half a file is deleted."""
    client, folder = waiting(app), Path(app.instance_path) / FOLDER
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "upload", lambda *_: Path("/dev/full"))
        reply = posted(client, customers_csv * 20)
        assert reply.status_code == 507
        assert "The disk is full" in reply.text
    database = sqlite3.connect(Path(app.instance_path) / "full.db")
    database.execute("pragma max_page_count = 1")

    def put(token: str) -> None:
        database.execute("create table queue as select zeroblob(9999)")

    app.extensions["put_file"] = put
    assert posted(client, customers_csv).status_code == 507
    database.close()
    assert list(folder.iterdir()) == []
    with monkeypatch.context() as patch, open("/dev/full", "wb", buffering=0) as full:
        patch.setattr("serve.web.upload.SpooledTemporaryFile", lambda **_: full)  # in the body
        assert posted(client, customers_csv * 99).status_code == 507


def test_no_file_is_a_mistake_too(client: FlaskClient) -> None:
    """Sending the form without a file says what is missing."""
    reply = client.post("/file", data={})
    assert reply.status_code == 422
    assert "Choose a file first." in reply.text


def test_a_file_too_large_is_refused(app: Flask) -> None:
    """The limit is kept with a page of its own."""
    app.config["MAX_CONTENT_LENGTH"] = 2000
    content = {"file": (io.BytesIO(b"x" * 5000), "customers.csv")}
    reply = app.test_client().post("/file", data=content)
    assert reply.status_code == 413
    assert "too large" in reply.text


def test_a_failing_scoring_server_loses_nothing_of_a_file(
    client: FlaskClient, scoring: Scoring, customers_csv: bytes
) -> None:
    """The page says so; once the server is back, the same file is scored."""
    scoring.mode = "refuses"
    page = send(client, customers_csv)
    assert page.status_code == 503
    assert "refused" in page.text
    assert "canary" not in page.text
    assert not [file for file in kept(client) if file.name.startswith("scored")]
    scoring.mode = "answer"
    reply = client.post(f"{page.address}/again")
    assert "30 card holders scored" in client.get(reply.location).text


def test_a_result_belongs_to_its_session(
    app: Flask, client: FlaskClient, customers_csv: bytes
) -> None:
    """Another browser, a changed token or a path trick finds nothing."""
    address = send(client, customers_csv).address
    assert client.get(address).status_code == 200
    for path in ("", "/state", "/download"):
        assert app.test_client().get(address + path).status_code == 410
    for path in ("/again", "/anyway"):
        assert app.test_client().post(address + path).status_code == 410
    for trick in ("/file/../../secret_key", "/file/%2e%2e%2fsecret_key", address + "x"):
        assert client.get(trick).status_code in {404, 410}


def test_files_are_deleted(client: FlaskClient, customers_csv: bytes) -> None:
    """The upload once it is scored, the result after its time."""
    address = send(client, customers_csv).address
    assert {file.name for file in kept(client)} == {"job.json", "scored.csv"}
    assert all(file.parent.stat().st_mode & 0o077 == 0 for file in kept(client))
    old = time.time() - 4000
    for file in kept(client):
        os.utime(file, (old, old))
    Jobs(Path(client.application.instance_path) / FOLDER, 3600).sweep()
    assert client.get(address).status_code == 410
    assert not kept(client)


def test_identifiers_that_are_formulas_come_back_harmless(
    client: FlaskClient, customers_csv: bytes
) -> None:
    """A spreadsheet that opens the download runs nothing."""
    lines = customers_csv.decode().splitlines()
    starts = ["=1+1", "+1+1", "-1-1", "@x", "|x", " =1", "\t=1", "\ufeff=1", "＝1", "\t1"]
    for number, start in enumerate(starts, start=1):
        lines[number] = ",".join([start, *lines[number].split(",")[1:]])
    text = fetched(client, send(client, "\n".join(lines).encode()).address).decode()
    for start in starts:
        cell = start.replace("\t=", "\t'=")  # a tab separates too
        assert f"\n'{cell}," in text


FORMULA_PIECES = ["=cmd|' /C calc'!A0", "+1", "-1", "-1+x", "@x", "＝1"]
TEXT_PIECES = [
    ";",
    ",",
    "\t",
    "|",
    "\n",
    "\r",
    "\f",
    '"',
    "'",
    " ",
    "\ufeff",
    "\u2028",
    "a",
    "7",
    ";=cmd",
    '"";"=1',
]


def cells_as_read(text: str) -> list[str]:
    """Return the cells of a CSV file as spreadsheets with each separator read them."""
    cells: list[str] = []
    for delimiter in ";,\t|":
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        cells += [cell for row in rows for cell in row]
    return cells


@settings(max_examples=200, deadline=None, derandomize=True)
@example([";", "=cmd|' /C calc'!A0"])
@example(["a", '"', ";", '"', "=1"])
@given(st.lists(st.sampled_from(FORMULA_PIECES + TEXT_PIECES), max_size=6))
def test_no_separator_makes_a_formula_of_a_text(pieces: list[str]) -> None:
    """Whatever separates cells where a download is opened, none of them starts as a formula."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scored.csv"
        row = {"CUST_ID": "".join(pieces), "segment": 1, "segment_name": "".join(pieces)}
        with ScoredWriter(path, SCHEMA) as writer:
            writer.write(pd.DataFrame([{**row, "reasons": pieces}]))
        written = path.read_bytes().decode()
    # A signed number calls nothing, whatever another separator leaves behind it.
    formula = re.compile(r"[\s\ufeff]*(?![+-]\d[\d.,]*%?(?:[,;|\s\"]|\Z))[=+\-@＝]")
    starts = [cell for cell in cells_as_read(written) if formula.match(cell)]
    assert starts == []


def test_texts_without_formulas_come_back_as_they_are(tmp_path: Path) -> None:
    """Separators, quotes and dashes within a text change nothing."""
    texts = ["A;B", "x, y", "a|b", "2020-01-02", 'the "big" one', "a\nb", "0012", "a=b", "x - y"]
    table = pd.DataFrame({"CUST_ID": texts, "segment_name": texts, "reasons": [["A", "B-C"]] * 9})
    with ScoredWriter(tmp_path / "scored.csv", SCHEMA) as writer:
        writer.write(table)
    back = pd.read_csv(tmp_path / "scored.csv", dtype=str)
    assert list(back["CUST_ID"]) == list(back["segment_name"]) == texts


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_names_that_are_formulas_come_back_harmless(tmp_path: Path, ending: str) -> None:
    """People name segments: what they type is as little run as what is in the file."""
    row = {"CUST_ID": "a", "segment": 1, "segment_name": "\t=1", "reasons": ["=1", "B"]}
    with ScoredWriter(tmp_path / f"scored{ending}", SCHEMA) as writer:
        writer.write(pd.DataFrame([row, row]))
    read = pd.read_csv if ending == ".csv" else pd.read_excel
    frame = read(tmp_path / f"scored{ending}")
    assert list(frame["segment_name"]) == ["'\t'=1"] * 2
    assert list(frame["reasons"]) == ["'=1, B"] * 2


def test_an_unfinished_file_is_done_after_a_restart(
    tmp_path: Path, scoring: Scoring, customers_csv: bytes
) -> None:
    """A worker does what another left in the middle, once; a file that always kills is given up."""
    chosen = Settings(scoring_url=scoring.url)
    jobs = Jobs(tmp_path / FOLDER, 3600)
    left = jobs.new(".csv", "left.csv", SCHEMA, {})
    left.state, left.done, left.attempts = "scoring", 10, 1
    jobs.upload(left).write_bytes(customers_csv)
    jobs.save(left)
    deadly = jobs.new(".csv", "deadly.csv", SCHEMA, {})
    deadly.state, deadly.attempts = "reading", 3
    jobs.save(deadly)
    _, put = file_queue(tmp_path, chosen, at_once=True)
    assert set(jobs.unfinished()) == {left.token, deadly.token}
    for token in (left.token, deadly.token, left.token):
        put(token)
    done, given_up = jobs.find(left.token), jobs.find(deadly.token)
    assert done is not None
    assert given_up is not None
    assert (done.state, sum(done.counts.values())) == ("done", 30)
    assert given_up.state == "failed"
    assert len(scoring.bodies) == 1
    assert not list(jobs.unfinished())


def test_who_would_move_with_the_challenger_is_shown(client: FlaskClient) -> None:
    """Both versions score the file; counts, shares and columns say who goes where."""
    table = generate(6, seed=4).assign(CASH_ADVANCE=[0.0, 0.0, 100.0, 100.0, 100.0, 900.0])
    content = {"file": (io.BytesIO(table.to_csv(index=False).encode()), "c.csv"), "compare": "y"}
    reply = client.post("/file", data=content)
    page = client.get(reply.location).text
    assert "Who would move with the challenger" in page
    flow = page.split("Who would move")[1]
    cells = re.findall(r'<td class="text-end text-nowrap[^>]*>(\d+|<span)', flow)
    assert cells == ["2", "3", "<span", "1"]
    frame = scored(fetched(client, reply.location))
    assert frame["segment"].tolist() == [1, 1, 1, 1, 1, 2]
    assert frame["challenger_segment"].tolist() == [1, 1, 2, 2, 2, 2]


def test_progress_is_told(client: FlaskClient, customers_csv: bytes) -> None:
    """The page's script learns the state and the number of rows."""
    address = send(client, customers_csv).address
    state = json.loads(client.get(f"{address}/state").text)
    assert state == {"state": "done", "done": 30, "total": 30, "finished": True}


def test_what_goes_away_while_others_are_swept_is_no_error(tmp_path: Path) -> None:
    """A file that is being sent lies there too: here a link that leads nowhere any more."""
    jobs = Jobs(tmp_path, 3600)
    (tmp_path / "sent").symlink_to(tmp_path / "gone")
    jobs.sweep()
    assert list(jobs.unfinished()) == []
