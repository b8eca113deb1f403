"""Language models behind one port, and the deterministic stand-in. Never called inside a transaction."""
