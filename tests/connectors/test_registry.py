"""Connectors are found by entry point, and nowhere else."""

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from tieline.connectors.registry import GROUP, UnknownProviderError, get_connector, providers, with_spec


def test_the_installed_connectors_are_found() -> None:
    assert {"hubspot", "salesforce"} <= set(providers())
    assert get_connector("salesforce").spec.provider == "salesforce"


def test_an_unknown_provider_names_those_that_are_there() -> None:
    with pytest.raises(UnknownProviderError, match=r"installed: .*salesforce"):
        get_connector("pipedrive")


def test_a_connector_must_call_itself_what_it_is_registered_as() -> None:
    entry = EntryPoint("pipedrive", "tieline.connectors.salesforce:CONNECTOR", GROUP)
    with pytest.raises(UnknownProviderError, match="calls itself 'salesforce'"):
        get_connector("pipedrive", {"pipedrive": entry})


def test_a_redeclared_connector_differs_in_its_spec_alone() -> None:
    plain = get_connector("hubspot")
    hasty = with_spec(plain, activity_settle_s=1.0)
    assert hasty.spec == replace(plain.spec, activity_settle_s=1.0)
    assert hasty.describe == plain.describe
    assert plain.spec.activity_settle_s != 1.0
