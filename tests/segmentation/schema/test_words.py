"""Names are cut into words, matched as whole words, and written as a person would."""

import pytest

from segmentation.schema.drafting.words import ends_with, label_of, mentions, vocabulary, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NumOfProducts", ("num", "of", "products")),
        ("PAY_AMT1", ("pay", "amt", "1")),
        ("customerID", ("customer", "id")),
        ("Annual Income (k$)", ("annual", "income", "k", "$")),
        ("Größte Bestellung", ("grosste", "bestellung")),
        ("APIKey", ("api", "key")),
        ("not.fully.paid", ("not", "fully", "paid")),
        ("ID#", ("id", "#")),
        ("", ()),
    ],
)
def test_a_name_has_words(name: str, words: tuple[str, ...]) -> None:
    """Snake case, camel case, blanks, digits and signs all end a word; accents are folded."""
    assert words_of(name) == words


def test_words_are_matched_whole() -> None:
    """A phrase is matched written apart or together, never inside a longer word."""
    phrases = vocabulary("marital status, âge")
    assert mentions(words_of("MaritalStatus"), phrases)
    assert mentions(words_of("maritalstatus"), phrases)
    assert mentions(words_of("customer_age"), phrases)
    assert not mentions(words_of("usage_percentage"), phrases)
    assert ends_with(words_of("MARITAL STATUS"), phrases)
    assert not ends_with(words_of("marital_status_code"), phrases)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("OnlineSecurity", "Online security"),
        ("Annual Income (k$)", "Annual income (k$)"),
        ("Spending Score (1-100)", "Spending score (1-100)"),
        ("SeniorCitizen", "Senior citizen"),
        ("NumOfProducts", "Number of products"),
        ("IDNumber", "ID number"),
        ("CNT_CHILDREN", "Number of children"),
        ("AMT_CREDIT", "Amount credit"),
        ("NumberOfTimes90DaysLate", "Number of times 90 days late"),
        ("mp3_player", "Mp3 player"),
        ("customer_id", "Customer ID"),
        ("BALANCE_FREQUENCY", "Balance frequency"),
        ("StreamingTV", "Streaming TV"),
        ("bmi", "BMI"),
        ("PhD", "PhD"),
        ("y_per_day", "Y per day"),
        ("iPhone", "Iphone"),
        ("Avg.Order.Value", "Average order value"),
        ("Umsatz Einkäufe", "Umsatz Einkäufe"),
        ("ANZAHL ÜBERWEISUNGEN", "Anzahl überweisungen"),
        ("__", "__"),
    ],
)
def test_a_label_is_what_a_person_would_write(name: str, label: str) -> None:
    """Words are apart and small, acronyms and brackets stay."""
    assert label_of(name) == label
