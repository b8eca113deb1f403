"""Writing contacts and Tasks: what is sent, how answers are matched to it, and what is never overwritten."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.hands import Play, answer

from tieline.connectors.salesforce import CONNECTOR
from tieline.connectors.salesforce.wire import COLLECTIONS_PATH, QUERY_ALL_PATH, ROOT
from tieline.domain.activities import Activity, ConversationDirection, ConversationType
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import ActivityRef, Refused, Response, Written
from tieline.ports.errors import (
    DuplicateRecordError,
    MalformedAnswerError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    TransientError,
)

FIELDS: Mapping[str, CrmField] = {
    name: CrmField(name, name, kind)
    for name, kind in (
        ("LastName", CrmKind.STRING),
        ("Score__c", CrmKind.NUMBER),
        ("VIP__c", CrmKind.BOOLEAN),
        ("Last_Demo__c", CrmKind.DATETIME),
    )
}
A, B, C = "003ak00000luKU1AAM", "003ak00000luKU2AAM", "0034S000005YJVlQAO"
TASK = "00T4S000005YJX9UAO"


def ok(external_id: str) -> dict[str, Any]:
    return {"id": external_id, "success": True, "errors": []}


def failed(code: str, text: str = "", *fields: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": text, "fields": list(fields)}]}


def update(*answers: Response, **values: Value) -> Play:
    return Play(CONNECTOR.update_contacts([Patch(A, values)], FIELDS), *answers)


def test_a_batch_is_one_request_in_salesforces_formats() -> None:
    patches = [
        Patch(A, {"LastName": "O'Brien", "Score__c": Decimal("0.10")}),
        Patch(B, {"Score__c": None, "VIP__c": None, "Last_Demo__c": "2026-05-01T07:25:37Z"}),
    ]
    play = Play(CONNECTOR.update_contacts(patches, FIELDS), answer([ok(A), ok(B)]))
    request = play.request
    assert (request.method, request.path, request.applies) == ("PATCH", COLLECTIONS_PATH, True)
    contact = {"attributes": {"type": "Contact"}}
    assert request.json == {
        "allOrNone": False,
        "records": [
            {**contact, "id": A, "LastName": "O'Brien", "Score__c": Decimal("0.10")},
            {
                **contact,
                "id": B,
                "Score__c": None,
                "VIP__c": False,
                "Last_Demo__c": "2026-05-01T07:25:37.000+0000",
            },
        ],
    }
    assert play.result == [Written(A), Written(B)]


def test_a_rule_that_only_warns_lets_updates_pass_and_holds_creates() -> None:
    header = "Sforce-Duplicate-Rule-Header"
    assert update(answer([ok(A)]), LastName="X").request.headers[header].startswith("allowSave=true;")
    assert (
        header
        not in Play(CONNECTOR.create_contact({"LastName": "X"}, FIELDS), answer(ok(A), 201)).request.headers
    )


def test_outcomes_keep_the_order_of_the_patches_and_each_has_its_error() -> None:
    patches = [Patch(one, {"LastName": "X"}) for one in (A, B, C)]
    results = [
        failed("UNABLE_TO_LOCK_ROW", "busy"),
        ok(B),
        failed("STRING_TOO_LONG", "Last Name: data value too large", "LastName"),
    ]
    locked, written, long = Play(CONNECTOR.update_contacts(patches, FIELDS), answer(results)).result
    assert isinstance(locked, Refused)
    assert isinstance(locked.error, TransientError)
    assert not locked.error.maybe_applied
    assert written == Written(B)
    assert isinstance(long, Refused)
    assert isinstance(long.error, RecordRejectedError)
    assert (long.external_id, long.error.field) == (C, "LastName")


@pytest.mark.parametrize("code", ["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"])
def test_a_record_that_is_not_there_is_gone(code: str) -> None:
    (outcome,) = update(answer([failed(code)]), LastName="X").result
    assert isinstance(outcome.error, RecordGoneError)
    assert outcome.error.external_id == A


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"[1]",
        b"[{}]",
        b'[{"success":"true"}]',
        json.dumps([ok(A), ok(A)]).encode(),
        json.dumps([ok(B)]).encode(),
        b'[{"success":true,"errors":[]}]',
        json.dumps([ok(A)]).encode()[:-2],
    ],
)
def test_an_answer_that_does_not_match_what_was_sent_may_have_written(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        update(answer(body), LastName="X")
    assert caught.value.maybe_applied


def test_a_value_that_cannot_be_sent_is_refused_and_the_rest_is_sent() -> None:
    patches = [Patch(A, {"Score__c": "many"}), Patch(B, {"LastName": "X"}), Patch(C, {"Gone__c": "x"})]
    play = Play(CONNECTOR.update_contacts(patches, FIELDS), answer([ok(B)]))
    assert [record["id"] for record in play.request.json["records"]] == [B]
    bad, good, drifted = play.result
    assert isinstance(bad.error, RecordRejectedError)
    assert bad.error.field == "Score__c"
    assert good == Written(B)
    assert isinstance(drifted.error, SchemaDriftError)
    assert drifted.error.field == "Gone__c"


def test_patches_of_one_record_are_sent_as_one() -> None:
    patches = [
        Patch(A, {"LastName": "X", "Score__c": 1}),
        Patch(B, {"LastName": "Y"}),
        Patch(A, {"Score__c": 2}),
    ]
    play = Play(CONNECTOR.update_contacts(patches, FIELDS), answer([ok(A), ok(B)]))
    first, second = play.request.json["records"]
    assert (first["LastName"], first["Score__c"], second["LastName"]) == ("X", 2, "Y")
    assert play.result == [Written(A), Written(B), Written(A)]


def test_nothing_to_write_sends_nothing_and_too_much_is_a_bug() -> None:
    assert Play(CONNECTOR.update_contacts([], FIELDS)).result == []
    assert Play(CONNECTOR.update_contacts([Patch(A)], FIELDS)).result == [Written(A)]
    many = [Patch(f"003ak00000l{n:04d}AAM", {"LastName": "X"}) for n in range(201)]
    with pytest.raises(ValueError, match="200"):
        Play(CONNECTOR.update_contacts(many, FIELDS))


def test_recorded_results_are_matched(recordings: Path) -> None:
    created = json.loads((recordings / "salesforce/collections-create-200.body.json").read_text())
    patches = [Patch(result["id"], {"LastName": "X"}) for result in created]
    play = Play(CONNECTOR.update_contacts(patches, FIELDS), answer(created))
    assert play.result == [Written(result["id"]) for result in created]
    converted = json.loads((recordings / "salesforce/patch-composite-sobjects-200-0.json").read_text())
    (outcome,) = update(answer(converted["response"]["body"]), LastName="X").result
    assert isinstance(outcome.error, RecordRejectedError)
    assert outcome.error.code == "CANNOT_UPDATE_CONVERTED_LEAD"


def test_a_create_gives_the_new_id_and_nothing_less() -> None:
    play = Play(CONNECTOR.create_contact({"LastName": "X", "VIP__c": True}, FIELDS), answer(ok(A), 201))
    assert (play.request.method, play.request.path, play.request.applies) == (
        "POST",
        f"{ROOT}/sobjects/Contact",
        True,
    )
    assert play.request.json == {"LastName": "X", "VIP__c": True}
    assert play.result == Written(A)
    for body in (b"", b"{}", b'{"success":true}', b'{"id":"","success":true}', b'{"id":"x","success":false}'):
        with pytest.raises(MalformedAnswerError) as caught:
            Play(CONNECTOR.create_contact({"LastName": "X"}, FIELDS), answer(body, 201))
        assert caught.value.maybe_applied
    with pytest.raises(DuplicateRecordError):
        Play(CONNECTOR.create_contact({"LastName": "X"}, FIELDS), DuplicateRecordError("there"))


# Activities

CALL = Activity(
    key="tieline:org_1:retell:call_1",
    type=ConversationType.CALL,
    conversation_id="call_1",
    direction=ConversationDirection.OUTBOUND,
    started_ms=1_795_391_999_999,  # 2026-11-22T23:59:59.999Z
    duration_ms=124_600,
    from_number="+14155550199",
    to_number="+14155550100",
    summary="Wants a demo.",
    disconnection_reason="user_hangup",
)
CHAT = replace(
    CALL,
    type=ConversationType.CHAT,
    key="tieline:org_1:retell:chat_1",
    conversation_id="chat_1",
    duration_ms=None,
)


def test_a_call_is_a_completed_task_of_subtype_call() -> None:
    play = Play(CONNECTOR.create_activity(A, CALL), answer(ok(TASK), 201))
    assert (play.request.method, play.request.path, play.request.applies) == (
        "POST",
        f"{ROOT}/sobjects/Task",
        True,
    )
    written = {
        "Subject": "Call call_1",
        "ActivityDate": "2026-11-22",
        "CallType": "Outbound",
        "CallDurationInSeconds": 125,
        "CallDisposition": "user_hangup",
        "Description": CALL.description(),
    }
    assert play.request.json == {
        **written,
        "WhoId": A,
        "Status": "Completed",
        "Priority": "Normal",
        "TaskSubtype": "Call",
        "CallObject": "tieline:org_1:retell:call_1",
    }
    assert play.result == ActivityRef(TASK, written)
    assert json.loads(json.dumps(play.result.written)) == written


def test_a_chat_is_a_plain_task_with_the_key_and_no_call_fields() -> None:
    body = Play(CONNECTOR.create_activity(A, CHAT), answer(ok(TASK), 201)).request.json
    assert (body["TaskSubtype"], body["Subject"]) == ("Task", "Chat chat_1")
    assert body["CallObject"] == "tieline:org_1:retell:chat_1"
    assert not {"CallType", "CallDurationInSeconds", "CallDisposition"} & set(body)


def test_text_that_is_too_long_is_shortened_visibly() -> None:
    body = Play(
        CONNECTOR.create_activity(A, replace(CALL, summary="x" * 40_000, conversation_id="c" * 300)),
        answer(ok(TASK), 201),
    ).request.json
    assert len(body["Description"]) == 32_000
    assert body["Description"].endswith("[shortened]")
    assert len(body["Subject"]) == 255


def test_an_activity_is_looked_for_by_its_key_and_not_by_its_contact() -> None:
    nothing = answer({"done": True, "records": []})
    play = Play(CONNECTOR.find_activity(A, replace(CALL, key="k'1")), nothing)
    assert play.result is None
    assert play.request.path == QUERY_ALL_PATH
    assert play.soql.endswith(
        "FROM Task WHERE CallObject = 'k\\'1' AND IsDeleted = false ORDER BY CreatedDate, Id"
    )
    assert "WhoId =" not in play.soql
    found = answer({"done": True, "records": [held(), held(Id="00T4S000005YJX8UAO")]})
    ref = Play(CONNECTOR.find_activity(A, CALL), found).result
    assert ref.activity_id == TASK
    assert ref.written == {
        name: value for name, value in held().items() if name not in ("Id", "WhoId", "CallObject")
    }


def held(**changes: Any) -> dict[str, Any]:
    return {
        "Id": TASK,
        "WhoId": A,
        "CallObject": CALL.key,
        "Subject": "Call call_1",
        "ActivityDate": "2026-11-22",
        "CallType": "Outbound",
        "CallDurationInSeconds": 125,
        "CallDisposition": "user_hangup",
        "Description": CALL.description(),
        **changes,
    }


def bring_up_to_date(
    activity: Activity, written: Mapping[str, Any], *answers: Response, **current: Any
) -> Play:
    found = answer({"done": True, "records": [held(**current)]})
    return Play(CONNECTOR.update_activity(TASK, activity, written), found, *answers)


WRITTEN = {name: value for name, value in held().items() if name not in ("Id", "WhoId", "CallObject")}
LATER = replace(CALL, summary="Now with an analysis.")


def test_an_update_writes_only_what_is_new() -> None:
    play = bring_up_to_date(LATER, WRITTEN, answer(None, 204))
    assert (play.requests[1].method, play.requests[1].path) == ("PATCH", f"{ROOT}/sobjects/Task/{TASK}")
    assert play.requests[1].applies
    assert play.requests[1].json == {"Description": LATER.description()}
    assert play.result == ActivityRef(TASK, {**WRITTEN, "Description": LATER.description()})


def test_an_update_with_nothing_new_writes_nothing() -> None:
    play = bring_up_to_date(CALL, WRITTEN)
    assert len(play.requests) == 1
    assert play.result == ActivityRef(TASK, WRITTEN)


def test_what_another_changed_stays_theirs_also_in_later_updates() -> None:
    first = bring_up_to_date(LATER, WRITTEN, Description="Mine.", Subject="Renamed")
    assert len(first.requests) == 1
    again = bring_up_to_date(replace(CALL, summary="Again."), first.result.written, Description="Mine.")
    assert len(again.requests) == 1


def test_what_salesforce_does_to_stored_text_is_nobodys_change() -> None:
    stored = CALL.description().replace("\n", "\r\n") + "\r\n"
    play = bring_up_to_date(LATER, WRITTEN, answer(None, 204), Description=stored)
    assert play.requests[1].json == {"Description": LATER.description()}


def test_an_empty_field_that_we_left_empty_is_filled() -> None:
    early = replace(CALL, duration_ms=None, disconnection_reason=None)
    written = Play(CONNECTOR.create_activity(A, early), answer(ok(TASK), 201)).result.written
    current = {**dict(written), "CallDurationInSeconds": None, "CallDisposition": None}
    play = bring_up_to_date(CALL, json.loads(json.dumps(written)), answer(None, 204), **current)
    body = play.requests[1].json
    assert (body["CallDurationInSeconds"], body["CallDisposition"]) == (125, "user_hangup")


def test_an_update_of_a_deleted_activity_says_that_it_is_gone() -> None:
    with pytest.raises(RecordGoneError):
        Play(CONNECTOR.update_activity(TASK, CALL, WRITTEN), answer({"done": True, "records": []}))


def test_a_person_can_open_the_activity() -> None:
    assert CONNECTOR.activity_path(TASK, ConversationType.CALL) == f"/lightning/r/Task/{TASK}/view"
