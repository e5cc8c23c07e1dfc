"""Protected traits are recognised by name in several languages, and by levels."""

import pytest

from segmentation.schema.drafting.sensitivity import is_sensitive


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("Genre", ["Male", "Female"]),
        ("MARRIAGE", []),
        ("SeniorCitizen", []),
        ("Partner", ["Yes", "No"]),
        ("MarStat", []),
        ("DOB", []),
        ("Year_Birth", []),
        ("DAYS_BIRTH", []),
        ("Nationality", ["FR"]),
        ("Sexo", []),
        ("Geschlecht", []),
        ("Civil_Status", []),
        ("Estado_Civil", []),
        ("Familienstand", []),
        ("situation familiale", []),
        ("stato civile", []),
        ("NAME_FAMILY_STATUS", []),
        ("CODE_GENDER", []),
        ("personal_status_sex", []),
        ("foreign_worker", []),
        ("Customer_Age", []),
        ("GENDER", []),
        ("maritalStatus", []),
        ("maritalstatus", []),
        ("Edad", []),
        ("age_group", []),
        ("x", ["m", "w"]),
        ("x", ["homme", "femme"]),
        ("x", ["Hombre", "Mujer", "Otro"]),
        ("x", ["M", "F", "X"]),
        ("status", ["ledig", "verheiratet", "geschieden"]),
        ("x", ["male : single", "female : divorced/separated/married", "male : divorced"]),
        ("x", ["Christian", "Muslim", "Other"]),
        ("x", ["White", "Black", "Asian-Pac-Islander"]),
    ],
)
def test_a_protected_trait_is_sensitive(name: str, levels: list[str]) -> None:
    """By its name, or by its levels whatever it is called."""
    assert is_sensitive(name, levels)


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("Genre", ["Rock", "Pop", "Jazz"]),
        ("average_balance", []),
        ("usage", []),
        ("percentage", []),
        ("stage", []),
        ("age_of_account", []),
        ("account_age", []),
        ("vehicle_age", []),
        ("EDUCATION", []),
        ("Kidhome", []),
        ("Dependents", ["Yes", "No"]),
        ("partner_sales", []),
        ("country", ["DE", "FR"]),
        ("colour", ["white", "black", "red"]),
        ("room", ["single", "double"]),
        ("size", ["m", "l", "s"]),
        ("billing", ["monthly", "yearly"]),
    ],
)
def test_other_columns_are_not(name: str, levels: list[str]) -> None:
    """`age` inside a word, the age of a thing, children and colours are not protected."""
    assert not is_sensitive(name, levels)
