"""What the front makes of MLflow's refusals: the kind of mistake and known columns, no value."""

import json

import pytest

from serve.gateway.error_messages import (
    CSV,
    JSON,
    PARQUET,
    answer_types,
    known_type,
    refused_body,
    refused_path,
    reworded,
    too_deep,
    truths,
    unread_parameters,
)

COLUMNS = ("BALANCE", "PAYMENTS")
ECHO = "Failed to predict data '  BALANCE canary'. \nError: "
ENFORCE = "Failed to enforce schema of data 'canary' with schema '['BALANCE': double]'. Error: "


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            ECHO + ENFORCE + "Model is missing inputs ['PAYMENTS']. Note extra: ['canary'].",
            "PAYMENTS: columns are missing",
        ),
        (
            ECHO + "the table cannot be used:\n - column BALANCE: expected a finite number.",
            "BALANCE: a value is not finite",
        ),
        (
            "Failed to convert column BALANCE to type 'float64'. Error: could not: 'canary'",
            "BALANCE: a value is not a number",
        ),
        ("Ensure that input is a valid JSON formatted string. Input: b'canary'", "is not JSON"),
        ("/srv/mlflow/canary.py said canary", "the body is not a table of customers"),
    ],
)
def test_a_refusal_names_kind_and_column(message: str, words: str) -> None:
    """Whatever MLflow repeats of the request, its trace and its paths are left out."""
    sent = json.dumps({"message": message, "stack_trace": 'File "canary.py"'})
    refusal = reworded(sent, COLUMNS)
    assert refusal.status == 400
    assert words in refusal.message
    assert "canary" not in refusal.body.decode()


@pytest.mark.parametrize("text", ["Internal Server Error", "[]", "null", '{"message": 1}', ""])
def test_an_answer_without_a_message_is_worded_too(text: str) -> None:
    """No form of an error is passed on as it is."""
    assert "not a table of customers" in reworded(text, COLUMNS).message


def test_only_what_mlflow_reads_is_handed_on() -> None:
    """Paths, methods, content types, encodings: what MLflow would trip over stays outside."""
    assert refused_path("POST", "/invocations") is None
    assert refused_path("GET", "/canary") is not None
    assert refused_path("DELETE", "/ping") is not None
    assert known_type("Application/JSON; charset=UTF-8") == "application/json"
    assert refused_body("text/csv", "identity") is None
    for kind, encoding in (("", ""), ("text/plain", ""), ("text/csv; x=canary", "")):
        assert refused_body(kind, encoding) is not None
    assert refused_body("application/json", "gzip") is not None


def test_json_deeper_than_a_table_is_refused() -> None:
    """MLflow's parser ends with a trace on it; a table with brackets in texts passes."""
    assert too_deep(b"[" * 33) is not None
    assert too_deep(b'{"dataframe_records": [{"a": [1]}, {"b": "]]["}]}' * 50) is None


@pytest.mark.parametrize(
    "sent",
    [
        {"dataframe_split": {"columns": ["BALANCE", "x"], "data": [[1, 2], [True, 2]]}},
        {"dataframe_records": [{"BALANCE": 1}, {"BALANCE": False}]},
        {"instances": [{"BALANCE": True}]},
        {"inputs": {"BALANCE": [1, True]}},
        {"inputs": {"BALANCE": True}},
    ],
)
def test_true_is_no_number(sent: dict[str, object]) -> None:
    """True would be scored as 1: it is refused in every form, by column and remedy."""
    refusal = truths(json.dumps(sent).encode(), COLUMNS)
    assert refusal is not None
    assert refusal.status == 400
    assert "BALANCE: expected a number" in refusal.message
    assert "1 or 0" in refusal.message
    assert "PAYMENTS" not in refusal.message


@pytest.mark.parametrize(
    "sent",
    [
        {"dataframe_records": [{"BALANCE": 1, "note": "true"}]},
        {"dataframe_records": [{"BALANCE": 1, "other": True}]},
        {"dataframe_split": {"columns": ["BALANCE", "x"], "data": [[1, True], "odd"]}},
        {"dataframe_split": "false", "inputs": [[True]], "params": {"detail": True}},
        [True],
    ],
)
def test_true_elsewhere_is_left_to_the_server(sent: object) -> None:
    """In texts, in columns that no model asks for, in what is no table."""
    assert truths(json.dumps(sent).encode(), COLUMNS) is None
    assert truths(b"{true", COLUMNS) is None


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ('{"detial": "basic"}', True),
        ('{ "detail": "basic", "temperature": 0.5 }', True),
        ('{"detail": "basic"}', False),
        ("{}", False),
        ("{oops}", False),
        ("3", False),
    ],
)
def test_a_parameter_that_no_model_reads_is_refused(params: str, refused: bool) -> None:
    """MLflow would leave it out in silence; a text that looks like one is no parameter."""
    looks = r'"\"params\": {\"x\": 1}"'
    body = f'{{"dataframe_records": [{{"NOTE": {looks}}}], "params" : {params}}}'.encode()
    refusal = unread_parameters(body)
    assert (refusal is not None) == refused
    if refusal:
        assert "found another parameter" in refusal.message
        assert "detial" not in refusal.message


@pytest.mark.parametrize(
    ("accept", "kinds"),
    [
        ("", (JSON,)),
        ("*/*", (JSON,)),
        ("text/html, */*;q=0.8", (JSON,)),
        ("application/xml", (JSON,)),
        ("Text/CSV; header=present", (CSV,)),
        (f"{PARQUET}, application/json;q=0.5", (PARQUET, JSON)),
        ("text/csv,*/*", (CSV, JSON)),
    ],
)
def test_an_answer_comes_as_it_is_accepted(accept: str, kinds: tuple[str, ...]) -> None:
    """In the first kind that is written here; in JSON where nothing else is accepted."""
    assert answer_types(accept) == kinds
