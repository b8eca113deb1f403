"""What a sales rep does in the CRM, and what goes wrong with a CRM: the sandbox's admin API, for nothing else."""

from typing import Any

import httpx2

from tieline.cli.demo.setting import CRM_NAMES, OTHER_HUBSPOT_TOKEN, WRITE_OPERATION, Account
from tieline.sandbox.hubspot import DEFAULT_TOKEN


class Rep:
    """Works in one sandbox CRM. Fields are given by the names of contact fields."""

    def __init__(self, account: Account) -> None:
        self._provider = account.provider
        self._http = httpx2.Client(base_url=f"{account.crm_url}/__sandbox__", timeout=30)

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def allows_another_program(self) -> None:
        """Makes a second token, where programs have one each."""
        if self._provider == "hubspot":
            self._post("settings", {"access_tokens": [DEFAULT_TOKEN, OTHER_HUBSPOT_TOKEN]})

    def creates(self, **fields: Any) -> str:
        """Creates a contact's record; its id."""
        return str(self._post("create", self._fields(fields))["id"])

    def edits(self, record_id: str, **fields: Any) -> None:
        """Changes a record."""
        self._post("edit", {"id": record_id, **self._fields(fields)})

    def writes_fail(self) -> str:
        """From now on the CRM answers writes of contacts with 503, while reps can work on; the fault's id."""
        match = {"operation": WRITE_OPERATION[self._provider]}
        fault = {"kind": "status", "status": 503, "match": match, "times": None}
        made = self._post("faults", fault)["faults"]
        return str(made[-1]["id"])

    def failures(self, fault_id: str) -> int:
        """How many writes were refused so far."""
        answer = self._http.get("/faults")
        answer.raise_for_status()
        return sum(int(fault["fired"]) for fault in answer.json()["faults"] if fault["id"] == fault_id)

    def writes_work(self, fault_id: str) -> None:
        """The CRM takes writes again."""
        self._http.delete(f"/faults/{fault_id}").raise_for_status()

    def _fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        named = {CRM_NAMES[self._provider][name]: value for name, value in fields.items()}
        if self._provider == "salesforce":
            return {"fields": named}
        # HubSpot's properties are text.
        return {
            "properties": {
                name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in named.items()
            }
        }

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(f"/{path}", json=body)
        if answer.is_error:
            raise RuntimeError(f"the sandbox refused {path}: {answer.text}")
        return answer.json()
