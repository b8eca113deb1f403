"""One frozen Settings: file, then environment, then flags. Only the bootstrap and entry points read it."""
