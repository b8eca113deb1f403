"""Tieline's rules as pure, synchronous functions: values in, values out. No I/O, no clock, no randomness."""
