"""BottleCRM (`django-crm` on PyPI), a CRM that its customers run themselves."""

from tieline.connectors.bottlecrm.connector import BottleCrmConnector

CONNECTOR = BottleCrmConnector()
