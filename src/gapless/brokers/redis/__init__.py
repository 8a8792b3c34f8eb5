"""Redis as the broker: many nodes, one hub. Redis numbers, stores and notifies, in scripts."""
