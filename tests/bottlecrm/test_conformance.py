"""The conformance suite against a CRM that nobody here wrote, over real HTTP."""

from tieline.testing.conformance import CrmConformance


class TestBottleCrmConformance(CrmConformance):
    """Runs with the `world` of `conftest.py`."""
