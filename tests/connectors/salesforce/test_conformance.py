"""The conformance suite against the sandbox Salesforce, over real HTTP."""

from tieline.testing.conformance import CrmConformance


class TestSalesforceConformance(CrmConformance):
    """Runs with the `world` of `conftest.py`."""
