"""Pure state: rings, cursors, outboxes and presence, without I/O, clock or loop."""
