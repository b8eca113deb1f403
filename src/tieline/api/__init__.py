"""The REST API and the webhooks. Translates between HTTP and flows; decides nothing itself."""
