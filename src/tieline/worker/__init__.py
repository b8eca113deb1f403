"""Turns queued jobs into flows and their outcomes into decisions. The only place that retries."""
