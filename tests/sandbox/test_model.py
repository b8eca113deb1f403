"""The emulated model finds what shows by its shape, quotes it word for word, and answers null for everything else."""

import json
from typing import Any

import httpx2
import pytest

from tieline.sandbox.model import answers, create_model

TRANSCRIPT = (
    "Agent: I note that you are new.\n"
    "User: Please send the invoice to our warehouse. No, mark me as contacted. Call me next Tuesday.\n"
    "User: It is jane.doe at example dot com.\n"
)


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ({"type": "enum", "choices": ["New", "Contacted"]}, ("Contacted", "No, mark me as contacted.")),
        ({"type": "enum", "choices": ["Lost"]}, None),
        ({"type": "email"}, ("jane.doe@example.com", "It is jane.doe at example dot com.")),
        ({"type": "date"}, ({"said": "next Tuesday", "iso": ""}, "Call me next Tuesday.")),
        (
            {"type": "string", "examples": ["Where the warehouse is"]},
            ("Please send the invoice to our warehouse.", "Please send the invoice to our warehouse."),
        ),
        ({"type": "string"}, None),
        ({"type": "number"}, None),
    ],
)
def test_answers(field: dict[str, Any], answer: Any) -> None:
    found = answers({"transcript": TRANSCRIPT, "fields": [{"name": "x", **field}]})["x"]
    assert (None if found is None else (found["value"], found["quote"])) == answer
    if found is not None:
        assert found["quote"] in TRANSCRIPT


async def test_it_speaks_openais_chat_api() -> None:
    data = {"transcript": TRANSCRIPT, "fields": [{"name": "mail", "type": "email", "about_all": False}]}
    body = {
        "model": "any",
        "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": json.dumps(data)}],
    }
    transport = httpx2.ASGITransport(app=create_model())
    async with httpx2.AsyncClient(transport=transport, base_url="http://model") as client:
        answer = (await client.post("/v1/chat/completions", json=body)).json()
    (choice,) = answer["choices"]
    assert json.loads(choice["message"]["content"])["mail"]["value"] == "jane.doe@example.com"
    assert answer["usage"]["total_tokens"] > 0
