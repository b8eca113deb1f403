"""One module per data flow: read, plan, act, checkpoint. Knows ports and domain, never an adapter."""
