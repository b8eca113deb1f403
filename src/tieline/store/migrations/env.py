"""Alembic's entry: runs the revisions on the connection of `store.migrate`, in its one transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
