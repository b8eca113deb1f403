"""Bulk API 2.0 query jobs. A job's rows are fixed when it completes; later edits do not show in its results."""

import base64
import binascii
import csv
import io
from dataclasses import dataclass, field
from datetime import datetime

from starlette.responses import Response

from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce.calls import Call, json_response, no_content
from tieline.sandbox.salesforce.errors import SalesforceError, not_found
from tieline.sandbox.salesforce.formats import csv_text, stamp
from tieline.sandbox.salesforce.ids import IdSource
from tieline.sandbox.salesforce.org import Organisation, shown
from tieline.sandbox.salesforce.querying import run_query
from tieline.sandbox.salesforce.soql.parser import parse
from tieline.sandbox.salesforce.soql.syntax import Query

_DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_FINAL = frozenset({"JobComplete", "Aborted", "Failed"})
_KEPT_DAYS = 7
_CSV_TYPE = "text/csv"


@dataclass(slots=True)
class Job:
    id: str
    operation: str
    sobject: str
    text: str
    version: str
    user_id: str
    created: datetime
    delimiter: str
    ending: str
    state: str = "UploadComplete"
    modified: datetime = field(default_factory=datetime.now)
    names: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)
    error: str | None = None


class BulkJobs:
    """The query jobs of one organisation."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._ids = IdSource("750")
        self._jobs: dict[str, Job] = {}

    def create(self, call: Call) -> Response:
        payload = call.json_object()
        operation = payload.get("operation")
        if operation not in ("query", "queryAll"):
            raise _bad_job(f"Operation {operation} is not supported for query jobs")
        text = payload.get("query")
        if not isinstance(text, str) or not text.strip():
            raise _bad_job("query must be specified")
        query = parse(text)
        self._check(query, text)
        now = self._org.clock.now()
        job = Job(
            id=self._ids.take(),
            operation=str(operation),
            sobject=query.sobject.text,
            text=text,
            version=call.version,
            user_id=call.user_id,
            created=now,
            modified=now,
            delimiter=_option(payload, "columnDelimiter", "COMMA", _DELIMITERS),
            ending=_option(payload, "lineEnding", "LF", _ENDINGS),
        )
        self._jobs[job.id] = job
        return json_response(_info(job))

    def _check(self, query: Query, text: str) -> None:
        """What query jobs refuse, and everything that the query endpoint would."""
        if query.counts:
            raise SalesforceError("FEATURENOTENABLED", "Aggregate queries are not supported in Bulk API 2.0")
        if query.offset:
            raise SalesforceError("FEATURENOTENABLED", "OFFSET is not supported in Bulk API 2.0")
        _, selection = run_query(self._org, text, deleted=False)
        fields = self._org.objects[selection.sobject].fields
        if any(fields[name].type == "address" for name in selection.fields):
            raise SalesforceError("FEATURENOTENABLED", "Selecting compound data not supported in Bulk Query")

    def list(self, call: Call) -> Response:
        records = [_info(self._advanced(job)) for job in self._jobs.values()]
        return json_response({"done": True, "records": records, "nextRecordsUrl": None})

    def read(self, call: Call) -> Response:
        return json_response(_progress(self._find(call)))

    def change(self, call: Call) -> Response:
        """The only change is to abort."""
        job = self._find(call)
        if call.json_object().get("state") != "Aborted":
            raise _bad_job("Only Aborted is a valid state for query jobs")
        if job.state in _FINAL:
            raise _bad_job(f"Aborting already {job.state} Job not allowed")
        job.state, job.modified = "Aborted", self._org.clock.now()
        return json_response(_info(job))

    def delete(self, call: Call) -> Response:
        job = self._find(call)
        if job.state not in _FINAL:
            raise _bad_job("Deleting a job that is not finished is not allowed")
        del self._jobs[job.id]
        return no_content()

    def results(self, call: Call) -> Response:
        """CSV with `Sforce-NumberOfRecords` and `Sforce-Locator`, the latter the word `null` at the end."""
        job = self._find(call)
        if job.version != call.version:
            message = f"The job was created with API version {job.version}, which this request must use too"
            raise SalesforceError("API_VERSION_MISMATCH", message, status=409)
        if job.state != "JobComplete":
            raise _bad_job("Invalid job state to get query results: " + job.state)
        start = _locator(call.query("locator"), len(job.rows))
        stop = start + _max_records(call.query("maxRecords"), self._org.settings.bulk_page_rows)
        rows = job.rows[start:stop]
        locator = _locator_of(stop) if stop < len(job.rows) else "null"
        headers = {
            "content-type": f"{_CSV_TYPE};charset=UTF-8",
            "Sforce-NumberOfRecords": str(len(rows)),
            "Sforce-Locator": locator,
        }
        return Response(_csv(job, rows), 200, headers)

    def _find(self, call: Call) -> Job:
        job = self._jobs.get(call.path("job_id"))
        now = self._org.clock.now()
        if job is None or (now - job.created).days >= _KEPT_DAYS:
            raise not_found()
        return self._advanced(job)

    def _advanced(self, job: Job) -> Job:
        """Half the set delay is spent queued, half at work; at the end the rows are read once."""
        if job.state in _FINAL:
            return job
        delay, now = self._org.settings.bulk_seconds, self._org.clock.now()
        age = (now - job.created).total_seconds()
        if age >= delay:
            self._finish(job, now)
        elif age >= delay / 2:
            job.state, job.modified = "InProgress", now
        return job

    def _finish(self, job: Job, now: datetime) -> None:
        try:
            _, selection = run_query(self._org, job.text, deleted=job.operation == "queryAll")
        except SalesforceError as error:
            job.state, job.error, job.modified = "Failed", f"{error.code}: {error.message}", now
            return
        schema, table = self._org.objects[selection.sobject], self._org.tables[selection.sobject].rows
        fields = [schema.fields[name] for name in selection.fields]
        job.names = selection.fields
        job.rows = [
            tuple(csv_text(shown(item, table[record_id])) for item in fields) for record_id in selection.ids
        ]
        job.sobject, job.state, job.modified = schema.name, "JobComplete", now


def _bad_job(message: str) -> SalesforceError:
    return SalesforceError("INVALIDJOB", message)


def _option(payload: JsonObject, name: str, default: str, known: dict[str, str]) -> str:
    value = payload.get(name, default)
    if value not in known:
        raise _bad_job(f"{name} must be one of {', '.join(known)}")
    return str(value)


def _locator(text: str | None, total: int) -> int:
    if text is None:
        return 0
    place = _place(text)
    if place is None or not 0 < place < total:
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    return place


def _place(text: str) -> int | None:
    try:
        plain = base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return int(plain) if plain.isdigit() else None


def _locator_of(place: int) -> str:
    """Opaque to clients, as the service's are."""
    return base64.b64encode(f"{place:06d}".encode()).decode()


def _max_records(text: str | None, cap: int) -> int:
    if text is None:
        return cap
    if not text.isdigit() or int(text) < 1:
        raise _bad_job("maxRecords must be a positive number")
    return min(int(text), cap)


def _csv(job: Job, rows: list[tuple[str, ...]]) -> bytes:
    """Every value quoted, as the service does."""
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=_DELIMITERS[job.delimiter],
        lineterminator=_ENDINGS[job.ending],
        quoting=csv.QUOTE_ALL,
    )
    writer.writerow(job.names)
    writer.writerows(rows)
    return text.getvalue().encode()


def _info(job: Job) -> JsonObject:
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.user_id,
        "createdDate": stamp(job.created),
        "systemModstamp": stamp(job.modified),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "lineEnding": job.ending,
        "columnDelimiter": job.delimiter,
    }


def _progress(job: Job) -> JsonObject:
    info: JsonObject = {**_info(job), "jobType": "V2Query", "retries": 0, "totalProcessingTime": 0}
    if job.state == "JobComplete":
        info["numberRecordsProcessed"] = len(job.rows)
        info["isPkChunkingSupported"] = True
    if job.error is not None:
        info["errorMessage"] = job.error
    return info
