"""HubSpot: contacts by list, search and batch; calls and communications as activities."""

from tieline.connectors.hubspot.connector import HubSpotConnector

CONNECTOR = HubSpotConnector()
