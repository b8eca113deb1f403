"""What one `crm_config` after another means for the pairs of the links."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.mapping_changes import MappingChange, compare

PHONE = ("Phone", "phone_number")
LINES = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("abc")), unique=True, max_size=4)


def config(inbound: list[tuple[str, str]], outbound: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
    def lines(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
        return [{"external_field_name": crm, "field_name": name} for crm, name in pairs]

    return {
        "inbound_sync_mappings": lines([PHONE, *inbound]),
        "outbound_sync_mappings": lines(outbound),
        **more,
    }


def keys(lines: list[tuple[str, str]]) -> set[str]:
    return {f"{name}|{crm}" for crm, name in lines}


@given(LINES, LINES, st.randoms())
def test_the_same_pairs_in_any_order_and_with_any_options_change_nothing(
    inbound: list[tuple[str, str]], outbound: list[tuple[str, str]], chance: Any
) -> None:
    before = config(inbound, outbound)
    chance.shuffle(inbound)
    chance.shuffle(outbound)
    after = config(inbound, outbound, sync_new_contacts=True, time_zone="Europe/Berlin")
    for line in after["inbound_sync_mappings"]:
        line |= {"policy": "review", "options": {"a": "A"}}
    assert not compare(before, after)


@given(LINES, LINES, LINES, LINES)
def test_a_pair_is_removed_when_no_direction_has_it_and_outbound_when_only_now_it_is_written(
    was_in: list[tuple[str, str]],
    was_out: list[tuple[str, str]],
    is_in: list[tuple[str, str]],
    is_out: list[tuple[str, str]],
) -> None:
    change = compare(config(was_in, was_out), config(is_in, is_out))
    assert set(change.removed) == (keys(was_in) | keys(was_out)) - keys(is_in) - keys(is_out)
    assert {key for key, _ in change.outbound} == keys(is_out) - keys(was_out)
    assert set(change.inbound) == keys(is_in) & keys(was_out) - keys(was_in)
    assert all(key.startswith(f"{name}|") for key, name in change.outbound)
    assert change.must_read == bool(keys(is_in) - keys(was_in))


def test_another_phone_field_country_or_fallback_has_to_be_read() -> None:
    before = config([], [])
    other = {"inbound_sync_mappings": [{"external_field_name": "Mobile", "field_name": "phone_number"}]}
    assert compare(before, other) == MappingChange(removed=("phone_number|Phone",), must_read=True)
    for setting in ({"default_country": "DE"}, {"fallback_phone_fields": ["Mobile"]}):
        assert compare(before, {**before, **setting}) == MappingChange(must_read=True)
    assert not compare(before, {**before, "fallback_phone_fields": []})


def test_a_first_config_reads_and_notes_everything() -> None:
    change = compare({}, config([("A", "a")], [("A", "a")]))
    assert change == MappingChange(outbound=(("a|A", "a"),), must_read=True)
