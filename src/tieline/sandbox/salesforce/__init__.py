"""An emulated Salesforce organisation over its REST, Bulk 2.0 query and OAuth interfaces."""

from tieline.sandbox.salesforce.crm import SalesforceCrm, create

__all__ = ["SalesforceCrm", "create"]
