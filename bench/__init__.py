"""Benchmarks, run by `make bench`. Never part of the tests: they report, they do not judge."""
