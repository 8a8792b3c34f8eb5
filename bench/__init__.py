"""How fast the hub is, beside its peers and the limit of the system call: `python -m bench`."""
