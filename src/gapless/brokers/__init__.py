"""Where publications are numbered and stored, and who is told of them."""
