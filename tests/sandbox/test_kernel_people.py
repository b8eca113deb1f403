"""The made-up people."""

import itertools

import phonenumbers
import pytest

from tieline.sandbox.kernel.people import Person, generate_people


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return list(generate_people(4000, 7))


def test_the_same_seed_gives_the_same_people_and_a_longer_list_starts_alike(people: list[Person]) -> None:
    assert list(itertools.islice(generate_people(10**6, 7), 4000)) == people
    assert list(generate_people(50, 8)) != people[:50]


def test_what_a_spelling_means_is_what_libphonenumber_reads(people: list[Person]) -> None:
    for person in people:
        try:
            parsed = phonenumbers.parse(person.phone, "US")
        except phonenumbers.NumberParseException:
            assert person.e164 is None, person
            continue
        valid = phonenumbers.is_valid_number(parsed)
        meant = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if valid else None
        assert meant == person.e164, person


def test_numbers_are_unique_unless_marked_as_shared(people: list[Person]) -> None:
    own = [person.e164 for person in people if person.e164 and not person.shared]
    assert len(own) == len(set(own))
    shared = [person for person in people if person.shared]
    assert shared
    assert all(person.e164 in own for person in shared)


def test_the_awkward_shares_are_small_and_present(people: list[Person]) -> None:
    empty = sum(not person.phone for person in people)
    invalid = sum(bool(person.phone) and person.e164 is None for person in people)
    abroad = sum(bool(person.e164) and not str(person.e164).startswith("+1") for person in people)
    assert 10 < empty < 100
    assert 10 < invalid < 100
    assert 80 < abroad < 300
    assert any("'" in person.last_name for person in people)
    assert any(not person.first_name.isascii() for person in people)
    assert any('"' in person.first_name for person in people)
