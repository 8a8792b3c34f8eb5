"""Isolation: what is sent to one client waits in its own queue, and nobody waits for it."""
