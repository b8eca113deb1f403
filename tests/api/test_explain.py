"""Where a value came from, through the API."""

import httpx2


async def test_a_field_tells_who_set_it_and_what_it_replaced(api: httpx2.AsyncClient) -> None:
    made = await api.post("/create-contact", json={"phone_number": "+14155550123", "first_name": "Alice"})
    contact_id = made.json()["contact_id"]
    await api.patch(f"/update-contact/{contact_id}", json={"first_name": "Alicia"})
    answer = await api.get(f"/explain-contact-field/{contact_id}/first_name")
    assert answer.status_code == 200
    told = answer.json()
    assert told["value"] == "Alicia"
    assert [(e["value"], e["replaced"], e["outcome"]) for e in told["entries"]] == [
        ("Alicia", "Alice", "set"),
        ("Alice", None, "set"),
    ]
    assert all("API key client" in entry["source"] for entry in told["entries"])
    oldest = told["entries"][0]["entry_id"]
    page = await api.get(f"/explain-contact-field/{contact_id}/first_name", params={"before": oldest})
    assert [entry["value"] for entry in page.json()["entries"]] == ["Alice"]


async def test_an_unknown_contact_or_field_is_not_found(api: httpx2.AsyncClient) -> None:
    made = await api.post("/create-contact", json={"phone_number": "+14155550123"})
    contact_id = made.json()["contact_id"]
    assert (await api.get("/explain-contact-field/contact_x/first_name")).status_code == 404
    assert (await api.get(f"/explain-contact-field/{contact_id}/shoe_size")).status_code == 404
