"""Reading by SOQL and by bulk job: the queries, the places, and what half an answer comes to."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.hands import NOW, Play, answer

from tieline.connectors.salesforce import CONNECTOR
from tieline.connectors.salesforce.wire import (
    JOBS_PATH,
    QUERY_ALL_PATH,
    QUERY_PATH,
    SOQL_BYTES,
    literal,
    query_request,
)
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.records import RemoteRecord, Removal
from tieline.ports.crm import Json, Response
from tieline.ports.errors import (
    CursorGoneError,
    FatalError,
    MalformedAnswerError,
    PermissionMissingError,
    TransientError,
)

FIELDS = [CrmField("Phone", "Phone", CrmKind.STRING), CrmField("VIP__c", "VIP", CrmKind.BOOLEAN)]
SELECT = "SELECT Id, CreatedDate, SystemModstamp, LastModifiedById, Phone, VIP__c FROM Contact"
# Ten minutes before the Date header of the answers.
WATERMARK = "2026-11-23T11:50:01Z"
USER = "0055e000003E8ooAAC"
JOB = "750ak000009AVi5AAG"


def id_of(n: int) -> str:
    return f"003ak00000l{n:04d}AAM"


def row(n: int, stamp: str = "2026-05-01T07:25:37.000+0000", **more: Any) -> dict[str, Any]:
    return {
        "attributes": {"type": "Contact", "url": f"/services/data/v68.0/sobjects/Contact/{id_of(n)}"},
        "Id": id_of(n),
        "CreatedDate": "2020-01-02T03:04:05.000+0000",
        "SystemModstamp": stamp,
        "LastModifiedById": USER,
        "Phone": f"+1415555{n:04d}",
        "VIP__c": False,
        **more,
    }


def rows(*found: dict[str, Any], done: bool = True, onward: str | None = None) -> Response:
    body: Json = {"totalSize": len(found), "done": done, "records": list(found)}
    return answer(body | ({"nextRecordsUrl": onward} if onward else {}))


def ids(records: Sequence[RemoteRecord]) -> list[str]:
    return [record.external_id for record in records]


# Increments


def test_an_increment_begins_at_its_watermark_and_ends_with_the_crms_clock_less_the_lag() -> None:
    play = Play(CONNECTOR.read_changes(FIELDS, "2026-11-23T11:00:00Z", None, 200), rows(row(1), row(2)))
    assert play.request.path == QUERY_PATH
    assert (
        play.soql
        == f"{SELECT} WHERE SystemModstamp >= 2026-11-23T11:00:00Z ORDER BY SystemModstamp, Id LIMIT 200"
    )
    page = play.result
    assert ids(page.records) == [id_of(1), id_of(2)]
    assert (page.cursor, page.watermark, page.requested_at, page.authoritative) == (
        None,
        WATERMARK,
        NOW,
        True,
    )
    assert page.records[0] == RemoteRecord(
        id_of(1), 1_577_934_245_000, 1_777_620_337_000, {"Phone": "+14155550001", "VIP__c": False}, USER
    )


def test_a_page_goes_on_after_the_last_record_of_the_one_before() -> None:
    first = Play(CONNECTOR.read_changes(FIELDS, "2026-11-23T11:00:00Z", None, 2), rows(row(1), row(2))).result
    assert first.watermark is None
    cursor = json.loads(json.dumps(first.cursor))
    play = Play(CONNECTOR.read_changes(FIELDS, "2026-11-23T11:00:00Z", cursor, 2), rows(row(3)))
    assert play.soql == (
        f"{SELECT} WHERE SystemModstamp >= 2026-05-01T07:25:37Z AND SystemModstamp <= 2026-11-23T12:05:01Z"
        f" AND (SystemModstamp > 2026-05-01T07:25:37Z OR Id > '{id_of(2)}') ORDER BY SystemModstamp, Id LIMIT 2"
    )
    assert play.result.watermark == WATERMARK


def test_fewer_rows_than_asked_are_not_the_end_unless_salesforce_says_so() -> None:
    onward = "/services/data/v68.0/query/0r8xx5R2sM3DgWhASK-1"
    page = Play(
        CONNECTOR.read_changes(FIELDS, "2026-11-23T11:00:00Z", None, 200),
        rows(row(1), done=False, onward=onward),
    ).result
    assert page.watermark is None
    assert page.cursor is not None


def test_the_watermark_is_of_the_beginning_of_the_read_however_long_it_took() -> None:
    first = Play(CONNECTOR.read_changes(FIELDS, "2026-11-23T11:00:00Z", None, 1), rows(row(1))).result
    later = answer({"done": True, "records": []}, date="Mon, 23 Nov 2026 15:00:00 GMT")
    last = Play(CONNECTOR.read_changes(FIELDS, "2026-11-23T11:00:00Z", first.cursor, 1), later).result
    assert last.watermark == WATERMARK


def test_without_a_date_header_our_clock_at_the_request_counts() -> None:
    page = Play(
        CONNECTOR.read_changes(FIELDS, "2026-11-23T11:00:00Z", None, 1),
        answer({"done": True, "records": []}, date=""),
    ).result
    assert page.watermark == "2026-11-23T11:50:00Z"


@pytest.mark.parametrize("watermark", ["", "yesterday", "2026-11-23", "2026-11-23T11:00:00", "x' OR Id != '"])
def test_a_watermark_that_is_none_starts_over_instead_of_reaching_the_crm(watermark: str) -> None:
    with pytest.raises(CursorGoneError):
        Play(CONNECTOR.read_changes(FIELDS, watermark, None, 200))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"records":[]}',
        b'{"done":false,"records":[]}',
        b'{"done":true,"records":[{}]}',
        b'{"done":true,"records":[1]}',
        b'{"done":true,"records":[{"Id":"003","CreatedDate":"x","SystemModstamp":"y"}]}',
    ],
)
def test_half_a_page_is_no_success(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        Play(CONNECTOR.read_changes(FIELDS, "2026-11-23T11:00:00Z", None, 200), answer(body))


def test_a_field_that_the_answer_lacks_is_absent_and_an_empty_one_is_none() -> None:
    lacking = row(1, Phone=None)
    del lacking["VIP__c"]
    record = Play(CONNECTOR.read_by_ids(FIELDS, [id_of(1)]), rows(lacking)).result.records[0]
    assert dict(record.values) == {"Phone": None}


def test_recorded_rows_are_read(recordings: Path) -> None:
    for name in ("get-sobjects-contact-id-200-1.json", "get-sobjects-contact-id-200-2.json"):
        body = json.loads((recordings / "salesforce" / name).read_text())["response"]["body"]
        fields = [CrmField(one, one, CrmKind.STRING) for one in ("LastName", "FirstName", "Phone")]
        record = Play(CONNECTOR.read_by_ids(fields, [body["Id"]]), rows(body)).result.records[0]
        assert record.external_id == body["Id"]
        assert dict(record.values) == {one.name: body[one.name] for one in fields}
        assert record.created_ms <= record.modified_ms


# By id, by phone


def test_reading_by_id_fits_the_address_limit_and_asks_for_each_id_once() -> None:
    many = [CrmField(f"A_rather_long_custom_field_name_{n}__c", "F", CrmKind.STRING) for n in range(120)]
    wanted = [id_of(n) for n in range(200)]
    operation = CONNECTOR.read_by_ids(many, [*wanted, *wanted])
    asked: list[str] = []
    request = next(operation)
    try:
        while True:
            soql = request.query["q"]
            assert len(str(query_request(soql).path)) + 3 * soql.count(" ") + len(soql) < 16_000
            asked += soql.partition("IN (")[2].rstrip(")").replace("'", "").split(",")
            request = operation.send(rows())
    except StopIteration:
        pass
    assert asked == wanted


def test_what_is_no_id_is_not_asked_for() -> None:
    page = Play(CONNECTOR.read_by_ids(FIELDS, ["", "1' OR Id != '", "003", "x" * 16])).result
    assert page.records == []


def test_reading_by_id_follows_the_crms_pages_under_its_own_root_only() -> None:
    onward = "/services/data/v68.0/query/0r8xx5R2sM3DgWhASK-1"
    play = Play(
        CONNECTOR.read_by_ids(FIELDS, [id_of(1), id_of(2)]),
        rows(row(1), done=False, onward=onward),
        rows(row(2)),
    )
    assert play.requests[1].path == onward
    assert ids(play.result.records) == [id_of(1), id_of(2)]
    for elsewhere in ("https://evil.example/services/data/", "//evil.example", "/secur/logout", None):
        with pytest.raises(MalformedAnswerError):
            Play(CONNECTOR.read_by_ids(FIELDS, [id_of(1)]), rows(row(1), done=False, onward=elsewhere))


def test_a_number_is_searched_by_its_last_digits_whatever_stands_between_them() -> None:
    play = Play(CONNECTOR.find_by_phone(FIELDS, "+14155550123", ["Phone", "MobilePhone"]), rows(row(1)))
    pattern = "'%5%5%5%5%0%1%2%3%'"
    assert play.soql == f"{SELECT} WHERE Phone LIKE {pattern} OR MobilePhone LIKE {pattern} ORDER BY Id"
    assert ids(play.result.records) == [id_of(1)]


@pytest.mark.parametrize("name", ["Phone) OR (Id != ''", "", "Phone FROM User", "1x", "Account.Name"])
def test_a_name_that_is_no_field_never_reaches_a_query(name: str) -> None:
    with pytest.raises((FatalError, ValueError)):
        Play(CONNECTOR.find_by_phone(FIELDS, "+14155550123", [name]))
    with pytest.raises(FatalError):
        Play(CONNECTOR.read_by_ids([CrmField(name, "x", CrmKind.STRING)], [id_of(1)]))


def test_text_in_a_query_is_quoted() -> None:
    assert literal("O'Brien \\ \n") == "'O\\'Brien \\\\ \\n'"
    assert SOQL_BYTES < 16_384


# Removals


def test_removals_are_read_like_changes_from_the_recycle_bin() -> None:
    def gone(n: int, survivor: str | None) -> dict[str, Any]:
        return {"Id": id_of(n), "MasterRecordId": survivor, "SystemModstamp": "2026-05-01T07:25:37.000+0000"}

    play = Play(CONNECTOR.read_removals(None, None), rows(gone(1, None), gone(2, id_of(3))))
    select = "SELECT Id, MasterRecordId, SystemModstamp FROM Contact WHERE IsDeleted = true"
    assert play.request.path == QUERY_ALL_PATH
    assert play.soql == f"{select} ORDER BY SystemModstamp, Id LIMIT 2000"
    assert play.result.removals == [
        Removal(id_of(1), 1_777_620_337_000),
        Removal(id_of(2), 1_777_620_337_000, id_of(3)),
    ]
    assert (play.result.cursor, play.result.watermark) == (None, WATERMARK)
    since = Play(CONNECTOR.read_removals(WATERMARK, None), rows())
    assert since.soql == f"{select} AND SystemModstamp >= {WATERMARK} ORDER BY SystemModstamp, Id LIMIT 2000"


def test_a_sweep_after_the_recycle_bins_time_says_that_it_cannot_know() -> None:
    assert Play(CONNECTOR.read_removals("2026-11-08T12:00:02Z", None), rows()).result.cursor is None
    with pytest.raises(CursorGoneError):
        Play(CONNECTOR.read_removals("2026-11-08T11:59:59Z", None), rows())
    with pytest.raises(CursorGoneError):
        Play(CONNECTOR.read_removals("then", None))


# A full read


def csv(*lines: str, locator: str = "null", count: int | None = None) -> Response:
    told = len(lines) - 1 if count is None else count
    body = ("\n".join(lines) + "\n").encode()
    return answer(body, sforce_locator=locator, sforce_numberofrecords=str(told))


HEADER = '"Id","CreatedDate","SystemModstamp","LastModifiedById","Phone","VIP__c"'


def line(n: int, phone: str = "+1", vip: str = "false") -> str:
    return f'"{id_of(n)}","2020-01-02T03:04:05.000Z","2026-05-01T07:25:37.000Z","{USER}","{phone}","{vip}"'


def begun() -> Json:
    job = {"id": JOB, "operation": "query", "object": "Contact", "state": "UploadComplete"}
    play = Play(CONNECTOR.read_all(FIELDS, None, 100), answer(job))
    assert (play.request.method, play.request.path) == ("POST", JOBS_PATH)
    assert play.request.json == {"operation": "query", "query": SELECT}
    page = play.result
    assert (list(page.records), page.watermark, page.requested_at) == ([], None, NOW)
    assert page.wait_s > 0
    cursor: Json = json.loads(json.dumps(page.cursor))
    return cursor


def test_a_full_read_creates_a_job_waits_for_it_and_reads_its_pages() -> None:
    cursor = begun()
    waiting = Play(CONNECTOR.read_all(FIELDS, cursor, 100), answer({"id": JOB, "state": "InProgress"})).result
    assert waiting.wait_s > begun_wait()
    play = Play(
        CONNECTOR.read_all(FIELDS, waiting.cursor, 100),
        answer({"id": JOB, "state": "JobComplete"}),
        csv(HEADER, line(2, 'multi\n""line""'), line(1, "", "true"), locator="MTAw"),
    )
    assert [request.path for request in play.requests] == [f"{JOBS_PATH}/{JOB}", f"{JOBS_PATH}/{JOB}/results"]
    assert dict(play.requests[1].query) == {"maxRecords": "100"}
    page = play.result
    assert ids(page.records) == [id_of(2), id_of(1)]
    assert [dict(record.values) for record in page.records] == [
        {"Phone": 'multi\n"line"', "VIP__c": False},
        {"Phone": None, "VIP__c": True},
    ]
    assert page.records[0].modified_ms == 1_777_620_337_000
    assert page.watermark is None
    # Values of a bulk job are as old as the job, on whichever page.
    assert page.requested_at == NOW
    late = answer(csv(HEADER, line(3)).body, sforce_locator="null", sforce_numberofrecords="1")
    last = Play(CONNECTOR.read_all(FIELDS, json.loads(json.dumps(page.cursor)), 100), late)
    assert dict(last.request.query) == {"maxRecords": "100", "locator": "MTAw"}
    assert (last.result.cursor, last.result.watermark, last.result.requested_at) == (None, WATERMARK, NOW)


def begun_wait() -> float:
    job = {"id": JOB, "state": "UploadComplete"}
    wait: float = Play(CONNECTOR.read_all(FIELDS, None, 100), answer(job)).result.wait_s
    return wait


def test_polling_becomes_slower_and_stays_bounded() -> None:
    cursor, waits = begun(), []
    for _ in range(40):
        page = Play(
            CONNECTOR.read_all(FIELDS, cursor, 100), answer({"id": JOB, "state": "InProgress"})
        ).result
        cursor = page.cursor
        waits.append(page.wait_s)
    assert waits == sorted(waits)
    assert 5 <= waits[-1] <= 60


@pytest.mark.parametrize("refusal", [PermissionMissingError("no bulk"), FatalError("no such resource")])
def test_where_the_bulk_api_is_refused_the_read_goes_on_in_id_order(
    refusal: PermissionMissingError | FatalError,
) -> None:
    play = Play(CONNECTOR.read_all(FIELDS, None, 2), refusal, rows(row(1), row(2)))
    assert play.soql == f"{SELECT} ORDER BY Id LIMIT 2"
    assert play.result.watermark is None
    play = Play(CONNECTOR.read_all(FIELDS, json.loads(json.dumps(play.result.cursor)), 2), rows(row(3)))
    assert play.soql == f"{SELECT} WHERE Id > '{id_of(2)}' ORDER BY Id LIMIT 2"
    assert (play.result.cursor, play.result.watermark) == (None, WATERMARK)


def test_a_failed_job_is_read_by_soql_from_the_moment_at_which_it_began() -> None:
    cursor = begun()
    failed = {"id": JOB, "state": "Failed", "errorMessage": "InvalidField"}
    later = answer({"done": True, "records": [row(1)]}, date="Mon, 23 Nov 2026 15:00:00 GMT")
    play = Play(CONNECTOR.read_all(FIELDS, cursor, 100), answer(failed), later)
    assert play.soql == f"{SELECT} ORDER BY Id LIMIT 100"
    assert play.result.watermark == WATERMARK


@pytest.mark.parametrize("state", ["Aborted", None, "New"])
def test_a_job_in_any_other_state_starts_the_read_again(state: str | None) -> None:
    with pytest.raises(CursorGoneError):
        Play(CONNECTOR.read_all(FIELDS, begun(), 100), answer({"id": JOB, "state": state}))


def test_a_job_that_is_gone_says_so_and_a_transient_failure_is_no_loss() -> None:
    for error in (CursorGoneError("gone"), TransientError("later")):
        with pytest.raises(type(error)):
            Play(CONNECTOR.read_all(FIELDS, begun(), 100), error)


@pytest.mark.parametrize(
    "page",
    [
        csv(HEADER, line(1), count=2),
        csv(HEADER, line(1), line(2), count=1),
        csv(HEADER, line(1)[:-9]),
        csv(HEADER, line(1) + ',"more"'),
        csv('"Id","Phone"', f'"{id_of(1)}","+1"'),
        csv(HEADER, line(1).replace("2026-05-01T", "x")),
        csv(HEADER, line(1), locator=""),
        answer(b"", sforce_locator="null", sforce_numberofrecords="3"),
        answer(b"\xff\xfe", sforce_locator="null", sforce_numberofrecords="1"),
        answer(csv(HEADER, line(1)).body, sforce_locator="null"),
    ],
)
def test_half_a_page_of_csv_is_no_success(page: Response) -> None:
    cursor = begun() | {"locator": "MTAw"}
    with pytest.raises(MalformedAnswerError):
        Play(CONNECTOR.read_all(FIELDS, cursor, 100), page)


def test_an_empty_organisation_is_read_to_its_end() -> None:
    for page in (csv(HEADER), answer(b"", sforce_locator="null", sforce_numberofrecords="0")):
        done = Play(CONNECTOR.read_all(FIELDS, begun() | {"locator": "MTAw"}, 100), page).result
        assert (done.records, done.cursor, done.watermark) == ([], None, WATERMARK)


@pytest.mark.parametrize(
    "cursor",
    [
        {"job": "../../x", "locator": None, "started": WATERMARK, "requested": WATERMARK},
        {"job": JOB, "locator": "x", "started": "then", "requested": WATERMARK},
        {"job": JOB, "locator": "x", "started": WATERMARK, "requested": None},
    ],
)
def test_a_spoilt_cursor_starts_the_read_again(cursor: Json) -> None:
    with pytest.raises(CursorGoneError):
        Play(CONNECTOR.read_all(FIELDS, cursor, 100), csv(HEADER, line(1)))


def test_a_recorded_job_is_understood(recordings: Path) -> None:
    body = (recordings / "salesforce/bulk-query-launch.body.json").read_bytes()
    page = Play(CONNECTOR.read_all(FIELDS, None, 100), answer(body)).result
    assert page.cursor["job"] == "750ak000009AVi5AAG"
    assert page.cursor["started"] == "2024-09-09T13:08:34Z", (
        "the records are stamped by the clock that stamped the job"
    )
