"""The conformance suite against the sandbox HubSpot, over real HTTP, with both ways to sign in."""

from tieline.testing.conformance import CrmConformance


class TestHubSpotConformance(CrmConformance):
    """Runs with the `world` of `conftest.py`."""
