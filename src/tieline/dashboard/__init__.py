"""The dashboard: server-rendered pages in the same process as the API, with no logic of their own."""
