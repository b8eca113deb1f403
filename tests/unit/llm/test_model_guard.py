"""No test can reach a paid model."""

import os

import pytest
from tests import model_guard

from tieline.llm.asking import Asker
from tieline.llm.models import ModelSpec
from tieline.ports.llm import LlmError, ModelUse


@pytest.mark.parametrize("host", ["192.0.2.1", "8.8.8.8"])
def test_no_socket_leaves_this_machine(host: str) -> None:
    assert not model_guard.reaches(host)
    assert model_guard.reaches("127.0.0.1")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
async def test_a_providers_own_address_is_not_asked(provider: str) -> None:
    spec = ModelSpec(ModelUse.MERGE, "a-model", provider=provider, api_key="k")  # type: ignore[arg-type]
    with pytest.raises(LlmError, match="RuntimeError"):
        await Asker.at(spec).text("x", {})


@pytest.mark.usefixtures("loopback_models")
async def test_a_client_that_may_send_still_stays_on_loopback() -> None:
    spec = ModelSpec(ModelUse.MERGE, "a-model", base_url="http://192.0.2.1/v1", timeout_s=5)
    with pytest.raises(LlmError):
        await Asker.at(spec).text("x", {})


def test_processes_that_tests_start_inherit_no_key() -> None:
    assert not [name for name in os.environ if "OPENAI_" in name or "MODEL" in name]
