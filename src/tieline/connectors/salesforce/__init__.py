"""Salesforce: contacts by SOQL and Bulk API 2.0, writes by sObject Collections, conversations as Tasks."""

from tieline.connectors.salesforce.connector import SalesforceConnector

CONNECTOR = SalesforceConnector()
