"""The public HTTP API, one module per family of resources. Handlers take a `Call` and give a response."""
