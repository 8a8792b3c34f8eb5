"""A process of one's own: the socket, the HTTP protocol and the settings of an ASGI server."""
