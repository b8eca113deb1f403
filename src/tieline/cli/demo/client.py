"""Tieline as its users reach it: the official `retell-sdk` with only its base_url changed.

What the SDK has no method for goes by plain HTTP.

The SDK is the user's program and no dependency of Tieline's: it is loaded by name, and may be missing.
"""

from importlib import import_module
from typing import Any

import httpx2

Json = dict[str, Any]


class SdkMissingError(Exception):
    """The official client is not installed."""


class TielineClient:
    """One organisation's view of a Tieline server. Methods return the SDK's answers as plain objects."""

    def __init__(self, base_url: str, api_key: str) -> None:
        try:
            retell = import_module("retell")
        except ModuleNotFoundError:
            raise SdkMissingError(
                "The demo speaks to Tieline through Retell's official Python client, which is not installed."
                " `make env` installs it with the other development packages (retell-sdk)."
            ) from None
        self.base_url = base_url
        self._sdk = retell.Retell(api_key=api_key, base_url=base_url)
        self._http = httpx2.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {api_key}"}, timeout=10
        )
        self._not_found: type[Exception] = retell.NotFoundError

    def close(self) -> None:
        """Closes its connections."""
        self._sdk.close()
        self._http.close()

    def configure(self, **members: Any) -> Json:
        """SDK: crm.update_config."""
        return _plain(self._sdk.crm.update_config(**members))

    def create_app(self, **members: Any) -> Json:
        """SDK: app.create."""
        return _plain(self._sdk.app.create(**members))

    def test_app(self, app_id: str) -> Json:
        """SDK: app.test_auth."""
        return _plain(self._sdk.app.test_auth(app_id))

    def crm_schema(self) -> Json:
        """SDK: crm.get_schema."""
        return _plain(self._sdk.crm.get_schema())

    def run_sync_job(self) -> Json:
        """SDK: crm.run_sync_job."""
        return _plain(self._sdk.crm.run_sync_job())

    def sync_job(self) -> Json:
        """SDK: crm.get_sync_job_status."""
        return _plain(self._sdk.crm.get_sync_job_status())

    def contact_by_phone(self, phone_number: str) -> Json:
        """SDK: contact.get_by_phone; empty when there is none."""
        try:
            return _plain(self._sdk.contact.get_by_phone(phone_number))
        except self._not_found:
            return {}

    def list_contacts(self, **members: Any) -> Json:
        """SDK: contact.list."""
        return _plain(self._sdk.contact.list(**members))

    def update_contact(self, contact_id: str, **members: Any) -> Json:
        """SDK: contact.update."""
        return _plain(self._sdk.contact.update(contact_id, **members))

    def conversations(self, contact_id: str) -> list[Json]:
        """SDK: contact.list_conversations, newest first."""
        items: list[Json] = _plain(self._sdk.contact.list_conversations(contact_id, limit=50))["items"]
        return items

    def dynamic_variables(self, phone_number: str) -> dict[str, str]:
        """Plain HTTP: GET /get-contact-dynamic-variables/{phone_number}, which the SDK does not have."""
        answer = self._http.get(f"/get-contact-dynamic-variables/{phone_number}")
        answer.raise_for_status()
        variables: dict[str, str] = answer.json()
        return variables

    def define_analysis(self, fields: list[Json]) -> Json:
        """Plain HTTP: PUT /update-analysis-config, which Retell does not have."""
        answer = self._http.put("/update-analysis-config", json={"post_call_analysis_data": fields})
        answer.raise_for_status()
        defined: Json = answer.json()
        return defined

    def take_conversation(self, body: Json) -> Json:
        """Plain HTTP: POST /conversations, for platforms that are not Retell."""
        answer = self._http.post("/conversations", json=body)
        answer.raise_for_status()
        taken: Json = answer.json()
        return taken

    def call(self, call_id: str) -> Json:
        """Plain HTTP: GET /v2/get-call/..., with the evidence that the SDK's type does not have."""
        answer = self._http.get(f"/v2/get-call/{call_id}")
        answer.raise_for_status()
        call: Json = answer.json()
        return call

    def history(self, contact_id: str, field_name: str) -> list[Json]:
        """Plain HTTP: GET /explain-contact-field/..., the ledger of a field; oldest first."""
        answer = self._http.get(f"/explain-contact-field/{contact_id}/{field_name}")
        answer.raise_for_status()
        entries: list[Json] = answer.json()["entries"]
        return entries[::-1]


def _plain(answer: Any) -> Json:
    plain: Json = answer.to_dict(mode="json")
    return plain


def values_of(contact: Json) -> dict[str, Any]:
    """A contact's built-in and custom fields side by side, by name."""
    built_in = ("phone_number", "first_name", "last_name", "do_not_call")
    shown = {name: contact[name] for name in built_in if name in contact}
    return {**shown, **contact.get("custom_fields", {})}
