"""Migrations: SQL files in `sql/`, in the order of the revisions in `versions/`. Nothing else belongs here.

Until the first release there is one, and its SQL is a copy of schema.sql: after a change there, copy it again
(`cp schema.sql migrations/sql/0001_initial.sql`). tests/migration compares the two.
"""
