"""HubSpot's calculated phone digits."""

import pytest

from tieline.sandbox.hubspot.phones import calculated, split_digits


@pytest.mark.parametrize(
    "spelling",
    ["(415) 555-0100", "+1 415 555 0100", "1-415-555-0100", "4155550100 ext. 42", "tel:+1-415-555-0100"],
)
def test_spellings_of_one_american_number_have_the_same_digits(spelling: str) -> None:
    assert split_digits(spelling) == ("1", "4155550100", "14155550100")


@pytest.mark.parametrize(
    ("spelling", "national", "international"),
    [
        ("+44 (0)20 7946 0018", "2079460018", "442079460018"),
        ("011 44 7400 123456", "7400123456", "447400123456"),
        ("+353 1 234 5678", "12345678", "35312345678"),
    ],
)
def test_a_foreign_number_is_split_at_its_country_code(
    spelling: str, national: str, international: str
) -> None:
    found = split_digits(spelling)
    assert found is not None
    assert (found.national, found.international) == (national, international)


def test_a_number_that_does_not_fit_its_country_keeps_all_digits() -> None:
    assert calculated("+1 555-1234", "phone")["hs_searchable_calculated_phone_number"] == "15551234"
    assert calculated("+1 555-1234", "phone")["hs_calculated_phone_number"] == ""


def test_text_without_digits_has_no_number() -> None:
    assert split_digits("call the office") is None
    assert set(calculated("n/a", "mobile").values()) == {""}
