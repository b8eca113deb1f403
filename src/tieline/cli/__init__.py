"""The command line. Each command calls a flow and prints what came of it."""
