"""Centrifugo's own configuration: its file, and what its environment variables say over it."""
