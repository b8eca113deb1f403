"""Salesforce's paths, ids, SOQL text and query answers. Every address and every literal is made here.

The API version is the one constant `API_VERSION`. Text from outside must never reach SOQL but through
`literal` and `names`.
"""

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

from tieline.connectors.spec import decode_object, is_identifier, malformed
from tieline.domain import instants
from tieline.ports.crm import Operation, Request, Response
from tieline.ports.errors import FatalError

API_VERSION: Final = "v68.0"
ROOT: Final = f"/services/data/{API_VERSION}"
TOKEN_PATH: Final = "/services/oauth2/token"
QUERY_PATH: Final = f"{ROOT}/query"
QUERY_ALL_PATH: Final = f"{ROOT}/queryAll"
JOBS_PATH: Final = f"{ROOT}/jobs/query"
COLLECTIONS_PATH: Final = f"{ROOT}/composite/sobjects"

CORE: Final = "core"
AUTH: Final = "auth"

PAGE_LIMIT: Final = 2000
# URI and headers together may have 16,384 bytes; the rest is for the address, the token and proxies.
# https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/
SOQL_BYTES: Final = 12_000

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

Row = dict[str, Any]


def sobject_path(name: str, record_id: str = "") -> str:
    """The path of an object, or of one of its records."""
    return f"{ROOT}/sobjects/{name}" + (f"/{quote(record_id, safe='')}" if record_id else "")


def is_id(text: str) -> bool:
    """True for what has the shape of a record id (15 or 18 characters)."""
    return _ID.fullmatch(text) is not None


def full_id(text: str) -> str:
    """The 18-character form of an id. The last three characters carry the case of the first fifteen."""
    if len(text) != 15 or not is_id(text):
        return text
    parts = (text[0:5], text[5:10], text[10:15])
    return text + "".join(_CHECK[sum(1 << n for n, c in enumerate(part) if c.isupper())] for part in parts)


def names(fields: Iterable[str]) -> str:
    """Field names for a SELECT, each once. Raises FatalError for what is no API name."""
    unique = list(dict.fromkeys(fields))
    for name in unique:
        if not is_identifier(name):
            raise FatalError(f"{name!r} is not the API name of a Salesforce field.")
    return ", ".join(unique)


def literal(text: str) -> str:
    """Text as a quoted SOQL literal."""
    return "'" + "".join(_ESCAPES.get(c, c) for c in text) + "'"


def moment(instant: datetime) -> str:
    """An instant as a SOQL datetime literal, which is also how watermarks and cursors keep it."""
    text = instants.instant_text(instant)
    if text is None:
        raise FatalError("A moment lies outside the years that Salesforce knows.")
    return text


def parse_moment(text: object) -> datetime:
    """The instant of a watermark, a cursor, or of a datetime in an answer. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("not a datetime")
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("a datetime without an offset")
    return instant.astimezone(UTC)


def crm_now(response: Response) -> datetime:
    """The CRM's clock when it answered (its Date header, whole seconds), else ours when we asked."""
    try:
        told = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return response.requested_at
    return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)


def query_request(soql: str, *, deleted: bool = False) -> Request:
    """A SOQL query; `deleted` includes deleted and archived rows."""
    return Request(
        "GET",
        QUERY_ALL_PATH if deleted else QUERY_PATH,
        query={"q": soql},
        headers={"Sforce-Query-Options": f"batchSize={PAGE_LIMIT}"},
        bucket=CORE,
    )


def rows_of(request: Request, response: Response) -> tuple[list[Row], Mapping[str, Any]]:
    """The rows of a query's answer, and the answer. Raises MalformedAnswerError unless it is a whole one."""
    answer = decode_object(request, response)
    rows, done = answer.get("records"), answer.get("done")
    if not isinstance(rows, list) or not isinstance(done, bool) or not all(isinstance(r, dict) for r in rows):
        raise malformed(request, response, "not a query result")
    if not rows and not done:
        raise malformed(request, response, "an empty page that is not the last")
    return rows, answer


def select_page(
    soql: str, limit: int, *, deleted: bool = False
) -> Operation[tuple[list[Row], bool, Response]]:
    """One page of an ordered query: its rows, whether it is the last, and the answer.

    Salesforce may return fewer rows than asked without being done, so only `done` below the limit ends a
    read.
    """
    request = query_request(f"{soql} LIMIT {limit}", deleted=deleted)
    response = yield request
    rows, answer = rows_of(request, response)
    return rows, bool(answer["done"]) and len(rows) < limit, response


def select_all(
    soql: str, *, deleted: bool = False
) -> Generator[Request, Response, tuple[list[Row], Response]]:
    """Every row of a small query, and the first answer. Follows the CRM's own continuation under our root
    only.
    """
    request = query_request(soql, deleted=deleted)
    first = response = yield request
    rows, answer = rows_of(request, response)
    while not answer["done"]:
        onward = answer.get("nextRecordsUrl")
        if not isinstance(onward, str) or not onward.startswith("/services/data/"):
            raise malformed(request, response, "no way to the next page")
        request = Request("GET", onward, bucket=CORE)
        response = yield request
        more, answer = rows_of(request, response)
        rows += more
    return rows, first


def chunks_within(values: Sequence[str], budget: int, most: int) -> list[list[str]]:
    """Splits literals so that each chunk, percent-encoded and joined, has at most `budget` bytes and `most`
    members.
    """
    chunks: list[list[str]] = []
    room = 0
    for value in values:
        size = len(quote(f"{value},", safe=""))
        if not chunks or size > room or len(chunks[-1]) >= most:
            chunks.append([])
            room = budget
        chunks[-1].append(value)
        room -= size
    return chunks
