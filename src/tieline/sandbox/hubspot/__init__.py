"""An emulated HubSpot portal in memory: CRM objects, search, properties, associations, OAuth and limits.

It imports nothing of Tieline outside `tieline.sandbox`: it is an independent opinion on HubSpot.
"""

from tieline.sandbox.hubspot.crm import DEFAULT_TOKEN, HubSpotCrm, create

__all__ = ["DEFAULT_TOKEN", "HubSpotCrm", "create"]
