"""One process's part of the hub: storage joined to fan-out."""
