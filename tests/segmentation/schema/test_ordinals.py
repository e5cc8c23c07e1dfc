"""Levels that have an order get it; names, answers and colours get none."""

import random

import pytest

from segmentation.schema.drafting.ordinals import in_order


@pytest.mark.parametrize(
    "ordered",
    [
        ["little", "moderate", "quite rich", "rich"],
        ["Unsatisfied", "Neutral", "Satisfied"],
        ["very dissatisfied", "neutral", "very satisfied"],
        ["neutral or dissatisfied", "satisfied"],
        ["Month-to-month", "One year", "Two year"],
        ["6 months", "12 months", "24 months"],
        ["Bronze", "Silver", "Gold"],
        ["Basic", "Extended", "Premium"],
        ["Basis", "Komfort", "Premium"],
        ["Basic", "Comfort", "Luxury"],
        ["Lite", "Standard", "Full", "Max"],
        ["Blue", "Gold"],
        ["Basic", "Graduation", "Master", "PhD"],
        ["Uneducated", "High School", "College", "Graduate", "Post-Graduate", "Doctorate"],
        ["illiterate", "basic.4y", "basic.6y", "high.school", "university.degree"],
        ["primary", "secondary", "tertiary"],
        ["S", "M", "L", "XL"],
        ["M", "XL", "XXL"],
        ["extra small", "small", "large"],
        ["none", "low", "high"],
        ["Low income", "Middle income", "High income"],
        ["1 - Low", "2 - Medium", "3 - High"],
        ["niedrig", "mittel", "hoch"],
        ["bajo", "medio", "alto"],
        ["faible", "moyen", "élevé"],
        ["unzufrieden", "zufrieden", "sehr zufrieden"],
        ["strongly disagree", "disagree", "neutral", "agree"],
        ["never", "sometimes", "often", "always"],
        ["Non-Travel", "Travel_Rarely", "Travel_Frequently"],
        ["daily", "weekly", "monthly", "yearly"],
        ["Junior", "Senior"],
        ["unskilled", "skilled", "highly skilled"],
        ["1st", "2nd", "3rd"],
        ["First", "Second", "Third"],
        ["Tier 1", "Tier 2"],
        ["Eco", "Eco Plus", "Business"],
        ["No", "Maybe", "Yes"],
        ["<=50K", ">50K"],
        ["Less than $40K", "$40K - $60K", "$60K +"],
        ["<500", "500-999", "1,000 - 4,999", "5,000+"],
        ["0", "1", "2", "3+"],
        ["A: 0-100", "B: 100-200", "C: 200+"],
        ["0-10k", "10-20k", "20k+"],
        ["< 1 Year", "1-2 Year", "> 2 Years"],
    ],
)
def test_levels_are_put_in_order(ordered: list[str]) -> None:
    """From least to most, whatever order they come in; gaps in a scale do not matter."""
    for seed in range(3):
        shuffled = random.Random(seed).sample(ordered, len(ordered))
        assert in_order(shuffled) == ordered


@pytest.mark.parametrize(
    "levels",
    [
        ["Bonn", "Ulm", "Kiel"],
        ["zone 1", "zone 2", "zone 3"],
        ["Yes", "No"],
        ["Yes", "No", "No internet service"],
        ["S", "M"],
        ["blue", "black"],
        ["own", "rent", "free"],
        ["low", "high", "north"],
        ["master", "master's", "PhD"],
        ["Single", "Double"],
        ["10%", "20%", "30%"],
        ["low"],
    ],
)
def test_other_levels_have_no_order(levels: list[str]) -> None:
    """One level outside the scale, or two on one step, and there is no order."""
    assert in_order(levels) is None
