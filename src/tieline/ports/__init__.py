"""What flows need from the outside, as Protocols and plain dataclasses. Never an implementation."""
