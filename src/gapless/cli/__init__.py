"""The command line: one verb per file, and what they share. Needs the `server` extra."""
