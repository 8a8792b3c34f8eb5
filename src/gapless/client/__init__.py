"""A client of a hub elsewhere: publish to it, read from it, come back to it."""
