"""ADDING_A_CRM.md names only what there is."""

import importlib
import re
from pathlib import Path

import pytest

from tieline.ports.crm import Connector


@pytest.fixture(scope="module")
def guide(repository: Path) -> str:
    return (repository / "ADDING_A_CRM.md").read_text(encoding="utf-8")


def test_every_module_and_class_that_the_guide_names_exists(guide: str) -> None:
    named = set(re.findall(r"`(tieline(?:\.\w+)+)`", guide))
    assert len(named) >= 4
    for dotted in named:
        module, _, last = dotted.rpartition(".")
        try:
            importlib.import_module(dotted)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), last), dotted


def test_every_file_that_the_guide_names_exists(guide: str, repository: Path) -> None:
    named = set(re.findall(r"`((?:tests|src)/[\w/.]+)`", guide))
    assert named
    for path in named:
        assert (repository / path).exists(), path


def test_every_operation_in_the_guides_table_is_one(guide: str) -> None:
    table = re.findall(r"^\| (`[^|]+`) \|", guide, re.MULTILINE)
    operations = [name for cell in table for name in re.findall(r"`(\w+)`", cell)]
    assert "update_contacts" in operations
    for name in operations:
        assert hasattr(Connector, name), name
