"""The promises of a hub, as tests. They run unchanged over the fake hub and over the real one:

class TestRealHub(HubContract):
    @pytest.fixture
    async def hub(self) -> AsyncGenerator[HubUnderTest]: ...
"""

from __future__ import annotations

from lumina_sdk.testing.contract.access import AccessContract
from lumina_sdk.testing.contract.events import EventsContract
from lumina_sdk.testing.contract.gaps import GapsContract
from lumina_sdk.testing.contract.knowledge import KnowledgeContract
from lumina_sdk.testing.contract.models import ModelsContract
from lumina_sdk.testing.contract.pads import PadsContract
from lumina_sdk.testing.contract.queues import QueuesContract
from lumina_sdk.testing.contract.storage import StorageContract
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = [
    "AccessContract",
    "EventsContract",
    "GapsContract",
    "HubContract",
    "HubUnderTest",
    "KnowledgeContract",
    "ModelsContract",
    "PadsContract",
    "QueuesContract",
    "StorageContract",
]


class HubContract(
    AccessContract,
    EventsContract,
    QueuesContract,
    StorageContract,
    PadsContract,
    GapsContract,
    ModelsContract,
    KnowledgeContract,
):
    """All of it."""
