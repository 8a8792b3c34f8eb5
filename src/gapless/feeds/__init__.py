"""Things that talk: files, lines and tracebacks as they become publications."""
