"""What a request is, and who comes in."""
