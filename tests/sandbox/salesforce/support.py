"""A client of the sandbox Salesforce for its tests."""

import json
from datetime import UTC, datetime

import httpx2

VERSION = "v68.0"
DATA = f"/services/data/{VERSION}"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Client:
    """Short forms for what the tests ask; paths are below `/services/data/v68.0` unless they start with `/services`."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def login(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
        }
        answer = await self.http.post("/services/oauth2/token", data=form)
        assert answer.status_code == 200, answer.text
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        url = path if path.startswith("/services") else DATA + path
        content = None if body is None else json.dumps(body).encode()
        return await self.http.request(method, url, content=content, params=params, headers=headers)

    async def query(self, soql: str, path: str = "/query", **headers: str) -> httpx2.Response:
        return await self.send("GET", path, params={"q": soql}, headers=headers)

    async def rows(self, soql: str, path: str = "/query") -> list[dict[str, object]]:
        """All rows of all pages, without their `attributes`."""
        answer = await self.query(soql, path)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found = page["records"]
        while not page["done"]:
            page = (await self.send("GET", page["nextRecordsUrl"])).json()
            found += page["records"]
        return [{name: value for name, value in row.items() if name != "attributes"} for row in found]

    async def create(self, sobject: str = "Contact", **fields: object) -> str:
        answer = await self.send("POST", f"/sobjects/{sobject}", fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def read(self, record_id: str, sobject: str = "Contact") -> dict[str, object]:
        answer = await self.send("GET", f"/sobjects/{sobject}/{record_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def admin(self, operation: str, **spec: object) -> dict[str, object]:
        answer = await self.http.post(f"/__sandbox__/{operation}", json=spec)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the code of the first error."""
    return answer.status_code, str(answer.json()[0]["errorCode"])
