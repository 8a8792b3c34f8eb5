"""CodeWorm: a worker that documents a checkout and narrates it through a hub."""
