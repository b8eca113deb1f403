"""Readable failures for the conformance suite that ships with Tieline."""

import pytest

pytest.register_assert_rewrite(
    "tieline.testing.crm_reads",
    "tieline.testing.crm_writes",
    "tieline.testing.crm_activities",
    "tieline.testing.crm_capabilities",
    "tieline.testing.crm_failures",
)
