"""Every table that a flow's SQL changes has a copy for dry runs, and no SQL looks past the copies."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from tieline.store.shadow import COPIED

QUERIES = Path(str(files("tieline.store") / "queries"))
CHANGES = re.compile(r"^\s*(?:with .* as \()?\s*(?:insert into|update|delete from|copy)\s+(\w+)", re.M | re.I)
FLOWS = ("flows", "work", "creations", "brake", "usage", "passes")


@pytest.mark.parametrize("group", FLOWS)
def test_what_flows_change_has_a_copy(group: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (QUERIES / group).glob("*.sql")]
    changed = {table for text in texts for table in CHANGES.findall(text)}
    assert changed
    assert changed <= set(COPIED)


def test_no_query_names_a_schema() -> None:
    named = [path.name for path in QUERIES.rglob("*.sql") if re.search(r"\bpublic\.", path.read_text())]
    assert named == []
