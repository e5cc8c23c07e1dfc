"""The audit log: who did what and when, and no customer."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from experiments.registry.client import ModelInfo, Promotion, Version
from segmentation.data.synthetic import generate
from serve.app import create_app
from serve.web import audit
from serve.web.auth import limiter
from serve.web.auth.people import People
from serve.web.settings import SettingError, Settings

PASSWORD = "correct horse battery"


@pytest.fixture
def pages(model: ModelInfo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Flask:
    """Return pages with a table and an audit log: Ada promotes, Vera looks, Otto audits.

    Moves and names are not stored; what the registry does is tested elsewhere.
    """
    monkeypatch.setattr("serve.web.model_cache.describe", lambda *_: model)
    version = Version("8", model.created, (), "2", "0.8", "1.2", "", "", "", "r")
    monkeypatch.setattr("serve.web.versions.list_versions", lambda *_: [version])
    monkeypatch.setattr("serve.web.versions.history", lambda *_: [])
    for name in ("promote", "rollback"):
        move = lambda *_, **__: Promotion("7", "8")  # noqa: E731
        monkeypatch.setattr(f"serve.web.versions.{name}", move)
    monkeypatch.setattr("serve.web.segments.rename_segment", lambda *_: "before")
    monkeypatch.setattr("serve.web.segments.write_action", lambda *_: None)
    table = generate(40, seed=2).assign(segment=1, segment_name="Heavy", confidence=0.8)
    table.to_csv(tmp_path / "scored.csv", index=False)
    people = People(tmp_path / "people.txt")
    people.add("ada", "promoter", PASSWORD)
    people.add("vera", "viewer", PASSWORD)
    people.add("otto", "auditor", PASSWORD)
    settings = Settings(
        scored=str(tmp_path / "scored.csv"),
        auth=str(tmp_path / "people.txt"),
        audit=str(tmp_path / "audit.jsonl"),
    )
    config = {"INSTANCE": tmp_path / "instance", "SETTINGS": settings, "WTF_CSRF_ENABLED": False}
    app = create_app(config)
    limiter.reset()
    return app


def test_everything_is_written_down_without_a_customer(pages: Flask, tmp_path: Path) -> None:
    """Each deed is a line with its person; neither an identifier nor a typed word is in the file.

    The promoter sees the lines, the viewer does not.
    """
    customer = str(generate(40, seed=2)["CUST_ID"][3])
    ada, vera = pages.test_client(), pages.test_client()
    for browser, name in ((ada, "ada"), (vera, "vera")):
        browser.post("/sign-in", data={"name": name, "password": PASSWORD})
    reason = {"reason": f"because of {customer}", "seen": "0"}
    assert ada.post("/versions/8/promote", data={**reason, "force": "y"}).status_code == 303
    assert ada.post("/versions/rollback", data=reason).status_code == 303
    assert ada.post("/segments/1/name", data={"name": customer}).status_code == 303
    assert ada.post("/segments/1/action", data={"text": f"Call {customer}"}).status_code == 303
    form = {"format": ".csv", "share": "10", "seed": "1", "segment": "1"}
    with vera.post("/lists/export", data=form) as reply:
        assert customer in reply.text
    assert customer in vera.post("/lists/customer", data={"identifier": customer}).text
    assert vera.post("/lists/customer", data={"identifier": "nobody-5"}).status_code == 200
    assert vera.post("/versions/rollback", data=reason).status_code == 403

    file = tmp_path / "audit.jsonl"
    text = file.read_text(encoding="utf-8")
    entries = [json.loads(line) for line in text.splitlines()]
    assert [{k: v for k, v in entry.items() if k != "when"} for entry in entries] == [
        {"who": "ada", "what": "promotion", "version": "8", "before": "7", "forced": True},
        {"who": "ada", "what": "roll-back", "version": "8", "before": "7"},
        {"who": "ada", "what": "rename", "segment": 1},
        {"who": "ada", "what": "action", "segment": 1},
        {
            "who": "vera",
            "what": "list",
            "customers": 40,
            "segments": 1,
            "control": 0.1,
            "format": "csv",
        },
        {"who": "vera", "what": "look-up", "rows": 1},
        {"who": "vera", "what": "look-up", "rows": 0},
    ]
    assert customer not in text
    assert "nobody-5" not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown_to_ada = ada.get("/engineers").text
    for expected in ("Who did what", "version 7 → 8, forced", "40 card holders, csv", "vera"):
        assert expected in shown_to_ada
    assert "Who did what" not in vera.get("/engineers").text


def test_an_auditor_reads_who_did_what_and_does_no_more_than_a_viewer(pages: Flask) -> None:
    """The same answer as a viewer's at every move; the log, and in it what Otto did himself."""
    otto, vera = pages.test_client(), pages.test_client()
    for browser, name in ((otto, "otto"), (vera, "vera")):
        browser.post("/sign-in", data={"name": name, "password": PASSWORD})
    moves = [r for r in pages.url_map.iter_rules() if "versions." in r.endpoint]
    assert len(moves) > 4
    codes = {}
    for rule in moves:
        path = rule.rule.replace("<int:number>", "8")
        for method in sorted(rule.methods & {"GET", "POST"}):
            answers = {browser.open(path, method=method).status_code for browser in (otto, vera)}
            codes[method, path] = answers
            assert len(answers) == 1, path
    assert codes["POST", "/versions/8/promote"] == codes["POST", "/versions/rollback"] == {403}
    otto.post("/lists/customer", data={"identifier": "nobody-5"})
    page = otto.get("/engineers").text
    assert "Who did what" in page
    assert "otto" in page
    assert "Who did what" not in vera.get("/engineers").text


def test_what_cannot_be_written_down_is_not_handed_out(
    pages: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With a log that cannot be written, lists and look-ups are refused; moves are logged."""
    file = tmp_path / "audit.jsonl"
    file.unlink()
    file.mkdir()
    customer = str(generate(40, seed=2)["CUST_ID"][3])
    ada = pages.test_client()
    ada.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    for path, form in (
        ("/lists/export", {"format": ".csv", "share": "0", "seed": "1"}),
        ("/lists/customer", {"identifier": customer}),
    ):
        page = ada.post(path, data=form)
        assert page.status_code == 503
        assert "no customer data is shown" in page.text
    form = {"reason": "It is better.", "seen": "0"}
    assert ada.post("/versions/8/promote", data=form).status_code == 303
    assert "promotion is not written down" in caplog.text
    assert customer not in caplog.text


def test_the_last_fifty_are_read_from_the_end(tmp_path: Path) -> None:
    """The newest first; lines that are cut short or no entries are left out."""
    file = tmp_path / "audit.jsonl"
    assert audit.last(str(file)) == []
    lines = [json.dumps({"when": "t", "who": "ada", "what": f"deed {n}"}) for n in range(3000)]
    file.write_text("\n".join([*lines, "[1]", '{"when": "t"}', '{"when": "t", "wh']))
    entries = audit.last(str(file))
    assert [entry["what"] for entry in entries] == [f"deed {n}" for n in range(2999, 2949, -1)]


def test_the_log_forgets_after_its_days(pages: Flask, tmp_path: Path) -> None:
    """Older lines go with the next one that is written; who writes meanwhile loses none."""
    file = tmp_path / "audit.jsonl"
    now = datetime.now(UTC)
    ages = (400, 91, 89, 1)
    whens = [(now - timedelta(days=age)).isoformat(timespec="seconds") for age in ages]
    lines = [json.dumps({"when": when, "who": "ada", "what": "list"}) for when in whens]
    file.write_text("".join(f"{line}\n" for line in lines))
    pages.extensions["settings"] = replace(pages.extensions["settings"], audit_days=90)

    def one(number: int) -> bool:
        with pages.test_request_context():
            return audit.record("look-up", rows=number)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(64)))
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [entry["when"] for entry in entries[:2]] == whens[2:]
    assert sorted(entry["rows"] for entry in entries[2:]) == list(range(64))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    """The setting, its value and the remedy."""
    settings = Settings(audit=str(tmp_path / "nowhere" / "audit.jsonl"))
    with pytest.raises(SettingError, match=r"SEGMENTATION_AUDIT=.*Name a file that these pages"):
        create_app({"INSTANCE": tmp_path / "instance", "SETTINGS": settings})
