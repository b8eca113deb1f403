"""What platforms send: their signatures, and their payloads as reports of conversations."""
