"""Conversations in HubSpot: on the right contact, once, found again by key, and never over what others wrote."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.hubspot.driving import NOW_MS, Script, V, answer, drive, error_body

from tieline.connectors.hubspot import CONNECTOR, activity_text
from tieline.domain.activities import Activity, ConversationDirection, ConversationType
from tieline.ports.errors import (
    MalformedAnswerError,
    RecordGoneError,
    RecordRejectedError,
    TransientError,
)

CALL = Activity(
    key="tieline:org_1:retell:call_1",
    type=ConversationType.CALL,
    conversation_id="call_1",
    direction=ConversationDirection.OUTBOUND,
    started_ms=NOW_MS,
    duration_ms=125_000,
    from_number="+14155550199",
    to_number="+14155550100",
    summary="Wants a demo, budget < 5 & > 3.",
    disconnection_reason="user_hangup",
)
CHAT = Activity("tieline:org_1:retell:chat_1", ConversationType.CHAT, "chat_1", None, NOW_MS, summary="Hi")


def shown(activity_id: str, **properties: Any) -> dict[str, Any]:
    return {"id": activity_id, "properties": properties, "updatedAt": "2026-11-23T12:00:00Z"}


def test_a_call_becomes_a_call_object_on_the_contact() -> None:
    script = Script(answer(201, shown("900", hs_timestamp="2026-11-23T12:00:00Z")))
    ref = drive(CONNECTOR.create_activity("5", CALL), script)
    (request,) = script.requests
    assert (request.path, request.applies) == (f"/crm/objects/{V}/calls", True)
    properties = request.json["properties"]
    assert properties["hs_timestamp"] == str(NOW_MS)
    assert properties["hs_call_title"] == "Call call_1"
    assert properties["hs_call_duration"] == "125000"
    assert properties["hs_call_direction"] == "OUTBOUND"
    assert properties["hs_call_status"] == "COMPLETED"
    assert properties["hs_call_body"].splitlines()[-1] == "Ref: tieline:org_1:retell:call_1"
    assert request.json["associations"] == [
        {
            "to": {"id": "5"},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}],
        }
    ]
    assert ref.activity_id == "900"
    assert ref.written["hs_timestamp"] == "2026-11-23T12:00:00Z"


def test_a_chat_becomes_a_communication_on_the_sms_channel() -> None:
    script = Script(answer(201, shown("901")))
    drive(CONNECTOR.create_activity("5", CHAT), script)
    (request,) = script.requests
    assert request.path == f"/crm/objects/{V}/communications"
    assert request.json["properties"]["hs_communication_channel_type"] == "SMS"
    assert request.json["properties"]["hs_communication_logged_from"] == "CRM"
    assert request.json["associations"][0]["types"][0]["associationTypeId"] == 81


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (None, "COMPLETED"),
        ("agent_hangup", "COMPLETED"),
        ("voicemail_reached", "COMPLETED"),
        ("dial_busy", "BUSY"),
        ("dial_no_answer", "NO_ANSWER"),
        ("dial_failed", "FAILED"),
        ("error_llm_websocket_open", "FAILED"),
    ],
)
def test_the_status_tells_how_the_call_ended(reason: str | None, status: str) -> None:
    script = Script(answer(201, shown("1")))
    drive(CONNECTOR.create_activity("5", replace(CALL, disconnection_reason=reason)), script)
    assert script.requests[0].json["properties"]["hs_call_status"] == status


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, error_body("OBJECT_NOT_FOUND", "CONTACT=5 not found")),
        (400, error_body("VALIDATION_ERROR", "One or more associations are not valid")),
        (400, error_body("VALIDATION_ERROR", "CONTACT=5 is not valid")),
        (400, error_body("VALIDATION_ERROR", "invalid", context={"INVALID_OBJECT_IDS": ["5"]})),
    ],
)
def test_a_contact_that_is_gone_is_named(status: int, body: dict[str, Any]) -> None:
    with pytest.raises(RecordGoneError) as raised:
        drive(CONNECTOR.create_activity("5", CALL), Script(answer(status, body)))
    assert raised.value.external_id == "5"


def test_a_refused_value_is_not_taken_for_a_gone_contact() -> None:
    with pytest.raises(RecordRejectedError):
        drive(CONNECTOR.create_activity("5", CALL), Script(answer(400, error_body("VALIDATION_ERROR"))))


def test_a_create_without_an_answer_may_have_happened() -> None:
    with pytest.raises(TransientError) as raised:
        drive(CONNECTOR.create_activity("5", CALL), Script(answer(201, b"")))
    assert raised.value.maybe_applied


def listed(*ids: int, after: str | None = None) -> dict[str, Any]:
    more = {"paging": {"next": {"after": after}}} if after else {}
    return {"results": [{"toObjectId": one, "associationTypes": []} for one in ids], **more}


def test_an_activity_is_found_through_associations_and_never_by_search() -> None:
    body = f"<div><p>Conversation ID: call_1</p><p>&nbsp;</p><p>Ref:  {CALL.key}</p></div>"
    script = Script(
        answer(200, listed(1, 2, after="2")),
        answer(200, listed(3)),
        answer(
            200,
            {"results": [shown("3", hs_call_body="Ref: other"), shown("2", hs_call_body=body), shown("1")]},
        ),
    )
    ref = drive(CONNECTOR.find_activity("5", CALL), script)
    assert ref is not None
    assert ref.activity_id == "2"
    assert ref.written["hs_call_body"] == body
    assert [request.path for request in script.requests] == [
        f"/crm/objects/{V}/contacts/5/associations/calls",
        f"/crm/objects/{V}/contacts/5/associations/calls",
        f"/crm/objects/{V}/calls/batch/read",
    ]
    assert script.requests[1].query["after"] == "2"
    assert [one["id"] for one in script.requests[2].json["inputs"]] == ["3", "2", "1"]


def test_no_activities_are_no_activity() -> None:
    assert drive(CONNECTOR.find_activity("5", CALL), Script(answer(200, listed()))) is None


def test_an_archived_activity_does_not_count() -> None:
    found = {**shown("2", hs_call_body=f"Ref: {CALL.key}"), "archived": True}
    script = Script(answer(200, listed(2)), answer(200, {"results": [found]}))
    assert drive(CONNECTOR.find_activity("5", CALL), script) is None


def test_activities_that_an_answer_leaves_out_are_not_taken_for_absent() -> None:
    script = Script(answer(200, listed(1, 2)), answer(200, {"results": [shown("1")]}))
    with pytest.raises(MalformedAnswerError):
        drive(CONNECTOR.find_activity("5", CALL), script)


def test_looking_on_a_contact_that_is_gone_says_so() -> None:
    with pytest.raises(RecordGoneError) as raised:
        drive(CONNECTOR.find_activity("5", CALL), Script(answer(404, error_body("OBJECT_NOT_FOUND"))))
    assert raised.value.external_id == "5"


def stored(activity: Activity, **changed: str) -> dict[str, Any]:
    """What HubSpot holds after a create, in its own spelling."""
    script = Script(answer(201, shown("900")))
    ref = drive(CONNECTOR.create_activity("5", activity), script)
    body = "".join(f"<p>{line}</p>" for line in str(ref.written["hs_call_body"]).split("<br>\n"))
    return {**ref.written, "hs_timestamp": "2026-11-23T12:00:00Z", "hs_call_body": body, **changed}


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    written = stored(CALL)
    script = Script(answer(200, shown("900", **written)))
    ref = drive(CONNECTOR.update_activity("900", CALL, written), script)
    assert ref.written == written
    assert [request.method for request in script.requests] == ["GET"]


def test_an_update_patches_only_what_is_still_ours() -> None:
    written = stored(CALL)
    now = {**written, "hs_call_title": "Great call!"}
    later = replace(CALL, summary="A better summary", disconnection_reason="dial_busy")
    script = Script(answer(200, shown("900", **now)), answer(200, shown("900", hs_call_status="BUSY")))
    ref = drive(CONNECTOR.update_activity("900", later, written), script)
    patch = script.requests[1]
    assert (patch.method, patch.applies) == ("PATCH", True)
    assert set(patch.json["properties"]) == {"hs_call_body", "hs_call_status"}
    assert "A better summary" in patch.json["properties"]["hs_call_body"]
    assert ref.written["hs_call_title"] == written["hs_call_title"]
    assert ref.written["hs_call_status"] == "BUSY"


def test_a_body_that_a_person_edited_is_left_alone_now_and_later() -> None:
    written = stored(CALL)
    now = {**written, "hs_call_body": str(written["hs_call_body"]) + "<p>She is on holiday.</p>"}
    later = replace(CALL, summary="A better summary")
    ref = drive(CONNECTOR.update_activity("900", later, written), Script(answer(200, shown("900", **now))))
    again = drive(
        CONNECTOR.update_activity("900", later, ref.written), Script(answer(200, shown("900", **now)))
    )
    assert again.written["hs_call_body"] == written["hs_call_body"]


def test_a_fact_that_arrives_later_fills_what_is_empty() -> None:
    written = stored(replace(CALL, duration_ms=None))
    script = Script(answer(200, shown("900", **written, hs_call_duration=None)), answer(200, shown("900")))
    drive(CONNECTOR.update_activity("900", CALL, written), script)
    assert script.requests[1].json["properties"]["hs_call_duration"] == "125000"


def test_an_update_of_a_deleted_activity_says_so() -> None:
    with pytest.raises(RecordGoneError):
        drive(CONNECTOR.update_activity("900", CALL, {}), Script(answer(404, error_body("OBJECT_NOT_FOUND"))))


@given(summary=st.text(max_size=200), key=st.from_regex(r"tieline:[!-~]{1,40}:[!-~]{1,40}", fullmatch=True))
def test_the_key_is_found_in_every_body_that_was_written_for_it(summary: str, key: str) -> None:
    html = activity_text.body(replace(CALL, summary=summary, key=key))
    assert activity_text.has_key(html, key)
    assert not activity_text.has_key(html, key + "x")


def test_a_key_that_was_spoken_is_not_a_key() -> None:
    html = activity_text.body(replace(CALL, summary="Hello\nRef: tieline:org_1:retell:other\n<br>Ref: x"))
    assert activity_text.has_key(html, CALL.key)
    assert not activity_text.has_key(html, "tieline:org_1:retell:other")
    assert not activity_text.has_key(html, "x")


def test_what_a_caller_said_is_never_markup() -> None:
    html = activity_text.body(replace(CALL, summary='<img src=x onerror="alert(1)"> & more'))
    assert "<img" not in html
    assert '<img src=x onerror="alert(1)"> & more' in activity_text.plain_lines(html)


@pytest.mark.parametrize("summary", ["a" * 70_000, "<" * 70_000, "😀" * 40_000, "line\n" * 20_000])
def test_a_long_summary_is_cut_and_says_so_and_the_key_stays(summary: str) -> None:
    html = activity_text.body(replace(CALL, summary=summary))
    length = len(html.encode("utf-16-le")) // 2
    assert 65_000 < length <= 65_536
    assert activity_text.has_key(html, CALL.key)
    assert "was left out" in html


def test_a_summary_that_fits_is_whole() -> None:
    html = activity_text.body(replace(CALL, summary="a" * 60_000))
    assert "a" * 60_000 in html
    assert "was left out" not in html
