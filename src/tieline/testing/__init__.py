"""Public helpers for tests: conformance suites, the simulated world, factories."""
