"""Conversations in a contact's timeline: found by their key, changed only where they still hold what we wrote."""

from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.bottlecrm.answers import ONE
from tests.connectors.hands import Play, answer

from tieline.connectors.bottlecrm import activities
from tieline.domain.activities import Activity, ConversationDirection, ConversationType
from tieline.ports.crm import Response
from tieline.ports.errors import MalformedAnswerError, RecordGoneError, TransientError

CALL = Activity(
    key="tieline:org_1:retell:call_1",
    type=ConversationType.CALL,
    conversation_id="call_1",
    direction=ConversationDirection.INBOUND,
    started_ms=1_773_570_600_000,
    duration_ms=125_400,
    summary="Wants a demo.",
    disconnection_reason="user_hangup",
)
MADE = "4a092bfb-7fca-4bc4-b84b-20994c3c75a3"


def shown(activity: Activity = CALL, **members: Any) -> dict[str, Any]:
    """An interaction as BottleCRM gives it back."""
    return {
        "id": MADE, "kind": "call", "direction": "inbound", "occurred_at": "2026-03-15T11:30:00+01:00",
        "duration_seconds": 125, "outcome": "connected", "subject": "Call call_1", "body": activities.body(activity),
        "contact": ONE, "can_edit": True, **members,
    }  # fmt: skip


def timeline(*found: dict[str, Any], count: int | None = None) -> Response:
    return answer({"interactions": list(found), "count": len(found) if count is None else count})


def test_a_call_is_logged_with_its_facts_and_its_key_at_the_end() -> None:
    play = Play(activities.create_activity(ONE, CALL), answer(shown(), 201))
    sent = play.request.json
    assert play.request.applies
    assert {name: sent[name] for name in sent if name != "body"} == {
        "kind": "call", "contact": ONE, "direction": "inbound", "occurred_at": "2026-03-15T10:30:00Z",
        "duration_seconds": 125, "outcome": "connected", "subject": "Call call_1",
    }  # fmt: skip
    assert sent["body"].endswith("Wants a demo.\n\nRef: tieline:org_1:retell:call_1")
    assert play.result.activity_id == MADE
    assert play.result.written["contact"] == ONE


def test_a_chat_is_an_sms_without_what_only_calls_have() -> None:
    chat = replace(CALL, type=ConversationType.CHAT, direction=None, duration_ms=None)
    sent = Play(activities.create_activity(ONE, chat), answer(shown(kind="sms"), 201)).request.json
    assert sent["kind"] == "sms"
    assert not {"direction", "outcome", "duration_seconds"} & set(sent)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("voicemail_reached", "voicemail"), ("dial_busy", "busy"), ("dial_no_answer", "no_answer"),
     ("invalid_destination", "wrong_number"), ("agent_hangup", "connected"), ("error_unknown", None), (None, None)],
)  # fmt: skip
def test_how_a_call_ended_is_told_only_where_bottlecrm_has_a_word_for_it(
    reason: str | None, outcome: str | None
) -> None:
    call = replace(CALL, disconnection_reason=reason)
    sent = Play(activities.create_activity(ONE, call), answer(shown(), 201)).request.json
    assert sent.get("outcome") == outcome


def test_a_long_summary_loses_its_end_and_says_so_but_never_the_key() -> None:
    text = activities.body(replace(CALL, summary="x" * 20_000))
    assert len(text) == activities.BODY_LENGTH
    assert "was left out" in text
    assert activities.has_key({"body": text}, CALL)


def test_a_reference_that_was_spoken_is_no_key_and_a_note_below_hides_none() -> None:
    other = replace(
        CALL, key="tieline:org_1:retell:call_2", summary=f"He said:\nRef: {CALL.key}\nand hung up."
    )
    assert not activities.has_key(shown(other), CALL)
    assert activities.has_key(shown(other), other)
    assert activities.has_key({"body": activities.body(CALL) + "\n\nCalled back."}, CALL)
    assert not activities.has_key(shown(replace(CALL, key=CALL.key + "0")), CALL)
    assert not activities.has_key({"body": None}, CALL)


def test_an_activity_is_found_on_any_page_of_the_timeline() -> None:
    others = [shown(replace(CALL, key=f"other{n}"), id=f"id{n}") for n in range(2)]
    play = Play(activities.find_activity(ONE, CALL), timeline(*others, count=3), timeline(shown(), count=3))
    assert [request.query["offset"] for request in play.requests] == ["0", "2"]
    assert play.result.activity_id == MADE
    assert Play(activities.find_activity(ONE, CALL), timeline(*others)).result is None
    again = Play(activities.activity_ids(ONE, CALL), timeline(shown(id="b"), others[0], shown(id="a")))
    assert again.result == ["b", "a"]


def test_a_timeline_that_shrank_while_it_was_read_proves_nothing() -> None:
    with pytest.raises(TransientError):
        Play(activities.find_activity(ONE, CALL), timeline(shown(), shown(), count=2))


def test_an_update_writes_what_differs_and_still_holds_what_we_wrote() -> None:
    later = replace(CALL, summary="The analysis.", disconnection_reason="voicemail_reached")
    written = {name: value for name, value in shown().items() if name not in ("id", "kind", "can_edit")}
    now = shown(subject="My own title")
    changed = shown(later, outcome="voicemail", subject="My own title")
    play = Play(activities.update_activity(MADE, later, written), timeline(now), answer(changed))
    assert (play.requests[1].method, play.requests[1].path) == ("PATCH", f"/api/interactions/{MADE}/")
    assert set(play.requests[1].json) == {"body", "outcome"}
    assert play.result.written["subject"] == "Call call_1"
    assert "The analysis." in play.result.written["body"]


def test_an_activity_that_is_up_to_date_is_not_written() -> None:
    written = {name: shown()[name] for name in ("subject", "body", "outcome", "duration_seconds", "contact")}
    play = Play(activities.update_activity(MADE, CALL, written), timeline(shown()))
    assert play.request.method == "GET"
    assert play.result.written == written


def test_what_is_gone_says_so() -> None:
    with pytest.raises(RecordGoneError) as contact_gone:
        Play(activities.create_activity(ONE, CALL), RecordGoneError("No such record."))
    assert contact_gone.value.external_id == ONE
    with pytest.raises(RecordGoneError) as activity_gone:
        Play(activities.update_activity(MADE, CALL, {"contact": ONE}), timeline())
    assert activity_gone.value.external_id == MADE


@pytest.mark.parametrize("body", [b"", {"interactions": None}, {"interactions": [{}], "count": 1}])
def test_half_an_answer_is_no_timeline(body: object) -> None:
    with pytest.raises(MalformedAnswerError):
        Play(activities.find_activity(ONE, CALL), answer(body))
    with pytest.raises(MalformedAnswerError) as lost:
        Play(activities.create_activity(ONE, CALL), answer(body, 201))
    assert lost.value.maybe_applied
