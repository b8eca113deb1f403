"""Short ways to put something into a portal and to look at answers."""

from typing import Any

from starlette.testclient import TestClient

Json = dict[str, Any]
V = "2026-09"
CONTACTS = f"/crm/objects/{V}/contacts"
CALLS = f"/crm/objects/{V}/calls"


def make_contact(client: TestClient, **properties: str) -> str:
    """Id of a new contact; it has at least a first name."""
    answer = client.post(CONTACTS, json={"properties": {"firstname": "Alice", **properties}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def read(client: TestClient, record_id: str, *names: str) -> Json:
    """The named properties of a contact."""
    answer = client.get(f"{CONTACTS}/{record_id}", params={"properties": ",".join(names)})
    assert answer.status_code == 200, answer.text
    properties: Json = answer.json()["properties"]
    return {name: properties.get(name, "left out") for name in names}


def patch(client: TestClient, record_id: str, **properties: object) -> Json:
    answer = client.patch(f"{CONTACTS}/{record_id}", json={"properties": properties})
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def search(client: TestClient, name: str, operator: str, value: object, **more: object) -> list[str]:
    """Ids that a search with one filter finds."""
    wanted = {"propertyName": name, "operator": operator, "value": value}
    answer = client.post(f"{CONTACTS}/search", json={"filterGroups": [{"filters": [wanted]}], **more})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["results"]]


def admin(client: TestClient, path: str, **spec: object) -> Json:
    answer = client.post(f"/__sandbox__/{path}", json=spec)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def to_contact(record_id: str, type_id: int) -> list[Json]:
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
    return [{"to": {"id": record_id}, "types": [kind]}]
