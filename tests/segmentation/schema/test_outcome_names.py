"""Outcomes are told by name and content together, in several languages."""

import pytest

from segmentation.schema.drafting.outcome_names import event_last, is_outcome

YES_NO, FLAG, MANY = ["no", "yes"], ["0", "1"], 50


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("Churn", YES_NO),
        ("Churn Score", []),
        ("Exited", FLAG),
        ("left", FLAG),
        ("Attrition_Flag", ["Existing Customer", "Attrited Customer"]),
        ("Customer Status", ["Stayed", "Churned", "Joined"]),
        ("default_payment_next_month", FLAG),
        ("default.payment.next.month", FLAG),
        ("loan_default", FLAG),
        ("Response", FLAG),
        ("deposit", YES_NO),
        ("y", YES_NO),
        ("TARGET", FLAG),
        ("label", ["a", "b", "c"]),
        ("outcome", ["failure", "other", "success"]),
        ("Risk", ["bad", "good"]),
        ("Risk", ["1", "2"]),
        ("loan_status", ["1", "2"]),
        ("class", ["bad", "good"]),
        ("is_fraud", FLAG),
        ("is_canceled", FLAG),
        ("subscribed", YES_NO),
        ("AcceptedCmp3", FLAG),
        ("Revenue", ["False", "True"]),
        ("not.fully.paid", FLAG),
        ("revenue_next_month", []),
        ("spend_next_12m", []),
        ("future_spend", []),
        ("Customer Lifetime Value", []),
        ("Kündigung", ["ja", "nein"]),
        ("Baja", ["no", "si"]),
        ("umsatz_folgejahr", []),
    ],
)
def test_what_happened_is_an_outcome(name: str, levels: list[str]) -> None:
    """Two states under a name that tells of an event, or anything that lies ahead."""
    assert is_outcome(name, levels, len(levels) or MANY)


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("deposit", []),
        ("response_time", []),
        ("response_rate", []),
        ("default_language", ["de", "en"]),
        ("label_count", []),
        ("target_group", ["a", "b"]),
        ("class", ["Business", "Eco"]),
        ("class", ["1", "2", "3"]),
        ("gender", ["1", "2"]),
        ("poutcome", ["failure", "other", "success"]),
        ("previous_default", YES_NO),
        ("previous_cancellations", FLAG),
        ("cancellations", []),
        ("conversion_rate", []),
        ("risk_level", ["high", "low", "medium"]),
        ("revenue", []),
        ("loan", YES_NO),
        ("HasCrCard", FLAG),
        ("status", ["Married", "Single"]),
        ("next_best_offer", ["a", "b"]),
        ("subscription_type", ["a", "b"]),
        ("left_hand", FLAG),
        ("days_left", []),
        ("label", ["c1", "c2", "c3", "c4", "c5", "c6", "c7"]),
        ("Churn", ["no"]),
    ],
)
def test_what_describes_is_a_feature(name: str, levels: list[str]) -> None:
    """The same words beside others, before the past, or over other values are no outcome."""
    assert not is_outcome(name, levels, len(levels) or MANY)


@pytest.mark.parametrize(
    ("name", "levels", "event"),
    [
        ("Churn", ["No", "Yes"], "Yes"),
        ("Attrition_Flag", ["Attrited Customer", "Existing Customer"], "Attrited Customer"),
        ("Risk", ["bad", "good"], "bad"),
        ("state", ["churn", "non-churn"], "churn"),
        ("Kündigung", ["ja", "nein"], "ja"),
        ("Response", ["Responded", "Silent"], "Responded"),
    ],
)
def test_the_event_comes_last(name: str, levels: list[str], event: str) -> None:
    """What is counted is the event, not its absence."""
    assert event_last(levels, name)[-1] == event
