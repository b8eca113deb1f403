"""The conformance suite against the sandbox HubSpot, over real HTTP, with both ways to sign in."""

from tieline.testing.conformance import CrmConformance
from tieline.testing.crm_failures import FailureConformance


class TestHubSpotConformance(CrmConformance):
    """Runs with the `world` of `conftest.py`, signed in with a static token."""


class TestHubSpotConformanceWithOAuth(FailureConformance):
    """What depends on how one signs in."""

    oauth = True
