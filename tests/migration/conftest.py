"""The servers of the integration suite."""

from tests.integration.conftest import db_url, pg_server, template_url

__all__ = ["db_url", "pg_server", "template_url"]
