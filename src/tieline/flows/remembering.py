"""What conversations add to their contact's memory."""

from dataclasses import replace

from tieline.domain.changeset import ContactState
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.ports.store import UnitOfWork


async def with_memory(uow: UnitOfWork, org_id: str, contact: ContactState) -> ContactState:
    """The contact with its memory as one more value; lock it before."""
    memory = await uow.work.memory(org_id, contact.contact_id)
    return replace(contact, values={**contact.values, CONTACT_MEMORY: memory}) if memory else contact
