"""An audience: WebSockets of somebody else's endpoints, and what they are told."""
