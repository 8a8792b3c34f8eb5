"""A file, the environment and flags, as settings of a hub."""
