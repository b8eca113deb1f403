"""All tables, and the job queue's own."""

from tieline.store.migrate import install_queue, run_sql_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything."""
    run_sql_file("0001_initial.sql")
    install_queue()
