"""Subscribers of every kind, at the pace of their sockets."""
