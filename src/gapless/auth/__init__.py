"""Who may come in, and where: origins, the server's credential, signed tokens."""
