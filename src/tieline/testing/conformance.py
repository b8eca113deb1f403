"""What every connector must do, whichever CRM it speaks to. One suite, run on sandboxes and, opt-in, on live tenants.

Subclass `CrmConformance` in the connector's tests and give it the fixture `world` (see `tieline.testing.world`):

    class TestPipedriveConformance(CrmConformance):
        @pytest.fixture
        async def world(self): ...

Every test starts with an empty tenant, or with one whose other records do not change while it runs. Register
`tieline.testing.crm_reads` and its siblings with `pytest.register_assert_rewrite` for readable failures.
"""

from tieline.testing.crm_activities import ActivityConformance
from tieline.testing.crm_capabilities import CapabilityConformance
from tieline.testing.crm_failures import FailureConformance
from tieline.testing.crm_reads import ReadConformance
from tieline.testing.crm_writes import WriteConformance


class CrmConformance(
    ReadConformance, WriteConformance, ActivityConformance, FailureConformance, CapabilityConformance
):
    """All of it, in order of worth: reads lose nothing, writes touch nothing else, failures have names.

    A test of what the connector does not declare is skipped, and says so.
    """
