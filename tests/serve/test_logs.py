"""What a log keeps of an error: its kind and place, no text that may be a customer's value."""

import logging

import pytest
from flask.testing import FlaskClient

from serve.logs import BRIEF


def test_an_error_of_a_page_is_written_down_without_its_text(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that something is wrong; the log says what kind and where."""

    def breaks(*_: object) -> None:
        raise ValueError("could not convert string to float: 'canary'")

    monkeypatch.setattr("serve.web.customer.answer_view", breaks)
    reply = client.post("/customer", data={"BALANCE": "98765.4321"})
    assert reply.status_code == 500
    assert "Something went wrong on our side" in reply.text
    assert "ValueError at" in caplog.text
    assert "test_logs.py" in caplog.text
    assert "canary" not in caplog.text
    assert "98765" not in caplog.text


def test_a_record_without_an_error_stays_as_it_is() -> None:
    """Only errors are shortened."""
    record = logging.LogRecord("x", logging.WARNING, "y", 1, "%s files", (3,), None)
    assert BRIEF.filter(record)
    assert record.getMessage() == "3 files"
