"""PostgreSQL behind the store port: queries, migrations, secrets, the embedded server. Decides nothing."""
